"""What one tower of a split net does at the borders of `towers`: the compiler's own ops.

No spec writes them; `archc.passes.SplitTowers` does. Each is a function and the gradient that
belongs to it: Megatron's f and g (Shoeybi et al. 2019, Section 3), and the two together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from archc.ops.base import Count, Elementwise, Shape
from archc.ops.dropout import Dropout


class Exchange(Elementwise):
    """What crosses a border between `towers` devices."""

    layout: ClassVar[str] = "same"

    towers: Count

    def other_flops(self, inputs: Sequence[Shape]) -> int:
        return 0


class EnterTowers(Exchange):
    """A map that every tower has whole, handed to its tower.

    Forward nothing; backward the towers' gradients are summed (all-reduce).
    """

    word = "enter_towers"


class CrossTowers(Exchange):
    """The maps of all towers, of which each tower reads the whole.

    Forward the maps are joined along the channels (all-gather); backward the towers' gradients
    are summed, and each keeps its own channels (reduce-scatter).
    """

    word = "cross_towers"
    channels = "towers"

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        c, h, w = inputs[0]
        return c * self.towers, h, w


class LeaveTowers(Exchange):
    """The maps of all towers, for a layer that all towers compute alike.

    Forward the maps are joined along the channels (all-gather); backward each keeps its own
    channels of the gradient, which all have.
    """

    word = "leave_towers"
    channels = "towers"

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        c, h, w = inputs[0]
        return c * self.towers, h, w


class TowerDropout(Dropout):
    """Dropout of one tower's maps: its part of the mask that one device would draw."""

    word = "tower_dropout"
    towers: Count


EXCHANGES: tuple[type[Exchange], ...] = (EnterTowers, CrossTowers, LeaveTowers)
