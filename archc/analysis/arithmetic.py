"""The arithmetic behind a net's figures, layer by layer."""

from __future__ import annotations

from archc.analysis.counts import count
from archc.ir import Graph, Node


def arithmetic(graph: Graph, node: Node) -> list[str]:
    """How a layer's size and counts come about; inside towers those of one, then of all."""
    if node.op is None:
        return []
    lines = list(node.op.arithmetic(graph.each_inputs(node)))
    if node.towers == 1:
        return lines
    counts, towers = count(graph, node), node.towers
    both = (("params", counts.params), ("MACs", counts.macs))
    together = [f"{towers}*{n // towers} = {n:,} {what}" for what, n in both if n]
    return [*lines, *(f"in {towers} towers {line}" for line in together)]


def explained(graph: Graph) -> str:
    """A line a step: `conv1: 55 = floor((227 + 2*0 - 11)/4) + 1`."""
    return "\n".join(
        f"{node.path}: {line}" for node in graph.nodes for line in arithmetic(graph, node)
    )
