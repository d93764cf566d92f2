"""Activations in JAX."""

from __future__ import annotations

from archc.emit.outline import Layer
from archc.emit.python import Call, literal
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
from archc_jax.ops.base import emits


@emits(Relu)
def relu(layer: Layer, op: Relu) -> Written:
    return Written(function=lambda x: Call("nnx.relu", x))


@emits(Tanh)
def tanh(layer: Layer, op: Tanh) -> Written:
    return Written(function=lambda x: Call("nnx.tanh", x))


@emits(Sigmoid)
def sigmoid(layer: Layer, op: Sigmoid) -> Written:
    return Written(function=lambda x: Call("nnx.sigmoid", x))


@emits(Relu6)
def relu6(layer: Layer, op: Relu6) -> Written:
    return Written(function=lambda x: Call("nnx.relu6", x))


@emits(LeakyRelu)
def leaky_relu(layer: Layer, op: LeakyRelu) -> Written:
    return Written(function=lambda x: Call("nnx.leaky_relu", [*x, layer.fields["slope"]]))


@emits(Gelu)
def gelu(layer: Layer, op: Gelu) -> Written:
    """nnx.gelu approximates unless told otherwise, ours does not."""
    named = [] if op.approximate else [("approximate", literal(False))]
    return Written(function=lambda x: Call("nnx.gelu", x, named))


@emits(Silu)
def silu(layer: Layer, op: Silu) -> Written:
    return Written(function=lambda x: Call("nnx.silu", x))


@emits(HardSigmoid)
def hardsigmoid(layer: Layer, op: HardSigmoid) -> Written:
    return Written(function=lambda x: Call("nnx.hard_sigmoid", x))


@emits(HardSwish)
def hardswish(layer: Layer, op: HardSwish) -> Written:
    return Written(function=lambda x: Call("nnx.hard_swish", x))


@emits(Softmax)
def softmax(layer: Layer, op: Softmax) -> Written:
    """Over channels, the last axis of a map and of a vector alike. In a half precision
    nnx.softmax would round its exponentials to that."""
    named = [] if op.groups == 1 else [("towers", literal(op.groups))]
    return Written(function=lambda x: Call("softmax", x, named), helper="softmax")
