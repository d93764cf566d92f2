"""Normalisation in PyTorch."""

from __future__ import annotations

from archc.emit.outline import Layer
from archc.emit.python import Call, Tree
from archc.ops.norm import Lrn
from archc_torch.ops.base import Written, as_map, emits


@emits(Lrn)
def lrn(layer: Layer, op: Lrn) -> Written:
    """A function that converts: PyTorch divides alpha by n, the paper does not."""
    named: list[tuple[str, Tree]] = [
        (field, layer.fields[field]) for field in ("n", "k", "alpha", "beta")
    ]
    name = "lrn"
    if op.groups != 1:
        name = "tower_lrn"
        named.append(("towers", layer.fields["groups"]))
    return Written(function=lambda x: Call(name, [as_map(x[0], layer)], named), helper=name)
