"""Towers in PyTorch processes are the net in one process: in float64, whatever is exchanged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.nets import ROOT
from tests.towers.planned import planned

CLOSE = 1e-12
"""Sums in another order, in float64."""


def found(folder: Path, processes: int, net: str, sizes: tuple[int, ...]) -> list[Any]:
    """What each process of `torch_script` leaves."""
    words = [sys.executable, "-m", "tests.towers.torch_script", str(processes), str(folder), net]
    done = subprocess.run(
        [*words, ",".join(map(str, sizes))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(processes)]


def apart(a: Any, b: Any) -> float:
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        return max(apart(a[name], b[name]) for name in a)
    return float(np.abs(np.array(a) - np.array(b)).max())


def check(seen: list[Any]) -> None:
    for each in seen:
        assert each["started"]
        assert each["chance"]
        assert apart(each["one"]["steps"], each["spread"]["steps"]) < CLOSE
        assert apart(each["one"]["weights"], each["spread"]["weights"]) < CLOSE
        assert apart(each["one"]["state"], each["spread"]["state"]) < CLOSE
        assert apart(each["one"]["predicted"], each["spread"]["predicted"]) < 1e-6
        # All processes give the whole net, and the same.
        assert each["spread"] == seen[0]["spread"]
        # A run in towers that goes on is the one that was not left, to the bit.
        assert each["resumed"] == each["further"]
    # One that goes on in one process is, to rounding.
    assert apart(seen[0]["alone"]["weights"], seen[0]["further"]["weights"]) < CLOSE
    assert apart(seen[0]["alone"]["steps"], seen[0]["further"]["steps"]) < CLOSE


def of_towers(each: Any, ranks: list[int]) -> list[tuple[str, int]]:
    """The collectives of a step among the towers of a replica, but for the sum of the losses."""
    return sorted((kind, size) for kind, group, size in each["collectives"][:-1] if group == ranks)


@pytest.mark.slow
def test_alexnet_in_two_processes(tmp_path: Path) -> None:
    """Ten steps with dropout, whose masks are one process's; a step has the seven collectives of
    the paper's Figure 2."""
    seen = found(tmp_path, 2, "alexnet", (4,) * 10)
    check(seen)
    form, collectives = planned("alexnet", 2, 4)
    for each in seen:
        assert each["device"] == "cpu:2, 2 towers"
        assert of_towers(each, [0, 1]) == collectives
        assert len(each["collectives"]) == 7 + 1
        # A process holds one tower's weights and fc8: what the plan says, of 4 bytes each.
        assert each["held"]["conv2.weight"] == [4, 4, 5, 5]
        held = sum(int(np.prod(shape)) for shape in each["held"].values())
        assert 4 * held == form.memory.weights


def test_two_replicas_of_two_towers(tmp_path: Path) -> None:
    """Four processes, a trunk, two towers in a row, residuals, a head; batches come out odd, and
    one leaves a replica without images."""
    seen = found(tmp_path, 4, "still", (8, 7, 1, 8))
    check(seen)
    form, collectives = planned("still", 4, 8)
    for rank, each in enumerate(seen):
        assert each["device"] == "cpu:4, 2 replicas of 2 towers"
        assert of_towers(each, [[0, 1], [2, 3]][rank // 2]) == collectives
        # Between replicas go the gradients, in float64 here, and statistics of batch norm.
        assert form.gradients is not None
        summed = max(
            size
            for kind, group, size in each["collectives"]
            if kind == "all-reduce" and group == [rank % 2, rank % 2 + 2]
        )
        assert summed == 2 * form.gradients.size


@pytest.mark.slow
@pytest.mark.parametrize(("net", "processes"), [("mixed", 2), ("three", 3)])
def test_every_kind_of_border_and_op(tmp_path: Path, net: str, processes: int) -> None:
    seen = found(tmp_path, processes, net, (4, 4, 3, 4, 4, 1, 4, 4, 4, 4))
    check(seen)
    _, collectives = planned(net, processes, 4)
    for each in seen:
        assert of_towers(each, list(range(processes))) == collectives
