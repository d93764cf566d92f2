"""Bytes of weights and activations."""

from __future__ import annotations

from dataclasses import dataclass

from archc.analysis.counts import total
from archc.ir import Graph
from archc.ops.base import elements

FLOAT32 = 4
"""Bytes a number."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes in float32 at a batch of one image.

    weights: the parameters. inference: the most that live maps take at any layer, each freed
    after its last use, aux heads left out. training: every layer's output, kept for the
    backward pass; nothing is computed in place or twice.
    """

    weights: int
    inference: int
    training: int


def memory(graph: Graph) -> Memory:
    """The memory of a net."""
    sizes = [elements(node.output) for node in graph.nodes]
    return Memory(
        weights=FLOAT32 * total(graph, graph.nodes).params,
        inference=FLOAT32 * _peak(graph, sizes),
        training=FLOAT32 * sum(sizes),
    )


def _peak(graph: Graph, sizes: list[int]) -> int:
    """The largest sum of live maps while the nodes run in order."""
    main = [i for i, node in enumerate(graph.nodes) if not graph.in_head(node)]
    last_use = {j: i for i in main for j in graph.nodes[i].inputs}
    # The output lives to the end; the input from the beginning.
    last_use[graph.output] = len(graph.nodes)
    live = peak = 0
    for i in main:
        live += sizes[i]
        peak = max(peak, live)
        live -= sum(sizes[j] for j in set(graph.nodes[i].inputs) if last_use[j] == i)
        if i not in last_use:
            live -= sizes[i]
    return peak
