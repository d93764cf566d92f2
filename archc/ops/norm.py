"""Normalisation across channels."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from archc.ops.base import Count, Elementwise, Reach, Shape, Weight, divided, elements


def _odd(n: int) -> int:
    if n % 2 == 0:
        raise ValueError("must be odd, so that it has a middle")
    return n


class Lrn(Elementwise):
    """Local response normalisation (Krizhevsky et al. 2012, Section 3.3).

    b_i = a_i / (k + alpha * sum of a_j^2 over the n channels around i)^beta. The sum is not
    divided by n; at the first and last channels it is cut off. With groups it stays within
    its own group of channels: what lrn is inside towers.
    """

    word = "lrn"
    aliases = ("resnorm",)

    n: Annotated[Count, AfterValidator(_odd)]
    k: Annotated[float, Field(gt=0)] = 2.0
    alpha: Annotated[float, Field(ge=0)] = 1e-4
    beta: Annotated[float, Field(ge=0)] = 0.75
    groups: Count = 1

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return divided(inputs[0], self.groups)

    def other_flops(self, inputs: Sequence[Shape]) -> int:
        """An element: n squares, n - 1 additions, and *alpha, +k, ^beta, the division."""
        return elements(inputs[0]) * (2 * self.n + 3)

    def reach(self, inputs: Sequence[Shape]) -> Reach:
        """Neighbouring channels are at the same place."""
        return Reach()

    def side_by_side(self, towers: int, *, shared: bool) -> Mapping[str, int]:
        return {"groups": towers}


class Bn(Elementwise):
    """Batch normalisation of each channel (Ioffe & Szegedy 2015, Algorithm 1 and Section 3.2).

    weight * (x - mean) / sqrt(variance + eps) + bias. In training, mean and biased variance
    are those of the global batch; the running mean and the running unbiased variance, which
    take the place of them at inference, move by `momentum` towards the batch's.
    """

    word = "bn"
    wraps = True
    layout = "same"

    eps: Annotated[float, Field(gt=0)] = 1e-5
    momentum: Annotated[float, Field(gt=0, le=1)] = 0.1

    def weights(self, inputs: Sequence[Shape]) -> Mapping[str, Weight]:
        c = inputs[0][0]
        return {"weight": Weight("scale", (c,), 1, 1), "bias": Weight("bias", (c,), 1, 1)}

    def buffers(self, inputs: Sequence[Shape]) -> Mapping[str, Weight]:
        c = inputs[0][0]
        return {
            "running_mean": Weight("mean", (c,), 1, 1),
            "running_var": Weight("variance", (c,), 1, 1),
        }

    def arithmetic(self, inputs: Sequence[Shape]) -> Sequence[str]:
        return [f"2*{inputs[0][0]} = {2 * inputs[0][0]:,} params"]

    def other_flops(self, inputs: Sequence[Shape]) -> int:
        """A multiplication and an addition an element, as at inference."""
        return 2 * elements(inputs[0])

    def reach(self, inputs: Sequence[Shape]) -> Reach:
        """At inference, which receptive fields are about, an element sees its own place."""
        return Reach()


class LayerNorm(Elementwise):
    """Normalises over the channels of each place (Ba et al. 2016; Liu et al. 2022, ConvNeXt).

    weight * (x - mean) / sqrt(variance + eps) + bias, mean and biased variance over C. With
    groups over each of as many equal parts of the channels: what it is inside towers.
    """

    word = "layernorm"
    wraps = True

    eps: Annotated[float, Field(gt=0)] = 1e-6
    groups: Count = 1

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return divided(inputs[0], self.groups)

    def weights(self, inputs: Sequence[Shape]) -> Mapping[str, Weight]:
        c = inputs[0][0]
        return {"weight": Weight("scale", (c,), 1, 1), "bias": Weight("bias", (c,), 1, 1)}

    def arithmetic(self, inputs: Sequence[Shape]) -> Sequence[str]:
        return [f"2*{inputs[0][0]} = {2 * inputs[0][0]:,} params"]

    def other_flops(self, inputs: Sequence[Shape]) -> int:
        """Mean, variance, and the four operations of the formula: eight an element."""
        return 8 * elements(inputs[0])

    def side_by_side(self, towers: int, *, shared: bool) -> Mapping[str, int]:
        return {"groups": towers}


class LayerScale(Elementwise):
    """A learned factor a channel, `init` at first (Touvron et al. 2021, Section 3.2)."""

    word = "layerscale"

    init: Annotated[float, Field(gt=0)] = 1e-6

    def weights(self, inputs: Sequence[Shape]) -> Mapping[str, Weight]:
        return {"weight": Weight("scale", (inputs[0][0],), 1, 1)}

    def arithmetic(self, inputs: Sequence[Shape]) -> Sequence[str]:
        return [f"{inputs[0][0]} params"]

    def other_flops(self, inputs: Sequence[Shape]) -> int:
        """A multiplication an element."""
        return elements(inputs[0])
