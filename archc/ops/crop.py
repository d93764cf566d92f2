"""Cutting maps smaller."""

from collections.abc import Sequence

from archc.ops.base import Elementwise, Margin, Shape, pair
from archc.ops.window import by_axis, cut


class Crop(Elementwise):
    """Cuts `margin` pixels off each side (Ronneberger et al. 2015, Figure 1: copy and crop).

    out = in - 2 margin.
    """

    word = "crop"

    margin: Margin

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        c, h, w = inputs[0]
        return (c, *cut((h, w), pair(self.margin), "margin"))

    def arithmetic(self, inputs: Sequence[Shape]) -> Sequence[str]:
        axes = zip(inputs[0][1:], pair(self.margin), strict=True)
        return by_axis(self.shape(inputs)[1:], [f"{n} - 2*{m}" for n, m in axes])

    def other_flops(self, inputs: Sequence[Shape]) -> int:
        return 0
