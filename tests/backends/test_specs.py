"""Every net of specs/, at a size that tests can run: oracle and backends agree.

`pytest -rP` prints the differences; docs/benchmarks.md has those of one run.
"""

from __future__ import annotations

import pytest

from tests.zoo.small import NAMES, small

from . import running
from .examine import TOLERANCE, case, examine, examine_float32

QUICK = ("lenet", "alexnet", "shufflenet_v2_x1_0")
"""The cheapest that have between them average and max pooling, towers, LRN, dropout, batch norm,
depthwise convolutions, splitting and joining."""

FLIPPED = {"densenet121": 5e-3}
"""Bounds of float32 gradients where rounding most likely takes a unit past its ReLU's zero in JAX
and not in PyTorch: 1.5e-3 was measured, and in float64 they agree to 2e-13."""

every_net = pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in NAMES]
)


@every_net
def test_oracle_and_backends_agree_in_float64(name: str) -> None:
    """Forward, in evaluation and training, every head; loss, gradient, running statistics."""
    found = examine(case(small(name).graph), running.NAMES)
    running.runner("jax").forget()
    _print(found)
    assert {what: d for what, d in found.items() if not d <= TOLERANCE} == {}


@every_net
def test_the_backends_agree_in_float32(name: str) -> None:
    found = examine_float32(case(small(name).graph), running.NAMES)
    running.runner("jax").forget()
    _print({what: d for what, (d, _) in found.items()})
    flipped = FLIPPED.get(name, 0.0)
    bounds = {w: max(b, flipped) if "gradient" in w else b for w, (_, b) in found.items()}
    assert {what: d for what, (d, _) in found.items() if not d <= bounds[what]} == {}


def _print(found: dict[str, float]) -> None:
    print(*(f"{what} {d:.1e}" for what, d in found.items()), sep="; ")
