"""Convolution, and transposed convolution."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated

from pydantic import Field

from archc.errors import shapes as shape_errors
from archc.ops.base import (
    NUMBER_OR_PAIR,
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
    elements,
    pair,
)
from archc.ops.window import by_axis, cut, padding, size_arithmetic, slide


def _check_groups(arriving: Shape, out: int, groups: int) -> None:
    """Raise `OpError` where groups do not divide the channels on both sides."""
    divided(arriving, groups)
    if out % groups:
        fault = shape_errors.GroupsDoNotDivide(groups=groups, channels=out, which="leave")
        raise OpError(fault, "groups")


class Conv(Op):
    """A convolution; its output size rounds down.

    out = floor((in + 2 pad - kernel) / stride) + 1; weights (out, in/groups, kh, kw).
    """

    word = "conv"
    aliases = ("convolution",)
    # VGG's Table 1: "conv<receptive field size>-<number of channels>", stride 1, size kept.
    hyphenated = ("kernel", "out")
    unsaid = MappingProxyType({"stride": 1, "pad": "same"})
    channels = "out"
    counted = True

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
        _check_groups(inputs[0], self.out, self.groups)
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
        params = sum(weight.size for weight in self.weights(inputs).values())
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


class Deconv(Op):
    """A transposed convolution, or up-convolution: each input element paints a kernel.

    Input (i, j) adds itself times the kernel to the output from (i stride, j stride) on; then
    pad is cut off each side: out = (in - 1) stride - 2 pad + kernel; weights (in, out/groups,
    kh, kw), as in PyTorch (Zeiler et al. 2010; Long et al. 2015, Section 3.3; Ronneberger et
    al. 2015, Section 2).
    """

    word = "deconv"
    aliases = ("upconv",)
    channels = "out"
    counted = True

    kernel: Size
    stride: Size
    out: Count
    # `same` is known, so that who writes it is told which number it would be.
    pad: Annotated[Padding, Field(description=NUMBER_OR_PAIR)] = 0
    groups: Count = 1
    bias: bool = True

    def padding(self) -> Pair:
        if self.pad == "same":
            raise OpError(
                shape_errors.SameInDeconv(kernel=pair(self.kernel), stride=pair(self.stride)), "pad"
            )
        return pair(self.pad)

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        _, h, w = inputs[0]
        _check_groups(inputs[0], self.out, self.groups)
        kernel, stride = pair(self.kernel), pair(self.stride)
        painted = (h - 1) * stride[0] + kernel[0], (w - 1) * stride[1] + kernel[1]
        return (self.out, *cut(painted, self.padding(), "pad"))

    def weights(self, inputs: Sequence[Shape]) -> Mapping[str, Weight]:
        """The fans are the channels of a group times the whole kernel, as conv's.

        With a stride an output element meets only about 1 / stride^2 of the kernel's places;
        which ones depends on where it is, so initialisers are told of all.
        """
        c, (kh, kw) = inputs[0][0], pair(self.kernel)
        each = self.out // self.groups
        fan_in, fan_out = c // self.groups * kh * kw, each * kh * kw
        weights = {"weight": Weight("weight", (c, each, kh, kw), fan_in, fan_out)}
        if self.bias:
            weights["bias"] = Weight("bias", (self.out,), fan_in, fan_out)
        return weights

    def macs(self, inputs: Sequence[Shape]) -> int:
        """A kernel for each input element, with the places that the padding cuts off."""
        kh, kw = pair(self.kernel)
        return elements(inputs[0]) * (self.out // self.groups) * kh * kw

    def other_flops(self, inputs: Sequence[Shape]) -> int:
        """An addition an output for the bias."""
        return elements(self.shape(inputs)) if self.bias else 0

    def arithmetic(self, inputs: Sequence[Shape]) -> Sequence[str]:
        c, h, w = inputs[0]
        kh, kw = pair(self.kernel)
        window = f"{kh}*{kw}*{self.out // self.groups}"
        bias = f" + {self.out}" if self.bias else ""
        params = sum(weight.size for weight in self.weights(inputs).values())
        axes = zip((h, w), pair(self.stride), self.padding(), (kh, kw), strict=True)
        sizes = [f"({n} - 1)*{s} - 2*{p} + {k}" for n, s, p, k in axes]
        return [
            *by_axis(self.shape(inputs)[1:], sizes),
            f"{c}*{window}{bias} = {params:,} params",
            f"{h}*{w}*{c}*{window} = {self.macs(inputs):,} MACs",
        ]

    def reach(self, inputs: Sequence[Shape]) -> Reach:
        return Reach(pair(self.kernel), up=pair(self.stride))

    def takes_whole(self) -> bool:
        """Never: towers stack weights by input channel, so each tower needs channels of its own."""
        return False

    def side_by_side(self, towers: int, *, shared: bool) -> Mapping[str, int]:
        return {"out": towers, "groups": towers}
