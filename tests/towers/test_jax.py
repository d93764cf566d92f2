"""Towers on JAX's CPU devices are the net on one device: in float64, whatever is exchanged.

JAX is told the number of devices before it starts, so in a process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.nets import ROOT
from tests.towers.planned import planned

CLOSE = 1e-12
"""Sums in another order, in float64."""


def found(net: str, device: str, sizes: tuple[int, ...], *what: str) -> Any:
    """What `jax_script` prints."""
    words = [net, device, ",".join(map(str, sizes)), *what]
    done = subprocess.run(
        [sys.executable, "-m", "tests.towers.jax_script", *words],
        cwd=ROOT,
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check(seen: Any) -> None:
    """The same as one device, with dropout: its masks are one device's too."""
    assert seen["started"] == 0
    for one, spread in seen["losses"]:
        assert spread == pytest.approx(one, rel=CLOSE)
    assert all(seen["wrong"])
    assert seen["moved"] > 1e-2
    assert seen["weights"] < CLOSE
    assert seen["optimizer"] < CLOSE
    assert seen["predicted"] < 1e-6  # probabilities are handed out in float32
    assert seen["chance"] == 0


def test_alexnet_on_two_devices() -> None:
    """Ten steps; a step has the seven collectives of the paper's Figure 2, and a flag."""
    seen = found("alexnet", "cpu:2", (4,) * 10)
    check(seen)
    assert seen["device"] == "cpu:2, 2 towers"
    form, collectives = planned("alexnet", 2, 4)
    found_here = sorted((kind, size) for kind, _, size in seen["collectives"])
    assert found_here == sorted([*collectives, FLAG])
    assert [kind for kind, _ in collectives].count("all-gather") == 4
    assert [kind for kind, _ in collectives].count("reduce-scatter") == 3
    # A device holds one tower's weights and fc8: what the plan says, of 4 bytes each.
    assert seen["held"]["conv2.kernel"] == ["(5, 5, 4, 4)"]
    sizes = [eval_shape(shape) for (shape,) in seen["held"].values()]
    assert 4 * sum(sizes) == form.memory.weights


def eval_shape(text: str) -> int:
    """The elements of `(5, 5, 4, 4)`."""
    product = 1
    for size in text.strip("(),").split(","):
        product *= int(size)
    return product


@pytest.mark.slow
def test_two_replicas_of_two_towers() -> None:
    """Four devices, a trunk, two towers in a row, residuals, a head; one batch comes out odd."""
    seen = found("mixed", "cpu:4", (8, 8, 7, 8))
    check(seen)
    assert seen["device"] == "cpu:4, 2 replicas of 2 towers"
    form, collectives = planned("mixed", 4, 8)
    # The mesh is (data, tower): the devices of a replica stand in a row.
    between = [(kind, size) for kind, groups, size in seen["collectives"] if groups == TOWERS]
    assert sorted(between) == sorted([*collectives, FLAG])
    # Between replicas go the gradients, batch norm's statistics and a few numbers of the loss.
    assert form.gradients is not None
    statistics = [place for place in form.places if place.layer == place.source]
    least = 2 * form.gradients.size + sum(
        2 * way.size for place in statistics for way in (place.forward, place.backward) if way
    )
    summed = sum(
        size
        for kind, groups, size in seen["collectives"]
        if groups != TOWERS and kind == "all-reduce"
    )
    assert least <= summed <= least + 8 * 40


TOWERS = "{{0,1},{2,3}}"

FLAG = ("all-reduce", 8)
"""Whether every tower's gradients are finite, which all must know; a plan leaves it out."""


@pytest.mark.slow
def test_a_run_that_goes_on_is_the_same_to_the_bit() -> None:
    """Two replicas of two towers, an uneven batch, dropout, momentum and statistics."""
    seen = found("mixed", "cpu:4", (8, 8, 7, 8, 7, 8), "resumed")
    assert seen["once"] == seen["twice"]
    assert seen["same"] == [True] * 3
    assert seen["chance"] > 0


@pytest.mark.slow
def test_three_towers() -> None:
    """Blocks, a repeat, deconv, channel norms and stochastic depth, on three devices."""
    seen = found("three", "cpu:3", (4,) * 10)
    check(seen)
    _, collectives = planned("three", 3, 4)
    found_here = sorted((kind, size) for kind, _, size in seen["collectives"])
    assert found_here == sorted([*collectives, FLAG])


@pytest.mark.slow
def test_ten_steps_of_two_replicas() -> None:
    check(found("alexnet", "cpu:4", (6, 6, 5, 6, 6, 6, 1, 6, 6, 6)))
