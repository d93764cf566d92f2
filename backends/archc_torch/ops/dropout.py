"""Dropout in PyTorch."""

from __future__ import annotations

from archc.emit.outline import Layer
from archc.emit.python import Call, Text
from archc.emit.written import Written
from archc.ops.dropout import Dropout, DropPath
from archc_torch.ops.base import emits


@emits(Dropout)
def dropout(layer: Layer, op: Dropout) -> Written:
    """F.dropout: p is the probability to drop, scaled in training, as ours."""
    rest = [layer.fields["p"], Text("self.training")]
    return Written(function=lambda x: Call("F.dropout", [*x, *rest]))


@emits(DropPath)
def droppath(layer: Layer, op: DropPath) -> Written:
    """PyTorch has no stochastic depth of its own."""
    rest = [layer.fields["p"], Text("self.training")]
    return Written(function=lambda x: Call("drop_path", [*x, *rest]), helper="drop_path")
