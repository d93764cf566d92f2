"""Several devices give what one gives. JAX is told their number before it starts, so in a
process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def test_four_devices_are_one() -> None:
    """Losses, statistics, weights, velocity and dropout's masks, whatever four divides."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.jax.devices_script"],
        cwd=ROOT,
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["devices"] == ["cpu:4", "cpu"]
    assert found["on"] == 4
    assert all(found["wrong"])
    assert found["moved"] > 1e-3
    for four, one in found["losses"]:
        assert four == pytest.approx(one, rel=1e-12)
    # Sums in another order, in float64; probabilities are handed out in float32.
    assert found["apart"]["weights"] < 1e-12
    assert found["apart"]["velocity"] < 1e-12
    assert found["apart"]["probabilities"] < 1e-6
