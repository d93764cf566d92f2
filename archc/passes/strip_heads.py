"""The net for inference: without its aux heads (GoogLeNet, Section 5)."""

from __future__ import annotations

from dataclasses import dataclass

from archc.ir import Graph, Node
from archc.passes.base import rebuild


@dataclass(frozen=True)
class StripHeads:
    """Drops every aux head; the logits are unchanged."""

    def __call__(self, graph: Graph) -> Graph:
        moved: dict[int, int] = {}
        nodes: list[Node] = []
        for i, node in enumerate(graph.nodes):
            if graph.in_head(node):
                continue
            moved[i] = len(nodes)
            nodes.append(node._replace(inputs=tuple(moved[j] for j in node.inputs)))
        return rebuild(graph, nodes, moved)
