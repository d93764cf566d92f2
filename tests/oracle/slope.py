"""The gradient oracle: exact directional derivatives of a net's loss, by complex steps.

For an analytic function f, f(x + i h d) = f(x) + i h f'(x) d + O(h^2). With h = 1e-20 the
imaginary part over h is the derivative along d to the last digits of float64: unlike a finite
difference, nothing is subtracted (Squire & Trapp 1998, Using complex variables to estimate
derivatives of real functions). So the naive oracle run once on complex numbers is forward-mode
differentiation, with no rule of differentiation written anywhere (but erf's). Comparisons and
maxima go by the real part, as NumPy orders complex numbers; where two values tie they are, almost
surely, one function of the weights and have one slope.

It shares nothing with the reverse mode of any framework: no rule, no order, no code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from archc.ir import Graph
from archc.ops.activation import Softmax

from . import interpreter, layers
from .layers import Array

STEP = 1e-20


@dataclass(frozen=True)
class Trained:
    """A training-mode forward pass: logits `(N, K, H, W)` of the net and of each aux head, the
    running statistics after it, and the loss."""

    logits: list[Array]
    statistics: dict[str, Array]
    loss: float | complex


def train(graph: Graph, weights: Mapping[str, Array], x: Array, labels: Array) -> Trained:
    """One pass in training mode, dropout off. `labels` is `(N,)`, or `(N, H, W)` for a map.

    The loss is the mean cross-entropy of every place, with that of each aux head times its
    weight; for a net that does not end in softmax, the mean square of its output.
    """
    statistics: dict[str, Array] = {}
    values = interpreter.run(graph, weights, x, statistics)
    ends = [(graph.output, 1.0), *((head.output, head.weight) for head in graph.heads)]
    logits: list[Array] = []
    loss = 0.0
    for end, factor in ends:
        node = graph.nodes[end]
        if isinstance(node.op, Softmax):
            logits.append(values[node.inputs[0]])
            rows = np.moveaxis(logits[-1], 1, -1).reshape(-1, node.output[0])
            loss += factor * layers.cross_entropy(rows, labels.reshape(-1))
        else:
            logits.append(values[end])
            loss += factor * (values[end] ** 2).mean()
    return Trained(logits, statistics, loss)


def derivative(
    graph: Graph,
    weights: Mapping[str, Array],
    x: Array,
    labels: Array,
    along: Mapping[str, Array],
    along_x: Array,
) -> float:
    """The derivative of the loss along a direction in the weights and in the input.

    `along` has a direction for some or all of the weights, of their shapes.
    """
    moved = {
        name: weight + 1j * STEP * along[name] if name in along else weight
        for name, weight in weights.items()
    }
    loss = train(graph, moved, x + 1j * STEP * along_x, labels).loss
    return float(np.imag(loss)) / STEP
