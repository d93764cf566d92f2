"""What a pass is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from archc.ir import Graph, Head, Node, Stage


class Pass(Protocol):
    """A frozen dataclass whose fields are its options."""

    def __call__(self, graph: Graph) -> Graph:
        """An equal graph; the one given is unchanged."""
        ...


def rebuild(graph: Graph, nodes: list[Node], moved: Mapping[int, int]) -> Graph:
    """The graph with these nodes, where node i of the old one is now `moved[i]`.

    Stages and heads whose nodes are all gone go with them.
    """
    stages: list[Stage] = []
    for stage in graph.stages:
        kept = [moved[i] for i in range(stage.first, stage.last + 1) if i in moved]
        if kept:
            # A stage that lost its last nodes ends where their value now comes from.
            stages.append(stage._replace(first=min(kept), last=max(kept)))
    heads: list[Head] = [
        head._replace(tap=moved[head.tap], output=moved[head.output])
        for head in graph.heads
        if head.output in moved
    ]
    return replace(
        graph,
        nodes=tuple(nodes),
        output=moved[graph.output],
        stages=tuple(stages),
        heads=tuple(heads),
    )
