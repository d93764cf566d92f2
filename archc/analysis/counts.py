"""Parameters, multiply-adds, FLOPs and neurons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from archc.ir import Graph, Node
from archc.ops.base import Op, Shape, elements


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

    def as_dict(self) -> dict[str, int]:
        """The four figures by name."""
        return {
            "params": self.params,
            "macs": self.macs,
            "flops": self.flops,
            "neurons": self.neurons,
        }

    def __sub__(self, other: Counts) -> Counts:
        return Counts(
            self.params - other.params,
            self.macs - other.macs,
            self.flops - other.flops,
            self.neurons - other.neurons,
        )

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
    # What is frozen is hashable, which pydantic tells no type checker.
    op: Any = node.op
    return _of(op, tuple(graph.each_inputs(node)), node.towers)


@lru_cache(maxsize=65536)
def _of(op: Op, inputs: tuple[Shape, ...], towers: int) -> Counts:
    """The counts of so many towers of an op: a deep net asks the same again and again."""
    macs = op.macs(inputs)
    return Counts(
        params=towers * sum(weight.size for weight in op.weights(inputs).values()),
        macs=towers * macs,
        flops=towers * (2 * macs + op.other_flops(inputs)),
        neurons=towers * elements(op.shape(inputs)) if op.counted else 0,
    )


def total(graph: Graph, nodes: Iterable[Node]) -> Counts:
    """The counts of several nodes."""
    return sum((count(graph, node) for node in nodes), Counts())


def without_heads(graph: Graph, counts: Sequence[Counts]) -> Counts:
    """The sum of the counts of a graph's nodes, those of its aux heads left out."""
    main = (each for node, each in zip(graph.nodes, counts, strict=True) if not graph.in_head(node))
    return sum(main, Counts())
