"""The fuzz tool tells what it tried, and a fault with the net that shows it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from archc.backend import Program
from archc.ir import Graph

from ..backends import running
from ..backends.fuzzing import Tally, attempt
from ..backends.planted_torch import FAULTS

TOOL = Path(__file__).parent.parent.parent / "tools" / "fuzz_backends.py"


def test_it_tells_what_it_tried() -> None:
    command = [sys.executable, str(TOOL), "--nets", "2", "--first", "2", "--backends", "torch"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[0].startswith("2 nets of ")
    assert lines[3].startswith("ops ")
    assert lines[4].startswith("pairs ")
    assert {line.split("  ")[0] for line in lines[5:]} >= {"torch forward", "torch gradient"}


def test_it_knows_its_backends() -> None:
    command = [sys.executable, str(TOOL), "--backends", "none"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no backend is called 'none'; there are torch" in done.stderr


def test_a_fault_comes_with_a_short_net(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vectors flattened in another order, in the first of the nets that shows it."""
    runner = running.runner("torch")
    emit, fault = runner.emit, FAULTS["flatten in the order H, W, C"]

    def wrong(graph: Graph) -> Program:
        return fault.plant(emit(graph))

    monkeypatch.setattr(runner, "emit", wrong)
    tally = Tally()
    found = (attempt(tally, 0, number, ["torch"]) for number in range(60))
    failure = next(each for each in found if each is not None)
    assert "torch forward" in failure.what
    assert "fc(" in failure.shrunk
    assert len(failure.shrunk) < len(failure.text)
