"""Dropout and stochastic depth in JAX."""

from __future__ import annotations

from archc.emit.outline import Layer
from archc.emit.python import Call, Text
from archc.emit.written import Written
from archc.ops.dropout import Dropout, DropPath
from archc_jax.ops.base import RNGS, emits


@emits(Dropout)
def dropout(layer: Layer, op: Dropout) -> Written:
    """nnx.Dropout: p is the probability to drop, scaled in training, as ours."""
    return Written(module=Call("nnx.Dropout", [layer.fields["p"]], [RNGS]))


@emits(DropPath)
def droppath(layer: Layer, op: DropPath) -> Written:
    """Dropout of whole samples: all other axes share what was drawn."""
    axes = Text("(1,)" if layer.features else "(1, 2, 3)")
    named = [("broadcast_dims", axes), RNGS]
    return Written(module=Call("nnx.Dropout", [layer.fields["p"]], named))
