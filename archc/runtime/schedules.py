"""Learning rates as functions of how far a run is."""

from __future__ import annotations

import math
from collections.abc import Sequence


def plateau(
    lr: float, errors: Sequence[float], factor: float, times: int, patience: int
) -> float | None:
    """The rate after epochs with these validation errors; None where training ends.

    It is multiplied by `factor` when `patience` epochs in a row were no better than the
    best before them, `times` times; where that happens once more, training ends.
    """
    best, waited, reductions = math.inf, 0, 0
    for error in errors:
        waited = 0 if error < best else waited + 1
        best = min(best, error)
        if waited == patience:
            reductions, waited = reductions + 1, 0
    return None if reductions > times else lr * factor**reductions


def cosine(lr: float, step: int, steps: int, rising: float, floor: float) -> float:
    """The rate of a step from 0: up in a line over `rising` steps, then down along half
    a cosine to `floor` of it (Loshchilov & Hutter 2017; Goyal et al. 2017, 2.2).
    """
    if step < rising:
        return lr * min(1.0, (step + 1) / rising)
    share = (step - rising) / (steps - rising)
    return lr * (floor + (1 - floor) * (1 + math.cos(math.pi * share)) / 2)
