"""The factor of the loss that keeps float16's small gradients above zero, for every backend.

Gradients are computed of the loss times the factor and divided by it before the step. Where one
of them is not finite the step is left out and the factor halved; after `PATIENCE` steps in a row
that were taken it is doubled. Factors are powers of two, so that they round nothing. These are the
rule and the numbers of PyTorch's GradScaler (Micikevicius et al. 2018, Section 3.2).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from archc.computing import Computing
from archc.optimizer_state import LOSS_SCALE, LOSS_SCALE_STEPS

FIRST = 2.0**16
FACTOR = 2.0
PATIENCE = 2000
LEAST = 2.0**-14
"""The smallest normal number of float16. With a factor below it, what leaves the loss has lost
digits before it reaches the first layer, so halving it further cannot help."""


class LossScale:
    """The factor, and how many steps in a row were taken with it."""

    def __init__(self) -> None:
        self.factor = FIRST
        self._steps = 0

    def took(self, *, finite: bool) -> None:
        """A step's gradients were all finite, and it was taken; or they were not."""
        if not finite:
            self.factor /= FACTOR
            self._steps = 0
            return
        self._steps += 1
        if self._steps == PATIENCE:
            self.factor *= FACTOR
            self._steps = 0

    @property
    def is_gone(self) -> bool:
        """Whether it has been halved until it is of no use."""
        return self.factor < LEAST

    def state(self) -> dict[str, np.ndarray]:
        """For a checkpoint, by the names of `archc.optimizer_state`."""
        return {
            LOSS_SCALE: np.array(self.factor, np.float64),
            LOSS_SCALE_STEPS: np.array(self._steps, np.int64),
        }

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from there."""
        self.factor = float(state[LOSS_SCALE])
        self._steps = int(state[LOSS_SCALE_STEPS])


class ScaledSteps:
    """An engine's steps with the factor; in a precision that needs none, with nothing."""

    def __init__(self, computing: Computing) -> None:
        self._scale = LossScale() if computing.precision == "fp16" else None

    @property
    def skips(self) -> bool:
        """Whether a step whose gradients are not finite is left out and training goes on."""
        return self._scale is not None

    def took(self, *, finite: bool) -> bool:
        """Note a step; whether training can go on."""
        if self._scale is None:
            return finite
        self._scale.took(finite=finite)
        return not self._scale.is_gone

    def state(self) -> dict[str, np.ndarray]:
        """What the next steps depend on, for a checkpoint."""
        return {} if self._scale is None else self._scale.state()

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from there; names are those of `state()`."""
        if self._scale is not None:
            self._scale.load(state)
