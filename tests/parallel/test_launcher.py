"""`archc train` on several devices, and torchrun: workers in processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import archc_torch
import numpy as np
import pytest
from archc_torch import launcher
from safetensors.numpy import load_file

from archc.cli import main
from archc.diagnostics import DiagnosticError
from archc.driver import check, compile_graph
from archc.source import Source

ARCHC = (sys.executable, "-m", "archc")
TORCHRUN = (sys.executable, "-m", "torch.distributed.run")

NET = """
net nano(classes = 10) {
  input(1x8x8)
  conv(3, 1, 4) bn relu  fc(classes) softmax
  recipe {
    augment { scale(1/16) }  evaluate { scale(1/16) }
    optimizer sgd(lr = 0.1, momentum = 0.9)  batch 64  epochs 3
  }
}
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with a small net."""
    (tmp_path / "nano.arch").write_text(NET)
    return tmp_path


def run(folder: Path, *words: str, by: tuple[str, ...] = ARCHC) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*by, *words], cwd=folder, capture_output=True, text=True, check=False, timeout=300
    )


def rows(run_dir: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]


def workers(folder: Path, words: str) -> list[int]:
    """The process numbers of what trains in a folder now, with these words."""
    found = subprocess.run(
        ["pgrep", "-f", f"archc_torch train .*{words}"],
        capture_output=True,
        text=True,
        check=False,
    )
    return [int(word) for word in found.stdout.split() if _works_in(folder, word)]


def _works_in(folder: Path, process: str) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{process}/cwd").readlink() == folder
    return False


def test_the_run_of_two_workers_is_that_of_one(here: Path) -> None:
    words = ("nano.arch", "--data", "generated:300", "--epochs", "2")
    done = run(here, "train", *words, "--device", "cpu:2", "-o", "two")
    assert (done.returncode, done.stderr) == (0, "")
    first, *epochs, saved, last = done.stdout.splitlines()
    assert "10 classes; cpu:2; two" in first
    assert [line.split()[1] for line in epochs] == ["1/2", "2/2"]
    assert saved == "weights saved in two/weights.safetensors"
    assert main(["train", str(here / words[0]), *words[1:], "-o", str(here / "one")]) == 0
    for one, two in zip(rows(here / "one"), rows(here / "two"), strict=True):
        # float32: sums of 64 images' gradients in another order, over 10 steps.
        assert two["loss"] == pytest.approx(one["loss"], rel=1e-3)
        assert two["test_wrong"] == pytest.approx(one["test_wrong"], abs=1)
    assert last.endswith(f"({rows(here / 'two')[-1]['test_wrong']} of 60)")
    assert not (here / "two" / "workers").exists()
    about = json.loads((here / "two" / "run.json").read_text())
    assert about["requested_device"] == "cpu:2"


@pytest.mark.slow
def test_two_workers_measure_what_one_does(here: Path) -> None:
    assert main(["train", str(here / "nano.arch"), "-o", str(here / "one"), "--quiet"]) == 0
    (alone, two) = (
        run(here, "evaluate", "one", "--device", device, "--quiet") for device in ("cpu", "cpu:2")
    )
    assert (alone.returncode, two.returncode) == (0, 0)
    assert alone.stdout == two.stdout
    assert two.stdout.startswith("test error")


def test_a_fault_is_said_once_and_not_tried_again(here: Path) -> None:
    done = run(here, "train", "nano.arch", "--device", "cpu:2", "--set", "classes=7", "-o", "a")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "error[E0708]: the data set 'digits' has 10 classes, the net tells 7 apart",
        "  = help: --set classes=10",
    ]
    assert not (here / "a").exists()


def test_other_processes_than_devices() -> None:
    graph = check(Source("nano.arch", NET))
    assert graph.recipe is not None
    with pytest.raises(DiagnosticError, match="each of which needs a process; 1 process was") as e:
        archc_torch.backend.engine(
            compile_graph(graph, "torch"), graph, graph.recipe, device="cpu:2", seed=0
        )
    assert e.value.diagnostics[0].code == "E0606"


def test_machines_that_do_not_meet(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody listens, and the address is of another machine (RFC 5737)."""
    monkeypatch.setattr(launcher, "PATIENCE", 1.0)
    words = ["train", str(here / "nano.arch"), "-o", str(here / "run"), "--hosts", "2"]
    for host, address in ((1, "127.0.0.1:9"), (0, "192.0.2.1:29400"), (0, "127.0.0.1:29433")):
        assert main([*words, "--host", str(host), "--meet", address]) == 1
        assert f"error[E0832]: the machines of this run do not meet at {address}" in (
            capsys.readouterr().err
        )


def started(folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen([*ARCHC, *words], cwd=folder, text=True, stdout=subprocess.PIPE)


def until(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return
    pytest.fail(f"it ended before it said {text}")


def gone(folder: Path, words: str) -> bool:
    for _ in range(100):
        if not workers(folder, words):
            return True
        time.sleep(0.1)
    return False


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_launcher_saves_and_leaves(here: Path, number: int) -> None:
    process = started(here, "train", "nano.arch", "--device", "cpu:2", "--epochs", "500", "-o", "a")
    until(process, "epoch   2/500")
    process.send_signal(number)
    said, _ = process.communicate(timeout=100)
    assert process.returncode == 130
    assert said.splitlines()[-3].startswith("Ctrl-C" if number == signal.SIGINT else "SIGTERM")
    assert (here / "a" / "weights.safetensors").exists()
    assert gone(here, "-o a")


@pytest.mark.slow
def test_a_lost_worker_and_a_lost_launcher(here: Path) -> None:
    """The run ends as one that nothing came between, to the bit."""
    words = ("train", "nano.arch", "--device", "cpu:3", "--epochs", "30")
    assert run(here, *words, "-o", "whole").returncode == 0
    process = started(here, *words, "-o", "hurt", "--save-every", "10")
    until(process, "epoch  3/30")
    os.kill(workers(here, "-o hurt")[1], signal.SIGKILL)
    until(process, "note: going on")
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert gone(here, "-o hurt")
    done = run(here, "train", "--resume", "hurt", "--stall", "5")
    assert done.returncode == 0
    assert "note: going on" in done.stdout
    whole, hurt = (load_file(here / name / "weights.safetensors") for name in ("whole", "hurt"))
    assert all(np.array_equal(hurt[name], array) for name, array in whole.items())
    for one, other in zip(rows(here / "whole"), rows(here / "hurt"), strict=True):
        assert {**one, "images_per_second": 0} == {**other, "images_per_second": 0}


@pytest.mark.slow
def test_torchrun_by_hand(here: Path) -> None:
    words = ("train", "nano.arch", "--device", "cpu", "--epochs", "1", "-o", "a")
    by = (*TORCHRUN, "--standalone", "--nproc-per-node", "2", "-m", "archc_torch")
    done = run(here, *words, by=by)
    assert done.returncode == 0, done.stderr
    assert "; cpu:2; a" in done.stdout
    assert done.stdout.count("epoch 1/1") == 1
    again = run(here, *words, by=by)
    assert again.returncode == 1
    assert again.stderr.count("error[E0804]") == 1
