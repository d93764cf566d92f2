"""Parameters, multiply-adds, FLOPs and neurons."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from archc.ir import Graph, Node
from archc.ops.base import elements


@dataclass(frozen=True, slots=True)
class Counts:
    """Exact totals for one image.

    params: weights and biases. macs: multiply-adds of weight layers, as papers quote them.
    flops: two a multiply-add plus everything else. neurons: outputs of weight layers.
    """

    params: int = 0
    macs: int = 0
    flops: int = 0
    neurons: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.params + other.params,
            self.macs + other.macs,
            self.flops + other.flops,
            self.neurons + other.neurons,
        )


def count(graph: Graph, node: Node) -> Counts:
    """The counts of a node, all its towers together."""
    if node.op is None:
        return Counts()
    inputs = graph.each_inputs(node)
    macs = node.op.macs(inputs) * node.towers
    return Counts(
        params=sum(weight.count for weight in graph.weights(node).values()),
        macs=macs,
        flops=2 * macs + node.op.other_flops(inputs) * node.towers,
        neurons=elements(node.output) if node.op.counted else 0,
    )


def total(graph: Graph, nodes: Iterable[Node]) -> Counts:
    """The counts of several nodes."""
    return sum((count(graph, node) for node in nodes), Counts())
