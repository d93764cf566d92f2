"""Runs that are killed, find no room or hang: nothing is lost, and nothing is left behind."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from archc.cli import main

from .test_resume import checkpoints, rows, same

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0
"""Seconds after which a test that waits for something gives up."""

NET = """
net small(classes = 10) {
  input(1x8x8)
  conv(3, 2, 4) bn relu
  dropout(0.5)
  fc(classes) softmax
  recipe {
    augment { resize(8) shift(1) subtract_mean scale(1/255) }
    evaluate { resize(8) subtract_mean scale(1/255) }
    init { conv, fc: he, bias 0 }
    optimizer sgd(lr = 0.05, momentum = 0.9, weight_decay = 0.001)
    batch 32 epochs 20
  }
}
"""
EPOCHS = 20
LENGTH = 5 * EPOCHS
"""Steps of a run: 150 images, the last batch of an epoch has 22. With their saves they take some
seconds, so that a test that is kept waiting by a busy machine still strikes before the end."""


def environment() -> dict[str, str]:
    path = os.pathsep.join([str(ROOT), str(ROOT / "backends")])
    return {**os.environ, "PYTHONPATH": path}


class Launched:
    """`archc train` in a process of its own, and all that it starts."""

    def __init__(self, *words: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "archc", "train", *map(str, words)],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.ever: set[int] = {self.process.pid}
        """Every process of it that was seen."""

    def tree(self) -> list[int]:
        """The processes that descend from the launcher, the nearest first."""
        parents: dict[int, int] = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, parent = path.read_text().rsplit(")", 1)[1].split()[:2]
            except (FileNotFoundError, ProcessLookupError):
                continue
            if state != "Z":
                parents[int(path.parent.name)] = int(parent)
        found = [self.process.pid]
        for each in found:
            found += [pid for pid, parent in parents.items() if parent == each]
        self.ever.update(found)
        return found[1:]

    def workers(self) -> list[int]:
        """The processes that the launcher has started."""
        return [pid for pid in self.tree() if parent_of(pid) == self.process.pid]

    def reaches(self, run: Path, steps: int) -> None:
        """Wait until a checkpoint of that many steps is there."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if (run / "checkpoints").is_dir() and newest(run) >= steps:
                self.tree()
                return
            assert self.process.poll() is None, self.process.communicate()[0]
            time.sleep(0.02)
        pytest.fail(f"{steps} steps were not reached")

    def ends(self, status: int) -> str:
        """What it said, once it has ended with that status and left no process."""
        said = self.process.communicate(timeout=PATIENCE)[0]
        assert self.process.returncode == status, said
        self.leaves_nothing()
        return said

    def leaves_nothing(self) -> None:
        deadline = time.monotonic() + 10
        while any(map(lives, self.ever)):
            assert time.monotonic() < deadline, "a process was left behind"
            time.sleep(0.05)


def parent_of(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def newest(run: Path) -> int:
    """The steps of the newest checkpoint."""
    steps = 0
    for name in checkpoints(run):
        if not name.startswith("."):
            parts = name.split("-")
            steps = max(steps, 5 * int(parts[1]) + (int(parts[3]) if len(parts) > 2 else 0))
    return steps


DEVICES = {"torch": "cpu", "torch-3": "cpu:3", "torch-4": "cpu:4", "jax": "cpu:2"}


def words_for(backend: str) -> tuple[str, ...]:
    name = backend.partition("-")[0]
    words = ("--backend", name, "--device", DEVICES[backend], "--data", "generated:150")
    return (*words, "--save-every", "1", "--quiet")


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("net") / "small.arch"
    path.write_text(NET)
    return path


@pytest.fixture(scope="module")
def wholes(spec: Path) -> dict[str, Path]:
    """By backend a run that nothing came between, once one was asked for."""
    return {}


def whole(wholes: dict[str, Path], spec: Path, backend: str) -> Path:
    if backend not in wholes:
        run = spec.parent / f"whole-{backend}"
        words = (str(spec), *words_for(backend), "-o", str(run))
        if backend == "torch":
            # With as many threads as the processes that are started: those of the environment.
            assert main(["train", *words]) == 0
        else:
            Launched(*words).ends(0)
        wholes[backend] = run
    return wholes[backend]


def assert_same(run: Path, other: Path) -> None:
    """Two runs gave the same, to the last bit."""
    assert rows(run) == rows(other)
    for name in ("weights", "best"):
        assert same(run / f"{name}.safetensors", other / f"{name}.safetensors")
    for name in ("weights", "optimizer", "rng"):
        last = f"checkpoints/epoch-{EPOCHS:05}/{name}.safetensors"
        assert same(run / last, other / last)


BACKENDS = [*DEVICES]
WATCHED = ("--restarts", "3")
"""What has one device watched too."""


def test_nothing_is_lost(spec: Path, wholes: dict[str, Path], tmp_path: Path) -> None:
    """A worker is killed and started again, stopped, and its launcher killed: the stopped one does
    not outlive it, and the run goes on."""
    run = tmp_path / "run"
    launched = Launched(spec, *words_for("torch"), *WATCHED, "-o", run)
    launched.reaches(run, 7)
    os.kill(launched.workers()[0], signal.SIGKILL)
    launched.reaches(run, 16)
    os.kill(launched.workers()[0], signal.SIGSTOP)
    launched.process.kill()
    said = launched.ends(-signal.SIGKILL)
    assert "was killed by SIGKILL; restart 1 of 3\n" in said
    assert newest(run) < LENGTH
    Launched("--resume", run, "--quiet").ends(0)
    assert_same(run, whole(wholes, spec, "torch"))


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_killed_worker_is_started_again(
    backend: str, spec: Path, wholes: dict[str, Path], tmp_path: Path
) -> None:
    """Twice, the first one and the last one of them, each at some moment within some step: most
    often that is within a save."""
    run, chance = tmp_path / "run", random.Random(1)
    launched = Launched(spec, *words_for(backend), *WATCHED, "-o", run)
    for steps, rank in ((7, 0), (22, -1)):
        launched.reaches(run, steps)
        time.sleep(chance.random() / 10)
        os.kill(launched.workers()[rank], signal.SIGKILL)
        deadline = time.monotonic() + PATIENCE
        seen = len(launched.ever)
        while len(launched.ever) == seen and time.monotonic() < deadline:
            launched.tree()
            time.sleep(0.05)
    said = launched.ends(0)
    assert re.search(r"^warning: .*worker.* was killed by SIGKILL; restart 2 of 3$", said, re.M)
    assert_same(run, whole(wholes, spec, backend))
    about = json.loads((run / "run.json").read_text())
    assert about["restart"].endswith("was killed by SIGKILL")
    assert [bool(piece["restart"]) for piece in about["earlier"]] == [False, True]


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("victim", ["launcher", "tree"])
def test_a_run_whose_launcher_was_killed_goes_on(
    backend: str, victim: str, spec: Path, wholes: dict[str, Path], tmp_path: Path
) -> None:
    run, chance = tmp_path / "run", random.Random(2)
    launched = Launched(spec, *words_for(backend), *WATCHED, "-o", run)
    launched.reaches(run, 16)
    time.sleep(chance.random() / 10)
    for pid in [launched.process.pid, *(launched.tree() if victim == "tree" else ())]:
        os.kill(pid, signal.SIGKILL)
    launched.ends(-signal.SIGKILL)
    before = newest(run)
    assert before < LENGTH
    Launched("--resume", run, "--quiet").ends(0)
    assert_same(run, whole(wholes, spec, backend))


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_ctrl_c_is_the_workers(
    backend: str, spec: Path, wholes: dict[str, Path], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    launched = Launched(spec, *words_for(backend), *WATCHED, "-o", run)
    launched.reaches(run, 12)
    launched.process.send_signal(signal.SIGINT)
    assert "interrupted" in launched.ends(130)
    assert 12 <= newest(run) < LENGTH
    assert json.loads((run / "run.json").read_text())["status"] == "interrupted"
    Launched("--resume", run, "--quiet").ends(0)
    assert_same(run, whole(wholes, spec, backend))


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_stopped_worker_is_replaced(
    backend: str, spec: Path, wholes: dict[str, Path], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    launched = Launched(spec, *words_for(backend), *WATCHED, "--stall", "4", "-o", run)
    launched.reaches(run, 11)
    os.kill(launched.workers()[0], signal.SIGSTOP)
    said = launched.ends(0)
    assert re.search(
        r"^warning: .*worker.* made no step in 4 seconds .*; restart 1 of 3$", said, re.M
    )
    assert_same(run, whole(wholes, spec, backend))


def script(folder: Path, *words: object) -> dict[str, object]:
    """What the script of crashes found."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.train.crash_script", str(folder), *map(str, words)],
        cwd=ROOT,
        env={**environment(), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("fault", "step"),
    [
        ("kill", 83),
        ("full", 11),
        pytest.param("kill", 3, marks=pytest.mark.slow),
        pytest.param("full", 1, marks=pytest.mark.slow),
    ],
)
def test_at_any_touch_of_a_file(fault: str, step: int, tmp_path: Path) -> None:
    """Killed, or without room on the disk, in the middle of saves."""
    found = script(tmp_path, fault, step)
    assert found["wrong"] == []
    assert isinstance(found["total"], int)
    assert found["total"] > 3 * step


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 kB; only who may mount one has it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount: Sequence[str] = ("mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(disk))
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no file system can be mounted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.slow
def test_a_full_disk(small_disk: Path, spec: Path, wholes: dict[str, Path], tmp_path: Path) -> None:
    """The error says so, what is there stays whole, and with room the run goes on."""
    run = small_disk / "run"
    ballast = small_disk / "ballast"
    launched = Launched(spec, *words_for("torch"), "-o", run)
    launched.reaches(run, 8)
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    said = launched.ends(1)
    assert "error[E0805]" in said
    assert "No space left on device" in said
    ballast.unlink()
    assert 8 <= newest(run) < LENGTH
    Launched("--resume", run, "--quiet").ends(0)
    assert_same(run, whole(wholes, spec, "torch"))
