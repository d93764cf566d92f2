"""A worker that is watched and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from archc.diagnostics import DiagnosticError
from archc.train import Job, supervisor, train
from archc.train.heartbeat import COMPILING, VARIABLE, Heart, Pulse
from archc.train.scratch import scratch
from archc.train.supervisor import Limits, supervise

# What the launcher starts in these tests instead of `archc`: it does what its words say, each
# start its own.
PLAYED = """
import os, pathlib, signal, subprocess, sys, time
from archc.train.heartbeat import Heart
from archc.train.supervisor import work
here = pathlib.Path(sys.argv[1])
start = len(list(here.glob("start-*")))
(here / f"start-{start}").write_text(os.environ["ARCHC_RESTART"])
(here / f"pid-{start}").write_text(str(os.getpid()))
played = sys.argv[2:][min(start, len(sys.argv[2:]) - 1)]
heart = Heart()
def play():
    if played == "crash":
        raise RuntimeError("the device fell off the bus")
    if played == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if played == "child":
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        (here / "child").write_text(str(child.pid))
        os.kill(os.getpid(), signal.SIGKILL)
    if played == "stalled":
        heart.before("step")
        heart.before("step")
        os.kill(os.getpid(), signal.SIGSTOP)
    if played == "deaf":
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
        (here / "ready").touch()
        time.sleep(600)
    return int(played)
sys.exit(work(play))
"""


@pytest.fixture
def played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which the workers leave their traces."""
    script = tmp_path / "played.py"
    script.write_text(PLAYED)
    monkeypatch.setattr(supervisor, "COMMAND", (sys.executable, str(script)))
    folder = tmp_path / "traces"
    folder.mkdir()
    return folder


def starts(folder: Path) -> list[str]:
    """Why each worker was started."""
    return [path.read_text() for path in sorted(folder.glob("start-*"))]


def gone(pid: int) -> bool:
    """Whether a process is over; it may be about to be."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("status", [0, 1, 2, 130])
def test_who_says_why_is_not_started_again(played: Path, status: int) -> None:
    assert supervise([str(played), str(status)], "run", Limits()) == status
    assert starts(played) == [""]


def test_who_is_lost_is_started_again(played: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert supervise([str(played), "killed", "crash", "0"], "run", Limits(restarts=2)) == 0
    assert starts(played) == [
        "", "the worker was killed by SIGKILL", "the worker crashed with exit status 70",
    ]  # fmt: skip
    said = capfd.readouterr().err
    assert "warning: the worker was killed by SIGKILL; restart 1 of 2\n" in said
    assert "RuntimeError: the device fell off the bus" in said
    assert "warning: the worker crashed with exit status 70; restart 2 of 2\n" in said


def test_not_for_ever(played: Path) -> None:
    with pytest.raises(DiagnosticError, match="killed by SIGKILL, after 2 restarts") as caught:
        supervise([str(played), "killed"], "runs/a", Limits(restarts=2))
    assert caught.value.diagnostics[0].code == "E0830"
    assert "--resume runs/a" in str(caught.value)
    assert len(starts(played)) == 3


def test_who_is_silent_is_killed_and_started_again(played: Path) -> None:
    began = time.monotonic()
    assert supervise([str(played), "stalled", "0"], "run", Limits(stall=1)) == 0
    assert 1 < time.monotonic() - began < 20
    assert starts(played) == ["", "the worker made no step in 1 seconds and was killed"]
    assert gone(int((played / "pid-0").read_text()))


def test_nothing_of_a_lost_worker_is_left(played: Path) -> None:
    assert supervise([str(played), "child", "0"], "run", Limits()) == 0
    assert gone(int((played / "child").read_text()))


def test_a_signal_when_the_worker_has_just_left(
    played: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second Ctrl-C, say, between two looks at it."""

    def late(seconds: float) -> None:
        pid = played / "pid-0"
        if not (pid.exists() and pid.read_text()):
            time.sleep(seconds)
        elif gone(int(pid.read_text())):
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(supervisor, "sleep", late)
    assert supervise([str(played), "0"], "run", Limits()) == 0


def test_a_signal_is_handed_on(played: Path) -> None:
    """To a launcher in a process of its own: it is a worker's to end."""
    script = played.parent / "launch.py"
    script.write_text(
        "import sys\n"
        "from archc.train import supervisor\n"
        f"supervisor.COMMAND = (sys.executable, {str(played.parent / 'played.py')!r})\n"
        f"sys.exit(supervisor.supervise([{str(played)!r}, 'deaf'], 'run', supervisor.Limits()))\n"
    )
    for number, status in ((signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL)):
        launcher = subprocess.Popen([sys.executable, str(script)])
        while not (played / "ready").exists():
            time.sleep(0.05)
        (played / "ready").unlink()
        pid = int(max(played.glob("pid-*")).read_text())
        launcher.send_signal(number)
        assert launcher.wait(20) == status
        assert gone(pid)


def test_what_a_killed_launcher_has_left_is_cleared_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the next one; what a launcher that lives works in is left alone."""
    holds = (
        "import os, sys\n"
        "from archc.train.scratch import scratch\n"
        "with scratch() as folder:\n"
        "    (folder / 'beats').mkdir()\n"
        "    print(folder, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "archc-other").mkdir()
    (tmp_path / "archc-launcher-link").symlink_to(tmp_path / "archc-other")
    others = [
        subprocess.Popen(
            [sys.executable, "-c", holds],
            env={**os.environ, "TMPDIR": str(tmp_path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    folders = [Path(other.stdout.readline().strip()) for other in others if other.stdout]
    assert [folder.parent for folder in folders] == [tmp_path] * 2
    others[0].kill()
    others[0].communicate()
    with scratch() as mine:
        assert not folders[0].exists()
        assert (folders[1] / "beats").exists()
        others[1].communicate()
        assert not folders[1].exists()
        assert mine.is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "archc-launcher-link", "archc-other",
    ]  # fmt: skip


def test_a_beat_is_a_file_of_the_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("archc.train.heartbeat.monotonic", lambda: now)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    pulse = Pulse(tmp_path, os.getpid(), 60)
    now = 10_000
    assert not pulse.stopped(), "before the first beat"
    heart = Heart()
    heart.before("step", 32)
    assert not pulse.stopped()
    now += 60 + COMPILING - 1
    assert not pulse.stopped(), "a step of this size is compiled"
    os.utime(tmp_path / str(os.getpid()), (1, 1))
    heart.before("step", 32)
    assert not pulse.stopped()
    now += 59
    assert not pulse.stopped()
    now += 2
    assert pulse.stopped()
    monkeypatch.delenv(VARIABLE)
    before = sorted(tmp_path.iterdir())
    Heart().before("step")
    assert sorted(tmp_path.iterdir()) == before


def test_a_run_that_goes_on_is_left_alone(job: Callable[..., Job], tmp_path: Path) -> None:
    """Two processes would write into one folder."""
    run = tmp_path / "run"
    train(job(run_dir=run, epochs=1))
    holds = (
        "import sys\n"
        "from archc.train.record import lock\n"
        "file = open(sys.argv[1], 'a')\n"
        "lock(file.fileno())\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", holds, str(run / "metrics.jsonl")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(DiagnosticError, match="a process trains it") as caught:
            train(job(run_dir=run, epochs=2, resume=True))
        assert caught.value.diagnostics[0].code == "E0831"
        other.communicate()
    assert train(job(run_dir=run, epochs=2, resume=True)).epochs == 2
