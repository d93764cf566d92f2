"""Ops that join or repeat maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from archc.errors.shapes import BranchesDiffer, GroupsDoNotDivide
from archc.ops.base import Count, Elementwise, OpError, Shape


class Concat(Elementwise):
    """The channels of all branches, in the order written; heights and widths must agree.

    With groups, the channels of each input fall into as many equal parts, and all the first
    parts come before all the second: what concat is inside towers.
    """

    word: ClassVar[str] = "concat"
    layout: ClassVar[str] = "same"
    channels: ClassVar[str] = "sum"

    groups: Count = 1

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        _, h, w = inputs[0]
        for shape in inputs:
            if shape[1:] != (h, w):
                raise OpError(BranchesDiffer(op=self.word, shape=shape))
            if shape[0] % self.groups:
                fault = GroupsDoNotDivide(groups=self.groups, channels=shape[0], which="arrive")
                raise OpError(fault, "groups")
        return sum(shape[0] for shape in inputs), h, w

    def other_flops(self, inputs: Sequence[Shape]) -> int:
        return 0

    def side_by_side(self, towers: int, *, shared: bool) -> Mapping[str, int]:
        return {"groups": towers}


class Tile(Elementwise):
    """The whole map, `copies` times over, one after another along the channels."""

    word: ClassVar[str] = "tile"
    layout: ClassVar[str] = "same"
    channels: ClassVar[str] = "copies"

    copies: Count

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        c, h, w = inputs[0]
        return c * self.copies, h, w

    def other_flops(self, inputs: Sequence[Shape]) -> int:
        return 0
