"""Convolution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from archc.errors.shapes import GroupsDoNotDivide
from archc.ops.base import (
    Count,
    Op,
    OpError,
    Padding,
    Pair,
    Reach,
    Shape,
    Size,
    Weight,
    divided,
    pair,
)
from archc.ops.window import padding, size_arithmetic, slide


class Conv(Op):
    """A convolution; its output size rounds down.

    out = floor((in + 2 pad - kernel) / stride) + 1; weights (out, in/groups, kh, kw).
    """

    word: ClassVar[str] = "conv"
    channels: ClassVar[str] = "out"
    counted: ClassVar[bool] = True

    kernel: Size
    stride: Size
    out: Count
    pad: Padding = 0
    groups: Count = 1
    bias: bool = True

    def padding(self) -> Pair:
        return padding(self.pad, pair(self.kernel))

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        _, h, w = inputs[0]
        divided(inputs[0], self.groups)
        if self.out % self.groups:
            fault = GroupsDoNotDivide(groups=self.groups, channels=self.out, which="leave")
            raise OpError(fault, "groups")
        return (self.out, *slide((h, w), pair(self.kernel), pair(self.stride), self.padding()))

    def weights(self, inputs: Sequence[Shape]) -> Mapping[str, Weight]:
        kh, kw = pair(self.kernel)
        each = inputs[0][0] // self.groups
        fan_in, fan_out = each * kh * kw, self.out // self.groups * kh * kw
        weights = {"weight": Weight("weight", (self.out, each, kh, kw), fan_in, fan_out)}
        if self.bias:
            weights["bias"] = Weight("bias", (self.out,), fan_in, fan_out)
        return weights

    def macs(self, inputs: Sequence[Shape]) -> int:
        out, h, w = self.shape(inputs)
        kh, kw = pair(self.kernel)
        return out * h * w * (inputs[0][0] // self.groups) * kh * kw

    def other_flops(self, inputs: Sequence[Shape]) -> int:
        """An addition an output for the bias."""
        out, h, w = self.shape(inputs)
        return out * h * w if self.bias else 0

    def arithmetic(self, inputs: Sequence[Shape]) -> Sequence[str]:
        c, h, w = inputs[0]
        kernel = pair(self.kernel)
        out, height, width = self.shape(inputs)
        each = c // self.groups
        window = f"{kernel[0]}*{kernel[1]}*{each}"
        bias = f"({window} + 1)" if self.bias else window
        params = sum(weight.count for weight in self.weights(inputs).values())
        stride = pair(self.stride)
        return [
            *size_arithmetic((h, w), kernel, stride, self.padding(), up=False),
            f"{bias}*{out} = {params:,} params",
            f"{height}*{width}*{out}*{window} = {self.macs(inputs):,} MACs",
        ]

    def reach(self, inputs: Sequence[Shape]) -> Reach:
        return Reach(pair(self.kernel), pair(self.stride))

    def takes_whole(self) -> bool:
        return self.groups == 1

    def side_by_side(self, towers: int, *, shared: bool) -> Mapping[str, int]:
        return {"out": towers} if shared else {"out": towers, "groups": towers}
