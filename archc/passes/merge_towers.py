"""Towers on one device: n copies side by side as one op with groups.

A tower's weights are a slice of the merged weight along its first axis, so the canonical
arrays are the same before and after.
"""

from __future__ import annotations

from dataclasses import dataclass

from archc.ir import Graph, Node
from archc.ops.merge import Tile
from archc.passes.base import rebuild


@dataclass(frozen=True)
class MergeTowers:
    """Every node with towers becomes the one op that computes them all: the same function.

    Copies of conv or fc over one shared map become a single op over that map; other ops
    first get a copy of the map for each tower.
    """

    def __call__(self, graph: Graph) -> Graph:
        moved: dict[int, int] = {}
        nodes: list[Node] = []
        for i, node in enumerate(graph.nodes):
            inputs = tuple(moved[j] for j in node.inputs)
            if node.op is not None and node.towers > 1:
                shared = node.shared
                if shared and not node.op.takes_whole():
                    tiles = {j: _tile(nodes, j, node) for j in dict.fromkeys(inputs)}
                    inputs = tuple(tiles[j] for j in inputs)
                    shared = False
                node = _merged(node, shared)
            moved[i] = len(nodes)
            nodes.append(node._replace(inputs=inputs))
        return rebuild(graph, nodes, moved)


def _merged(node: Node, shared: bool) -> Node:
    if node.op is None:
        return node
    factors = node.op.side_by_side(node.towers, shared=shared)
    values = {field: getattr(node.op, field) * factor for field, factor in factors.items()}
    return node._replace(
        op=node.op.model_copy(update=values),
        each=node.output,
        towers=1,
        shared=False,
        factors=factors,
    )


def _tile(nodes: list[Node], source: int, node: Node) -> int:
    """A copy of the map for each tower; the index of the new node."""
    c, h, w = nodes[source].output
    scope = node.scope
    # A repeat of nothing holds nothing but the node that stands for it.
    while scope.kind == "repeat" and scope.parent is not None:
        scope = scope.parent
    tile = Node(
        f"{node.name}_tile{source}",
        Tile(copies=node.towers),
        (source,),
        (c * node.towers, h, w),
        scope,
        node.span,
    )
    nodes.append(tile)
    return len(nodes) - 1
