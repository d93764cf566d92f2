"""What a program computes in `forward`: the logits, the softmax being part of the loss."""

from __future__ import annotations

from dataclasses import dataclass

from archc.ir import Graph, Node
from archc.ops.activation import Softmax
from archc.passes.base import rebuild


def ends_in_softmax(graph: Graph) -> bool:
    """Whether the net's last op is a softmax, so that its loss is cross-entropy."""
    return isinstance(graph.nodes[graph.output].op, Softmax)


@dataclass(frozen=True)
class ToLogits:
    """Drops the softmax at the end of the net and of its aux heads.

    What is left gives the logits; cross-entropy and `predict` apply the softmax.
    """

    def __call__(self, graph: Graph) -> Graph:
        ends = {head.output for head in graph.heads}
        if ends_in_softmax(graph):
            ends.add(graph.output)
        moved: dict[int, int] = {}
        nodes: list[Node] = []
        for i, node in enumerate(graph.nodes):
            if i in ends:
                moved[i] = moved[node.inputs[0]]
                continue
            moved[i] = len(nodes)
            nodes.append(node._replace(inputs=tuple(moved[j] for j in node.inputs)))
        return rebuild(graph, nodes, moved)
