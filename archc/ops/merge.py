"""Ops that join or repeat maps."""

from collections.abc import Mapping, Sequence

from pydantic import model_validator

from archc.errors import shapes as shape_errors
from archc.ops.base import Count, Elementwise, NotNegative, OpError, Shape, divided, elements


class Concat(Elementwise):
    """The channels of all branches, in the order written; heights and widths must agree.

    With groups, the channels of each input fall into as many equal parts, and all the first
    parts come before all the second: what concat is inside towers.
    """

    word = "concat"
    layout = "same"
    channels = "sum"

    groups: Count = 1

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        _, h, w = inputs[0]
        for shape in inputs:
            if shape[1:] != (h, w):
                raise OpError(shape_errors.BranchesDiffer(op=self.word, shape=shape))
            divided(shape, self.groups)
        return sum(shape[0] for shape in inputs), h, w

    def arithmetic(self, inputs: Sequence[Shape]) -> Sequence[str]:
        widths = " + ".join(str(shape[0]) for shape in inputs)
        return [f"{widths} = {sum(shape[0] for shape in inputs)} channels"]

    def other_flops(self, inputs: Sequence[Shape]) -> int:
        return 0

    def side_by_side(self, towers: int, *, shared: bool) -> Mapping[str, int]:
        return {"groups": towers}


class Add(Elementwise):
    """The sum of all branches, element by element (He et al. 2015, Section 3.2)."""

    word = "add"
    layout = "same"

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        for shape in inputs:
            if shape != inputs[0]:
                raise OpError(shape_errors.BranchesDiffer(op=self.word, shape=shape))
        return inputs[0]

    def other_flops(self, inputs: Sequence[Shape]) -> int:
        """An addition an element for each branch after the first."""
        return (len(inputs) - 1) * elements(inputs[0])


class Mul(Elementwise):
    """The product of all branches, element by element (Hu et al. 2018, Section 3.2).

    A C x 1 x 1 branch weighs the channels of the others.
    """

    word = "mul"
    layout = "same"

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        largest = max(inputs, key=elements)
        for shape in inputs:
            if shape not in (largest, (largest[0], 1, 1)):
                raise OpError(shape_errors.BranchesDiffer(op=self.word, shape=shape))
        return largest

    def other_flops(self, inputs: Sequence[Shape]) -> int:
        """A multiplication an element for each branch after the first."""
        return (len(inputs) - 1) * max(elements(shape) for shape in inputs)


class Tile(Elementwise):
    """The whole map, `copies` times over, one after another along the channels.

    With towers, each tower's channels so many times over.
    """

    word = "tile"
    channels = "copies"
    layout = "same"

    copies: Count
    towers: Count = 1

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        c, h, w = divided(inputs[0], self.towers, "towers")
        return c * self.copies, h, w

    def arithmetic(self, inputs: Sequence[Shape]) -> Sequence[str]:
        return [f"{inputs[0][0]}*{self.copies} = {inputs[0][0] * self.copies} channels"]

    def other_flops(self, inputs: Sequence[Shape]) -> int:
        return 0

    def takes_whole(self) -> bool:
        """With towers of its own, each of the new ones needs the map to itself."""
        return self.towers == 1

    def side_by_side(self, towers: int, *, shared: bool) -> Mapping[str, int]:
        return {"copies": towers} if shared else {"towers": towers}


class Part(Elementwise):
    """One of `of` equal parts of the channels, counted from 0 (Ma et al. 2018, Section 3).

    With towers, that part of each tower's channels.
    """

    word = "part"
    channels = "part"
    layout = "same"

    index: NotNegative
    of: Count
    towers: Count = 1

    @model_validator(mode="after")
    def _there(self) -> "Part":
        if self.index >= self.of:
            raise ValueError(f"counts from 0, so the last of {self.of} parts is {self.of - 1}")
        return self

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        c, h, w = divided(inputs[0], self.of * self.towers, "of")
        return c // self.of, h, w

    def arithmetic(self, inputs: Sequence[Shape]) -> Sequence[str]:
        return [f"{inputs[0][0]}/{self.of} = {inputs[0][0] // self.of} channels"]

    def other_flops(self, inputs: Sequence[Shape]) -> int:
        return 0

    def side_by_side(self, towers: int, *, shared: bool) -> Mapping[str, int]:
        return {"towers": towers}


class Shuffle(Elementwise):
    """Channel c of group g goes to place c * groups + g (Zhang et al. 2017, Section 3.1).

    With towers, within each tower's channels.
    """

    word = "shuffle"
    layout = "same"

    groups: Count
    towers: Count = 1

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return divided(inputs[0], self.groups * self.towers)

    def other_flops(self, inputs: Sequence[Shape]) -> int:
        return 0

    def side_by_side(self, towers: int, *, shared: bool) -> Mapping[str, int]:
        return {"towers": towers}


class Skip(Elementwise):
    """What arrives, unchanged: an arm of `if` that holds nothing, a `repeat` of no times.

    It stands in the graph so that a block has the same parts wherever it is called; no table
    or program shows it.
    """

    word = "skip"
    is_function = True
    wraps = True
    layout = "same"

    def other_flops(self, inputs: Sequence[Shape]) -> int:
        return 0

    def takes_whole(self) -> bool:
        return False
