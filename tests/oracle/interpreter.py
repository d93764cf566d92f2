"""A graph computed by the naive oracle: what every emitted program must equal.

It reads the graph's nodes and nothing of the emitters. Towers are computed one by one, each
from its own slice of the weights, as the paper's GPUs do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from archc.ir import Graph, Node
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
from archc.ops.conv import Conv, Deconv
from archc.ops.crop import Crop
from archc.ops.dropout import Dropout, DropPath
from archc.ops.linear import Fc
from archc.ops.merge import Add, Concat, Mul, Part, Shuffle, Skip, Tile
from archc.ops.norm import Bn, LayerNorm, LayerScale, Lrn
from archc.ops.pool import AvgPool, GlobalAvgPool, MaxPool

from . import layers
from .up import crop, deconv

Array = np.ndarray
Weights = Mapping[str, Array]


def random_weights(graph: Graph, rng: np.random.Generator, scale: float = 0.3) -> dict[str, Array]:
    """Weights of the shapes that the graph states, by canonical name, float64."""
    weights = {
        f"{node.path}.{name}": rng.normal(0.0, scale, weight.shape)
        for node in graph.nodes
        for name, weight in (graph.weights(node) | graph.buffers(node)).items()
    }
    # A variance is positive.
    return {n: np.abs(w) + 0.1 if n.endswith("running_var") else w for n, w in weights.items()}


def fitting_weights(graph: Graph, rng: np.random.Generator) -> dict[str, Array]:
    """Weights by canonical name with which maps of any depth keep about the size they came in.

    Weights are N(0, 1 / fan_in), factors near 1, and no array is one value only: an error in any
    of them shows.
    """
    made: dict[str, Array] = {}
    for node in graph.nodes:
        for name, weight in (graph.weights(node) | graph.buffers(node)).items():
            array = rng.normal(size=weight.shape)
            match weight.role:
                case "weight":
                    array /= math.sqrt(weight.fan_in)
                case "scale":
                    array = 1.0 + 0.3 * array
                case "variance":
                    array = 0.5 + np.abs(array)
                case "bias" | "mean":
                    array *= 0.3
            made[f"{node.path}.{name}"] = array
    return made


def run(
    graph: Graph, weights: Weights, x: Array, statistics: dict[str, Array] | None = None
) -> list[Array]:
    """The output of every node `(N, C, H, W)`, in evaluation mode.

    With `statistics` it is in training mode: batch norm takes the statistics of the batch, and
    puts the running ones after it there, by canonical name. Dropout must be off then (p = 0).
    """
    values: list[Array] = []
    for node in graph.nodes:
        if node.op is None:
            values.append(x)
            continue
        inputs = [values[i] for i in node.inputs]
        values.append(_towers(node, weights, inputs, statistics))
    return values


def _towers(
    node: Node, weights: Weights, inputs: list[Array], statistics: dict[str, Array] | None
) -> Array:
    own = {
        name.removeprefix(f"{node.path}."): array
        for name, array in weights.items()
        if name.rpartition(".")[0] == node.path
    }
    copies = []
    moved: list[dict[str, Array]] = []
    for tower in range(node.towers):
        share = {name: np.split(array, node.towers)[tower] for name, array in own.items()}
        seen = inputs
        if node.towers > 1 and not node.shared:
            seen = [np.split(x, node.towers, axis=1)[tower] for x in inputs]
        moved.append({})
        copies.append(_op(node, share, seen, None if statistics is None else moved[-1]))
    if statistics is not None:
        for name in moved[0]:
            statistics[f"{node.path}.{name}"] = np.concatenate([each[name] for each in moved])
    return np.concatenate(copies, axis=1)


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size


def _pad(pad: object, kernel: tuple[int, int]) -> tuple[int, int]:
    if pad == "same":
        return kernel[0] // 2, kernel[1] // 2
    if not isinstance(pad, int | tuple):
        raise TypeError(pad)
    return _pair(pad)


def _op(
    node: Node, weights: Weights, inputs: list[Array], statistics: dict[str, Array] | None
) -> Array:
    x = inputs[0]
    match node.op:
        case Conv() as op:
            kernel = _pair(op.kernel)
            pad = _pad(op.pad, kernel)
            bias = weights.get("bias")
            return layers.conv(x, weights["weight"], bias, _pair(op.stride), pad, op.groups)
        case Deconv() as op:
            bias, pad = weights.get("bias"), _pair(op.pad)
            return deconv(x, weights["weight"], bias, _pair(op.stride), pad, op.groups)
        case Crop() as op:
            return crop(x, _pair(op.margin))
        case Fc() as op:
            flat = x.reshape(len(x), -1)
            parts = np.split(flat, op.groups, axis=1)
            biases = np.split(weights["bias"], op.groups) if op.bias else [None] * op.groups
            rows = np.split(weights["weight"], op.groups)
            made = [
                layers.fc(part[:, :, None, None], row, bias)
                for part, row, bias in zip(parts, rows, biases, strict=True)
            ]
            return np.concatenate(made, axis=1)
        case MaxPool() as op:
            kernel = _pair(op.kernel)
            up = op.round == "up"
            return layers.maxpool(x, kernel, _pair(op.stride), _pad(op.pad, kernel), up)
        case AvgPool() as op:
            kernel = _pair(op.kernel)
            pad = _pad(op.pad, kernel)
            up = op.round == "up"
            return layers.avgpool(x, kernel, _pair(op.stride), pad, up, op.count_pad)
        case GlobalAvgPool():
            return layers.global_avgpool(x)
        case Lrn() as op:
            return layers.lrn(x, op.n, op.k, op.alpha, op.beta, op.groups)
        case Relu():
            return layers.relu(x)
        case Tanh():
            return layers.tanh(x)
        case Sigmoid():
            return layers.sigmoid(x)
        case Softmax() as op:
            parts = np.split(x, op.groups, axis=1)
            return np.concatenate([layers.softmax(part) for part in parts], axis=1)
        case Relu6():
            return np.minimum(np.maximum(x, 0.0), 6.0)
        case LeakyRelu() as op:
            return np.where(x > 0, x, op.slope * x)
        case Gelu(approximate=False):
            return x * 0.5 * (1.0 + layers.erf(x / math.sqrt(2.0)))
        case Gelu():
            return 0.5 * x * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)))
        case Silu():
            return x * layers.sigmoid(x)
        case HardSigmoid():
            return np.clip(x + 3.0, 0.0, 6.0) / 6.0
        case HardSwish():
            return x * np.clip(x + 3.0, 0.0, 6.0) / 6.0
        case Bn() as op:
            names = ("weight", "bias", "running_mean", "running_var")
            given = [weights[name] for name in names]
            if statistics is None:
                return layers.bn_inference(x, *given, op.eps)
            y, mean, variance = layers.bn_training(x, *given, op.eps, op.momentum)
            statistics.update(running_mean=mean.real, running_var=variance.real)
            return y
        case LayerNorm() as op:
            made = []
            for part in np.split(x, op.groups, axis=1):
                mean = part.mean(axis=1, keepdims=True)
                variance = ((part - mean) ** 2).mean(axis=1, keepdims=True)
                made.append((part - mean) / np.sqrt(variance + op.eps))
            x = np.concatenate(made, axis=1)
            return x * weights["weight"][:, None, None] + weights["bias"][:, None, None]
        case Skip():
            return x
        case LayerScale():
            return x * weights["weight"][:, None, None]
        case Add():
            return layers.add(inputs)
        case Mul():
            product = np.ones(max(each.shape for each in inputs))
            for each in inputs:
                product = product * each
            return product
        case Part() as op:
            parts = [np.split(t, op.of, axis=1)[op.index] for t in np.split(x, op.towers, axis=1)]
            return np.concatenate(parts, axis=1)
        case Shuffle() as op:
            shuffled = []
            for tower in np.split(x, op.towers, axis=1):
                groups = np.split(tower, op.groups, axis=1)
                each = groups[0].shape[1]
                shuffled += [g[:, c : c + 1] for c in range(each) for g in groups]
            return np.concatenate(shuffled, axis=1)
        case (Dropout() | DropPath()) as op:
            if statistics is not None and op.p:
                raise ValueError("what is random has no reference: p must be 0 in training")
            return layers.dropout_inference(x)
        case Concat() as op:
            split = [np.split(each, op.groups, axis=1) for each in inputs]
            return layers.concat([parts[g] for g in range(op.groups) for parts in split])
        case Tile() as op:
            towers = np.split(x, op.towers, axis=1)
            return layers.concat([tower for tower in towers for _ in range(op.copies)])
        case other:
            raise TypeError(f"the oracle has no line for {other}")
