"""Activations in PyTorch."""

from __future__ import annotations

from archc.emit.outline import Layer
from archc.emit.python import Call, Text, literal
from archc.emit.written import Written
from archc.ops.activation import (
    Gelu,
    HardSigmoid,
    HardSwish,
    LeakyRelu,
    Relu,
    Relu6,
    Sigmoid,
    Silu,
    Softmax,
    Tanh,
)
from archc_torch.ops.base import emits


@emits(Relu)
def relu(layer: Layer, op: Relu) -> Written:
    return Written(function=lambda x: Call("F.relu", x))


@emits(Tanh)
def tanh(layer: Layer, op: Tanh) -> Written:
    return Written(function=lambda x: Call("torch.tanh", x))


@emits(Sigmoid)
def sigmoid(layer: Layer, op: Sigmoid) -> Written:
    return Written(function=lambda x: Call("torch.sigmoid", x))


@emits(Relu6)
def relu6(layer: Layer, op: Relu6) -> Written:
    return Written(function=lambda x: Call("F.relu6", x))


@emits(LeakyRelu)
def leaky_relu(layer: Layer, op: LeakyRelu) -> Written:
    return Written(function=lambda x: Call("F.leaky_relu", [*x, layer.fields["slope"]]))


@emits(Gelu)
def gelu(layer: Layer, op: Gelu) -> Written:
    """F.gelu is exact unless told otherwise, as ours."""
    named = [("approximate", literal("tanh"))] if op.approximate else []
    return Written(function=lambda x: Call("F.gelu", x, named))


@emits(Silu)
def silu(layer: Layer, op: Silu) -> Written:
    return Written(function=lambda x: Call("F.silu", x))


@emits(HardSigmoid)
def hardsigmoid(layer: Layer, op: HardSigmoid) -> Written:
    return Written(function=lambda x: Call("F.hardsigmoid", x))


@emits(HardSwish)
def hardswish(layer: Layer, op: HardSwish) -> Written:
    return Written(function=lambda x: Call("F.hardswish", x))


@emits(Softmax)
def softmax(layer: Layer, op: Softmax) -> Written:
    """Over channels, dimension 1 of a map and of a vector alike."""
    if op.groups == 1:
        return Written(function=lambda x: Call("torch.softmax", x, [("dim", Text("1"))]))
    named = [("towers", literal(op.groups))]
    return Written(function=lambda x: Call("tower_softmax", x, named), helper="tower_softmax")
