"""Towers in PyTorch processes in halves and with blocks computed again, and what goes wrong in one
of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from archc_torch import backend
from safetensors.numpy import save_file

from archc.driver import compile_graph
from archc.trainable import trainable
from tests.nets import ROOT
from tests.towers import nets
from tests.towers.computing_script import LIMIT

pytestmark = pytest.mark.slow

EPSILON = {"bf16": 2.0**-8, "fp16": 2.0**-11}
"""What one rounding costs beside 1."""


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what `computing_script` leaves."""
    folder = tmp_path_factory.mktemp("found")
    done = subprocess.run(
        [sys.executable, "-m", "tests.towers.computing_script", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return folder


def of_ranks(left: Path) -> list[Any]:
    return [json.loads((left / f"{rank}.json").read_text()) for rank in (0, 1)]


def apart(a: dict[str, Any], b: dict[str, Any]) -> float:
    return max(float(np.abs(np.array(a[name]) - np.array(b[name])).max()) for name in a)


def test_halves_are_those_of_one_process_to_rounding(left: Path) -> None:
    """A step adds up the roundings of eight layers of either sign, and six steps move little."""
    for found in of_ranks(left):
        exact = found["alone"]["fp32"]["losses"]
        for way, epsilon in EPSILON.items():
            one, spread = found["alone"][way], found["apart"][way]
            assert spread["losses"] != exact
            assert one["skipped"] == spread["skipped"] == 0
            assert spread["losses"] == pytest.approx(one["losses"], rel=10 * epsilon)
            assert spread["losses"] == pytest.approx(exact, rel=10 * epsilon)
            assert apart(one["weights"], spread["weights"]) < 10 * epsilon


def test_blocks_computed_again_change_nothing(left: Path) -> None:
    """To the bit, exchanges and dropout's masks included."""
    for found in of_ranks(left):
        assert found["apart"]["recompute"] == found["apart"]["fp32"]
        assert apart(found["alone"]["fp32"]["weights"], found["apart"]["fp32"]["weights"]) < 1e-5


def test_the_processes_have_the_same(left: Path) -> None:
    one, other = of_ranks(left)
    assert one["apart"] == other["apart"]


def test_a_number_that_is_none_in_one_tower_is_found_by_all(left: Path) -> None:
    """And its layer, as on one device; the weights are left alone."""
    for found in of_ranks(left):
        assert found["spoilt"] == found["spoilt alone"]
        assert found["spoilt"] == {
            "weights": ["weights", ["pair1.conv2"], True],
            "output": ["output", ["pair1.conv2"], True],
        }


def test_towers_wait_as_long_as_all_processes_do(left: Path) -> None:
    """And not for PyTorch's half an hour."""
    seconds, said = json.loads((left / "deserted.json").read_text())
    assert 0.9 * LIMIT < seconds < 4 * LIMIT
    assert "Timed out waiting" in said


def test_all_leave_where_one_tower_diverges(tmp_path: Path) -> None:
    """Said once, with the step and the layer at its line of the spec."""
    graph = nets.blocks()
    made = backend.engine(
        compile_graph(graph, "torch"), graph, trainable(graph), device="cpu", seed=1
    )
    weights = made.weights()
    weights["pair1.conv2.weight"][-1] = np.inf
    save_file(weights, tmp_path / "weights.safetensors")
    (tmp_path / "blocks.arch").write_text(nets.BLOCKS)
    words = "train blocks.arch --data generated:40 --device cpu:2 --parallel towers -o run --quiet"
    done = subprocess.run(
        [sys.executable, "-m", "archc", *words.split(), "--weights", "weights.safetensors"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("error[") == 1
    first = done.stderr.splitlines()[0]
    assert "error[E0802]: the loss became nan at step 1 of epoch 1" in first
    assert first.endswith("the first that is not finite: the weights of pair1.conv2")
    assert " --> blocks.arch:4:" in done.stderr
