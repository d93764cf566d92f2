"""The fully connected layer, and what a pass makes of it for whole images."""

from collections.abc import Mapping, Sequence

from archc.errors import shapes as shape_errors
from archc.ops.base import Count, Op, OpError, Reach, Shape, Weight, divided, elements


class Fc(Op):
    """A fully connected layer: flattens C, H, W in that order; weights (out, in/groups).

    With groups, the flattened input and the output fall into as many equal parts, each
    connected to its own: what fc is inside towers.
    """

    word = "fc"
    hyphenated = ("out",)
    channels = "out"
    layout = "features"
    counted = True

    out: Count
    bias: bool = True
    groups: Count = 1

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        divided(inputs[0], self.groups)
        if self.out % self.groups:
            fault = shape_errors.GroupsDoNotDivide(
                groups=self.groups, channels=self.out, which="leave"
            )
            raise OpError(fault, "groups")
        return self.out, 1, 1

    def weights(self, inputs: Sequence[Shape]) -> Mapping[str, Weight]:
        fan_in, fan_out = elements(inputs[0]) // self.groups, self.out // self.groups
        weights = {"weight": Weight("weight", (self.out, fan_in), fan_in, fan_out)}
        if self.bias:
            weights["bias"] = Weight("bias", (self.out,), fan_in, fan_out)
        return weights

    def macs(self, inputs: Sequence[Shape]) -> int:
        return elements(inputs[0]) // self.groups * self.out

    def other_flops(self, inputs: Sequence[Shape]) -> int:
        """An addition an output for the bias."""
        return self.out if self.bias else 0

    def arithmetic(self, inputs: Sequence[Shape]) -> Sequence[str]:
        c, h, w = inputs[0]
        each = c // self.groups
        seen = f"{each}" if h == w == 1 else f"{h}*{w}*{each}"
        bias = f"({seen} + 1)" if self.bias else seen
        params = sum(weight.size for weight in self.weights(inputs).values())
        return [
            f"{bias}*{self.out} = {params:,} params",
            f"{seen}*{self.out} = {self.macs(inputs):,} MACs",
        ]

    def reach(self, inputs: Sequence[Shape]) -> Reach:
        """An output sees the whole map: a convolution with a kernel as large as that."""
        _, h, w = inputs[0]
        return Reach((h, w), (1, 1))

    def takes_whole(self) -> bool:
        return self.groups == 1

    def side_by_side(self, towers: int, *, shared: bool) -> Mapping[str, int]:
        return {"out": towers} if shared else {"out": towers, "groups": towers}


class SlidingFc(Fc):
    """A fully connected layer at every place of a map that is larger than its own input.

    No spec writes it; `archc.passes.Sliding` does. Its own input gives a map of one place.
    """

    layout = "map"
