"""The invariants of the graph."""

from __future__ import annotations

from archc.ir import Graph


class BrokenGraphError(Exception):
    """Raised where a pass, not a spec, is at fault: a bug of archc."""


def verify(graph: Graph) -> None:
    """Raise `BrokenGraphError` unless order, names and shapes hold."""
    paths: set[str] = set()
    for i, node in enumerate(graph.nodes):
        if any(not 0 <= j < i for j in node.inputs):
            raise BrokenGraphError(f"{node.path} reads a later node")
        if node.path in paths:
            raise BrokenGraphError(f"{node.path} stands twice")
        paths.add(node.path)
        if (node.op is None) != (i == 0):
            raise BrokenGraphError(f"{node.path}: the input is the first node, and no other")
        if node.op is not None and node.op.shape(graph.each_inputs(node)) != node.each:
            raise BrokenGraphError(f"{node.path} has not the shape its op gives")
    for head in graph.heads:
        if not head.tap < head.output < len(graph.nodes):
            raise BrokenGraphError(f"{head.scope.name} ends before it begins")
    if not 0 <= graph.output < len(graph.nodes):
        raise BrokenGraphError("the output is no node")
