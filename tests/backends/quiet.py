"""Nets without what is random."""

from __future__ import annotations

from dataclasses import replace

from archc.ir import Graph
from archc.ops.dropout import Dropout, DropPath


def without_dropout(graph: Graph) -> Graph:
    """The same net with p = 0 in dropout and droppath: training mode computes a function."""
    nodes = tuple(
        node._replace(
            op=node.op.model_copy(update={"p": 0.0}),
            exprs={field: expr for field, expr in node.exprs.items() if field != "p"},
        )
        if isinstance(node.op, Dropout | DropPath)
        else node
        for node in graph.nodes
    )
    return replace(graph, nodes=nodes)
