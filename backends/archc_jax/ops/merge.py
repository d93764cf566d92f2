"""Joining and repeating maps in JAX."""

from __future__ import annotations

from collections.abc import Sequence

from archc.emit.outline import Layer
from archc.emit.python import Call, Index, Infix, Items, Text, Tree
from archc.emit.written import Written
from archc.ops.merge import Add, Concat, Mul, Part, Shuffle, Skip, Tile
from archc_jax.ops.base import as_map, emits

CHANNELS = ("axis", Text("-1"))


@emits(Concat)
def concat(layer: Layer, op: Concat) -> Written:
    """jnp.concatenate over channels; for towers, tower by tower."""

    def joined(x: Sequence[Tree]) -> Tree:
        maps = Items(_alike(layer, x))
        if op.groups == 1:
            return Call("jnp.concatenate", [maps], [CHANNELS])
        return Call("tower_concatenate", [maps], [("towers", layer.fields["groups"])])

    return Written(function=joined, helper="" if op.groups == 1 else "tower_concatenate")


@emits(Add)
def add(layer: Layer, op: Add) -> Written:
    return Written(function=lambda x: Infix("+", _alike(layer, x)))


@emits(Mul)
def mul(layer: Layer, op: Mul) -> Written:
    """A C x 1 x 1 branch is spread over the map by broadcasting."""
    return Written(function=lambda x: Infix("*", _alike(layer, x)))


def _alike(layer: Layer, x: Sequence[Tree]) -> Sequence[Tree]:
    """The inputs, all of them maps unless all are vectors."""
    return x if layer.features else [as_map(tree, layer, i) for i, tree in enumerate(x)]


@emits(Part)
def part(layer: Layer, op: Part) -> Written:
    if op.towers == 1:
        args = [layer.fields["of"]]
        index = layer.fields["index"].text
        return Written(
            function=lambda x: Index(Call("jnp.split", [x[0], *args], [CHANNELS]), index)
        )
    named: list[tuple[str, Tree]] = [
        (field, layer.fields[field]) for field in ("index", "of", "towers")
    ]
    return Written(function=lambda x: Call("tower_part", x, named), helper="tower_part")


@emits(Shuffle)
def shuffle(layer: Layer, op: Shuffle) -> Written:
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
    ones = "1, " if layer.features else "1, 1, 1, "
    copies = layer.fields["copies"].text
    return Written(function=lambda x: Call("jnp.tile", [x[0], Text(f"({ones}{copies})")]))


@emits(Skip)
def skip(layer: Layer, op: Skip) -> Written:
    return Written(function=lambda x: x[0])
