"""Activations, element by element, and softmax."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field

from archc.ops.base import Count, Elementwise, Shape, divided, elements


class Relu(Elementwise):
    """max(0, x) (Nair & Hinton 2010)."""

    word = "relu"
    is_function = True
    wraps = True
    layout = "same"

    def other_flops(self, inputs: Sequence[Shape]) -> int:
        """A comparison an element."""
        return elements(inputs[0])


class Tanh(Elementwise):
    """The hyperbolic tangent."""

    word = "tanh"
    is_function = True
    wraps = True
    layout = "same"

    def other_flops(self, inputs: Sequence[Shape]) -> int:
        """One an element, as transcendental functions are counted."""
        return elements(inputs[0])


class Sigmoid(Elementwise):
    """1 / (1 + exp(-x))."""

    word = "sigmoid"
    is_function = True
    wraps = True
    layout = "same"

    def other_flops(self, inputs: Sequence[Shape]) -> int:
        """exp, addition and division an element."""
        return 3 * elements(inputs[0])


class Relu6(Elementwise):
    """min(max(0, x), 6) (Howard et al. 2017; Sandler et al. 2018, Section 4)."""

    word = "relu6"
    is_function = True
    layout = "same"
    wraps = True

    def other_flops(self, inputs: Sequence[Shape]) -> int:
        """Two comparisons an element."""
        return 2 * elements(inputs[0])


class LeakyRelu(Elementwise):
    """x where x > 0, else slope * x (Maas et al. 2013)."""

    word = "leaky_relu"
    is_function = True
    layout = "same"
    wraps = True

    slope: Annotated[float, Field(ge=0)] = 0.01

    def other_flops(self, inputs: Sequence[Shape]) -> int:
        """A comparison and a multiplication an element."""
        return 2 * elements(inputs[0])


class Gelu(Elementwise):
    """x * Phi(x), Phi the normal distribution function (Hendrycks & Gimpel 2016).

    Exact, by erf, unless approximate=true: 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
    """

    word = "gelu"
    is_function = True
    layout = "same"
    wraps = True

    approximate: bool = False

    def other_flops(self, inputs: Sequence[Shape]) -> int:
        """erf, an addition and three multiplications an element."""
        return 5 * elements(inputs[0])


class Silu(Elementwise):
    """x * sigmoid(x), also known as swish (Ramachandran et al. 2017)."""

    word = "silu"
    is_function = True
    layout = "same"
    wraps = True

    def other_flops(self, inputs: Sequence[Shape]) -> int:
        """exp, addition, division and multiplication an element."""
        return 4 * elements(inputs[0])


class HardSigmoid(Elementwise):
    """relu6(x + 3) / 6 (Howard et al. 2019, Section 5.2)."""

    word = "hardsigmoid"
    is_function = True
    layout = "same"
    wraps = True

    def other_flops(self, inputs: Sequence[Shape]) -> int:
        """An addition, two comparisons and a division an element."""
        return 4 * elements(inputs[0])


class HardSwish(Elementwise):
    """x * relu6(x + 3) / 6 (Howard et al. 2019, Section 5.2)."""

    word = "hardswish"
    is_function = True
    layout = "same"
    wraps = True

    def other_flops(self, inputs: Sequence[Shape]) -> int:
        """An addition, two comparisons, a multiplication and a division an element."""
        return 5 * elements(inputs[0])


class Softmax(Elementwise):
    """exp(x_i) / sum of exp(x_j) over channels.

    As the last op it makes the loss cross-entropy: the program returns the logits before it,
    and its `predict` the probabilities. With groups, over each of as many equal parts of the
    channels: what it is inside towers.
    """

    word = "softmax"
    wraps = True
    layout = "same"

    groups: Count = 1

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return divided(inputs[0], self.groups)

    def other_flops(self, inputs: Sequence[Shape]) -> int:
        """exp, addition and division an element."""
        return 3 * elements(inputs[0])

    def side_by_side(self, towers: int, *, shared: bool) -> Mapping[str, int]:
        return {"groups": towers}
