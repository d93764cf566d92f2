"""Joining and repeating maps in PyTorch."""

from __future__ import annotations

from collections.abc import Sequence

from archc.emit.outline import Layer
from archc.emit.python import Call, Items, Text, Tree
from archc.ops.merge import Concat, Tile
from archc_torch.ops.base import Written, as_map, emits


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


@emits(Tile)
def tile(layer: Layer, op: Tile) -> Written:
    """The whole map, again and again along the channels."""
    ones = [] if layer.features else [Text("1"), Text("1")]
    repeats = [Text("1"), layer.fields["copies"], *ones]
    return Written(function=lambda x: Call("repeat", repeats, on=x[0]))
