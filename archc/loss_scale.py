"""The factor of the loss that keeps float16's small gradients above zero, for every backend.

Gradients are computed of the loss times the factor and divided by it before the step. Where one
of them is not finite the step is left out and the factor halved; after `PATIENCE` steps in a row
that were taken it is doubled. Factors are powers of two, so that they round nothing. These are the
rule and the numbers of PyTorch's GradScaler (Micikevicius et al. 2018, Section 3.2).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

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
