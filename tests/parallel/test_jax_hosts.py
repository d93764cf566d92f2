"""`archc train --backend jax` on two machines: here launchers that meet on loopback."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.train.test_resume import rows, same

pytestmark = pytest.mark.slow

NET = """
net nano(classes = 10) {
  input(1x8x8)
  towers(2) { conv(3, 1, 2) bn relu }  fc(classes) softmax
  recipe {
    augment { scale(1/255) }  evaluate { scale(1/255) }
    optimizer sgd(lr = 0.1, momentum = 0.9)  batch 64  epochs 3
  }
}
"""
WORDS = ("train", "nano.arch", "--backend", "jax", "--data", "generated:150")


def started(folder: Path, *words: str) -> subprocess.Popen[str]:
    (folder / "nano.arch").write_text(NET)
    return subprocess.Popen(
        [sys.executable, "-m", "archc", *WORDS, *words],
        cwd=folder,
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def two(folder: Path, run: str, *words: str) -> list[subprocess.Popen[str]]:
    """Two machines with two devices each, which train a run."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        meet = f"127.0.0.1:{free.getsockname()[1]}"
    all_of_them = ("--device", "cpu:2", "--hosts", "2", "--meet", meet, "-o", run, *words)
    return [started(folder, *all_of_them, "--host", str(host)) for host in (0, 1)]


def ended(machines: list[subprocess.Popen[str]]) -> list[tuple[str, str]]:
    """What each has said, once they have ended well."""
    said = [machine.communicate(timeout=300) for machine in machines]
    assert [machine.returncode for machine in machines] == [0] * len(machines), said
    return said


@pytest.mark.parametrize("parallel", ["data", "towers"])
def test_two_machines_are_one_device(tmp_path: Path, parallel: str) -> None:
    said = ended(two(tmp_path, "two", "--parallel", parallel))
    first, *epochs, saved, last = said[0][0].splitlines()
    towers = ", 2 replicas of 2 towers" if parallel == "towers" else ""
    assert first.endswith(f"10 classes; cpu:2 on each of 2 machines{towers}; two")
    assert [line.split()[1] for line in epochs] == ["1/3", "2/3", "3/3"]
    assert saved == "weights saved in two/weights.safetensors"
    assert last.startswith("test error")
    # The second machine has nothing to say, and gloo neither.
    assert (said[0][1], *said[1]) == ("", "", "")
    ended([started(tmp_path, "--device", "cpu", "-o", "one")])
    for one, spread in zip(rows(tmp_path / "one"), rows(tmp_path / "two"), strict=True):
        # Sums of gradients in another order, in float32 over nine steps.
        assert spread["loss"] == pytest.approx(one["loss"], rel=1e-4)
        assert spread["test_wrong"] == pytest.approx(one["test_wrong"], abs=1)


def test_a_lost_worker_starts_all_again(tmp_path: Path) -> None:
    """One on the second machine is killed; the run goes on from its checkpoint, and ends as one
    that nothing came between, to the bit."""
    ended(two(tmp_path, "whole", "--epochs", "20"))
    machines = two(tmp_path, "hurt", "--epochs", "20", "--save-every", "1")
    while not (tmp_path / "hurt" / "checkpoints" / "epoch-00002").exists():
        assert machines[0].poll() is None, machines[0].communicate()
        time.sleep(0.05)
    found = subprocess.run(
        ["pgrep", "-P", str(machines[1].pid)], capture_output=True, text=True, check=True
    )
    os.kill(int(found.stdout.split()[0]), signal.SIGKILL)
    said = ended(machines)
    assert "note: going on " in said[0][0]
    assert "warning: the worker was killed by SIGKILL; restart 1 of 3" in said[1][1]
    assert re.search(r"^warning: the worker .*; restart 1 of 3$", said[0][1], re.M)
    whole, hurt = tmp_path / "whole", tmp_path / "hurt"
    assert rows(whole) == rows(hurt)
    assert same(whole / "weights.safetensors", hurt / "weights.safetensors")
