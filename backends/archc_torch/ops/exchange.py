"""What one tower of a split net exchanges with the others, in PyTorch."""

from __future__ import annotations

from archc.emit.outline import Layer
from archc.emit.python import Call, Text
from archc.emit.written import Written
from archc.ops.exchange import CrossTowers, EnterTowers, Exchange, LeaveTowers, TowerDropout
from archc_torch.ops.base import emits


@emits(EnterTowers)
def enter(layer: Layer, op: EnterTowers) -> Written:
    return _exchange("EnterTowers", layer, op)


@emits(CrossTowers)
def cross(layer: Layer, op: CrossTowers) -> Written:
    return _exchange("CrossTowers", layer, op)


@emits(LeaveTowers)
def leave(layer: Layer, op: LeaveTowers) -> Written:
    return _exchange("LeaveTowers", layer, op)


def _exchange(name: str, layer: Layer, op: Exchange) -> Written:
    """A function of the runtime and its gradient."""
    towers = layer.fields["towers"]
    return Written(function=lambda x: Call(f"{name}.apply", [*x, towers]), helper=name)


@emits(TowerDropout)
def tower_dropout(layer: Layer, op: TowerDropout) -> Written:
    rest = [layer.fields["p"], Text("self.training"), layer.fields["towers"]]
    return Written(function=lambda x: Call("tower_dropout", [*x, *rest]), helper="tower_dropout")
