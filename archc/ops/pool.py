"""Pooling: the largest or the mean of each window, channel by channel."""

from collections.abc import Mapping, Sequence
from typing import Literal

from archc.ops.base import (
    Elementwise,
    Op,
    Padding,
    Pair,
    Reach,
    Shape,
    Size,
    Weight,
    elements,
    pair,
)
from archc.ops.window import check_pool_padding, padding, size_arithmetic, slide


class Pool(Op):
    """What max and average pooling share: a window that slides within each channel."""

    kernel: Size
    stride: Size
    pad: Padding = 0
    round: Literal["down", "up"] = "down"

    def padding(self) -> Pair:
        return padding(self.pad, pair(self.kernel))

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        c, h, w = inputs[0]
        kernel, pad = pair(self.kernel), self.padding()
        check_pool_padding(kernel, pad)
        return (c, *slide((h, w), kernel, pair(self.stride), pad, up=self.round == "up"))

    def weights(self, inputs: Sequence[Shape]) -> Mapping[str, Weight]:
        return {}

    def macs(self, inputs: Sequence[Shape]) -> int:
        return 0

    def other_flops(self, inputs: Sequence[Shape]) -> int:
        """A comparison or addition an element of each window."""
        kh, kw = pair(self.kernel)
        return elements(self.shape(inputs)) * kh * kw

    def arithmetic(self, inputs: Sequence[Shape]) -> Sequence[str]:
        _, h, w = inputs[0]
        kernel, stride, up = pair(self.kernel), pair(self.stride), self.round == "up"
        return size_arithmetic((h, w), kernel, stride, self.padding(), up=up)

    def reach(self, inputs: Sequence[Shape]) -> Reach:
        return Reach(pair(self.kernel), pair(self.stride))

    def takes_whole(self) -> bool:
        return False

    def side_by_side(self, towers: int, *, shared: bool) -> Mapping[str, int]:
        return {}


class MaxPool(Pool):
    """The largest element of each window; padding never wins.

    round=up is Caffe's: the last window starts inside the input or its left padding.
    """

    word = "maxpool"


class AvgPool(Pool):
    """The mean of each window; padded places are not counted unless count_pad=true.

    What round=up reaches beyond the padding is never counted.
    """

    word = "avgpool"

    count_pad: bool = False


class GlobalAvgPool(Elementwise):
    """The mean of each channel's whole map (Lin et al. 2013, Section 3.2): C x 1 x 1."""

    word = "global_avgpool"
    aliases = ("globalavgpool",)

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return inputs[0][0], 1, 1

    def other_flops(self, inputs: Sequence[Shape]) -> int:
        """An addition an element."""
        return elements(inputs[0])

    def reach(self, inputs: Sequence[Shape]) -> Reach:
        _, h, w = inputs[0]
        return Reach((h, w), (1, 1))
