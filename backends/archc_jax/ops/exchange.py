"""What one tower of a split net exchanges with the others, in JAX."""

from __future__ import annotations

from archc.emit.outline import Layer
from archc.emit.python import Call
from archc.emit.written import Written
from archc.ops.exchange import CrossTowers, EnterTowers, LeaveTowers, TowerDropout
from archc_jax.ops.base import RNGS, emits


@emits(EnterTowers)
def enter(layer: Layer, op: EnterTowers) -> Written:
    return Written(function=lambda x: Call("enter_towers", x), helper="enter_towers")


@emits(CrossTowers)
def cross(layer: Layer, op: CrossTowers) -> Written:
    return Written(function=lambda x: Call("cross_towers", x), helper="cross_towers")


@emits(LeaveTowers)
def leave(layer: Layer, op: LeaveTowers) -> Written:
    return Written(function=lambda x: Call("leave_towers", x), helper="leave_towers")


@emits(TowerDropout)
def tower_dropout(layer: Layer, op: TowerDropout) -> Written:
    """nnx.Dropout of all towers' mask, of which each takes its part."""
    return Written(module=Call("TowerDropout", [layer.fields["p"]], [RNGS]), helper="TowerDropout")
