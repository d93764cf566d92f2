"""Activations, element by element, and softmax."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from archc.ops.base import Count, Elementwise, Shape, elements


class Relu(Elementwise):
    """max(0, x) (Nair & Hinton 2010)."""

    word: ClassVar[str] = "relu"
    wraps: ClassVar[bool] = True
    layout: ClassVar[str] = "same"

    def other_flops(self, inputs: Sequence[Shape]) -> int:
        """A comparison an element."""
        return elements(inputs[0])


class Tanh(Elementwise):
    """The hyperbolic tangent."""

    word: ClassVar[str] = "tanh"
    wraps: ClassVar[bool] = True
    layout: ClassVar[str] = "same"

    def other_flops(self, inputs: Sequence[Shape]) -> int:
        """One an element, as transcendental functions are counted."""
        return elements(inputs[0])


class Sigmoid(Elementwise):
    """1 / (1 + exp(-x))."""

    word: ClassVar[str] = "sigmoid"
    wraps: ClassVar[bool] = True
    layout: ClassVar[str] = "same"

    def other_flops(self, inputs: Sequence[Shape]) -> int:
        """exp, addition and division an element."""
        return 3 * elements(inputs[0])


class Softmax(Elementwise):
    """exp(x_i) / sum of exp(x_j) over channels. As the last op it makes the loss cross-entropy:

    the program returns the logits before it, and its `predict` the probabilities.
    """

    word: ClassVar[str] = "softmax"
    wraps: ClassVar[bool] = True
    layout: ClassVar[str] = "same"

    groups: Count = 1

    def other_flops(self, inputs: Sequence[Shape]) -> int:
        """exp, addition and division an element."""
        return 3 * elements(inputs[0])

    def side_by_side(self, towers: int, *, shared: bool) -> Mapping[str, int]:
        return {"groups": towers}
