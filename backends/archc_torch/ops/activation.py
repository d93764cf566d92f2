"""Activations in PyTorch."""

from __future__ import annotations

from archc.emit.outline import Layer
from archc.emit.python import Call, Text, literal
from archc.ops.activation import Relu, Sigmoid, Softmax, Tanh
from archc_torch.ops.base import Written, emits


@emits(Relu)
def relu(layer: Layer, op: Relu) -> Written:
    return Written(function=lambda x: Call("F.relu", x))


@emits(Tanh)
def tanh(layer: Layer, op: Tanh) -> Written:
    return Written(function=lambda x: Call("torch.tanh", x))


@emits(Sigmoid)
def sigmoid(layer: Layer, op: Sigmoid) -> Written:
    return Written(function=lambda x: Call("torch.sigmoid", x))


@emits(Softmax)
def softmax(layer: Layer, op: Softmax) -> Written:
    """Over channels, dimension 1 of a map and of a vector alike."""
    if op.groups == 1:
        return Written(function=lambda x: Call("torch.softmax", x, [("dim", Text("1"))]))
    named = [("towers", literal(op.groups))]
    return Written(function=lambda x: Call("tower_softmax", x, named), helper="tower_softmax")
