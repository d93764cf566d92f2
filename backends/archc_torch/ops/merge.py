"""Joining and repeating maps in PyTorch."""

from __future__ import annotations

from collections.abc import Sequence

from archc.emit.outline import Layer
from archc.emit.python import Call, Index, Infix, Items, Text, Tree
from archc.emit.written import Written
from archc.ops.merge import Add, Concat, Mul, Part, Shuffle, Skip, Tile
from archc_torch.ops.base import as_map, emits


@emits(Concat)
def concat(layer: Layer, op: Concat) -> Written:
    """torch.cat over channels; for towers, tower by tower."""

    def joined(x: Sequence[Tree]) -> Tree:
        if not layer.features:
            x = [as_map(tree, layer, i) for i, tree in enumerate(x)]
        if op.groups == 1:
            return Call("torch.cat", [Items(x)], [("dim", Text("1"))])
        return Call("tower_cat", [Items(x)], [("towers", layer.fields["groups"])])

    return Written(function=joined, helper="" if op.groups == 1 else "tower_cat")


@emits(Add)
def add(layer: Layer, op: Add) -> Written:
    return Written(function=lambda x: _operator("+", layer, x))


@emits(Mul)
def mul(layer: Layer, op: Mul) -> Written:
    """A C x 1 x 1 branch is spread over the map by PyTorch's broadcasting."""
    return Written(function=lambda x: _operator("*", layer, x))


def _operator(sign: str, layer: Layer, x: Sequence[Tree]) -> Tree:
    if not layer.features:
        x = [as_map(tree, layer, i) for i, tree in enumerate(x)]
    return Infix(sign, x)


@emits(Part)
def part(layer: Layer, op: Part) -> Written:
    """A view: no copy is made."""
    if op.towers == 1:
        args = [layer.fields["of"], Text("1")]
        index = layer.fields["index"].text
        return Written(function=lambda x: Index(Call("chunk", args, on=x[0]), index))
    named: list[tuple[str, Tree]] = [
        (field, layer.fields[field]) for field in ("index", "of", "towers")
    ]
    return Written(function=lambda x: Call("tower_part", x, named), helper="tower_part")


@emits(Shuffle)
def shuffle(layer: Layer, op: Shuffle) -> Written:
    """nn.ChannelShuffle's function, on maps and vectors, tower by tower."""
    named: list[tuple[str, Tree]] = [("groups", layer.fields["groups"])]
    if op.towers != 1:
        named.append(("towers", layer.fields["towers"]))
    return Written(function=lambda x: Call("shuffle", x, named), helper="shuffle")


@emits(Tile)
def tile(layer: Layer, op: Tile) -> Written:
    """The whole map, again and again along the channels; for towers, tower by tower."""
    if op.towers != 1:
        named: list[tuple[str, Tree]] = [
            (field, layer.fields[field]) for field in ("copies", "towers")
        ]
        return Written(function=lambda x: Call("tower_tile", x, named), helper="tower_tile")
    ones = [] if layer.features else [Text("1"), Text("1")]
    repeats = [Text("1"), layer.fields["copies"], *ones]
    return Written(function=lambda x: Call("repeat", repeats, on=x[0]))


@emits(Skip)
def skip(layer: Layer, op: Skip) -> Written:
    return Written(function=lambda x: x[0])
