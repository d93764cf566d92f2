"""Cutting maps smaller in JAX."""

from __future__ import annotations

from archc.emit.outline import Layer
from archc.emit.python import Call
from archc.emit.written import Written
from archc.ops.crop import Crop
from archc_jax.ops.base import as_map, emits, sized


@emits(Crop)
def crop(layer: Layer, op: Crop) -> Written:
    return Written(
        function=lambda x: Call("crop", [as_map(x[0], layer), sized(layer, "margin")]),
        helper="crop",
    )
