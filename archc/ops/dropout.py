"""Dropout."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from archc.ops.base import Elementwise, Shape


class Dropout(Elementwise):
    """Sets each element to zero with probability p in training (Hinton et al. 2012).

    The rest is scaled by 1 / (1 - p) in training; at inference nothing changes. The papers
    scale at test time instead: the same expectation.
    """

    word = "dropout"
    wraps = True
    layout = "same"

    p: Annotated[float, Field(ge=0, lt=1)]

    def other_flops(self, inputs: Sequence[Shape]) -> int:
        """Nothing at inference, which is what FLOPs count."""
        return 0


class DropPath(Elementwise):
    """Stochastic depth (Huang et al. 2016): drops a whole branch, sample by sample.

    In training each sample's map is zero with probability p, else scaled by 1 / (1 - p); at
    inference nothing changes. All towers of a sample are dropped together.
    """

    word = "droppath"
    layout = "same"
    wraps = True

    p: Annotated[float, Field(ge=0, lt=1)]

    def other_flops(self, inputs: Sequence[Shape]) -> int:
        """Nothing at inference, which is what FLOPs count."""
        return 0
