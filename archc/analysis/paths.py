"""What is read off the paths from the input: depth and receptive field."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from archc.ir import Graph
from archc.ops.base import Pair


def depth(graph: Graph) -> int:
    """The longest path from the input to the output, counted in weight layers.

    Aux heads are no part of it, since nothing of the output depends on them.
    """
    depths: list[int] = []
    for node in graph.nodes:
        before = max((depths[i] for i in node.inputs), default=0)
        depths.append(before + (node.op is not None and node.op.counted))
    return depths[graph.output]


class Extent(NamedTuple):
    """What an element sees of the input along one axis, in pixels.

    Up to the first deconv that is `1 + beyond`, the sum of what each window adds. A deconv halves
    the step between neighbours (or divides it by more), but makes no new pixels: places of a
    window that lie between two of its inputs see nothing. So from there on `settled` is what
    one of those inputs sees, `grid` the step between them, and of `beyond`, what later windows
    add, only whole steps count. That is what the luckiest output sees; where a stride follows a
    deconv and leaves that one out, it is an upper bound.
    """

    settled: int = 1
    grid: int = 1
    beyond: int | Fraction = 0
    step: int | Fraction = 1

    @property
    def size(self) -> int:
        return self.settled + self.beyond // self.grid * self.grid

    def after(self, kernel: int, stride: int, up: int) -> Extent:
        """After a window over the grid that is `up` times as fine."""
        start = self
        # A grid within the last one (the next deconv of a U-Net) rounds down to the same pixels
        # in one go: floor(floor(a/m + b)/n) = floor((a/m + b)/n). A coarser one begins anew.
        if up > 1 and self.step % self.grid == 0:
            start = Extent(self.size, int(self.step), 0, self.step)
        fine = start.step if up == 1 else Fraction(start.step) / up
        beyond = start.beyond + (kernel - 1) * fine
        return Extent(start.settled, start.grid, beyond, fine * stride)


def joined(branches: Sequence[Extent]) -> Extent:
    """The largest of branches: of the one that reaches farthest, and no less than any sees."""
    if len(branches) == 1:
        return branches[0]
    farthest = max(branches, key=lambda branch: branch.settled + branch.beyond)
    missing = max(branch.size for branch in branches) - farthest.size
    step = max(branch.step for branch in branches)
    return farthest._replace(settled=farthest.settled + missing, step=step)


class Field(NamedTuple):
    """The part of the input that an element sees; what reaches over the edge counts."""

    height: Extent = Extent()
    width: Extent = Extent()

    @property
    def size(self) -> Pair:
        """Height and width in input pixels."""
        return self.height.size, self.width.size


def receptive_fields(graph: Graph) -> list[Field]:
    """A field a node: the largest over branches.

    size' = size + (kernel - 1) * step / up;  step' = step * stride / up. `up` is the stride of
    a deconv, else 1; `Extent` says how sizes stay whole.
    """
    fields: list[Field] = []
    for node in graph.nodes:
        if node.op is None:
            fields.append(Field())
            continue
        above = [fields[i] for i in node.inputs]
        reach = node.op.reach(graph.each_inputs(node))
        axes = list(zip(reach.kernel, reach.stride, reach.up, strict=True))
        height = joined([field.height for field in above]).after(*axes[0])
        width = joined([field.width for field in above]).after(*axes[1])
        fields.append(Field(height, width))
    return fields
