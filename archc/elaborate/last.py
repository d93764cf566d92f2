"""Which layers of a net are the last ones: what tells the classes apart, for one."""

from __future__ import annotations

from collections.abc import Callable

from archc.elaborate.graph_builder import GraphBuilder
from archc.elaborate.place import Cursor
from archc.ops.base import Op


def last_layers(graph: GraphBuilder, end: Cursor, is_layer: Callable[[Op], bool]) -> frozenset[str]:
    """The paths of the last such layers before the net's end, and before that of each aux head."""
    found: set[str] = set()
    seen: set[int] = set()
    waiting = [node for node in (end.node, *(head.output for head in graph.heads)) if node]
    while waiting:
        index = waiting.pop()
        if index in seen:
            continue
        seen.add(index)
        node = graph.nodes[index]
        if node.op is not None and is_layer(node.op):
            found.add(node.path)
        else:
            waiting += node.inputs
    return frozenset(found)
