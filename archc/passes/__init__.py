"""Passes: pure functions Graph -> Graph, the graph verified before and after each."""

from __future__ import annotations

from collections.abc import Sequence

from archc.ir import Graph
from archc.passes.base import Pass
from archc.passes.dense import Dense, Sliding
from archc.passes.merge_towers import MergeTowers
from archc.passes.split_towers import SplitTowers, learning, replicas, towers_of
from archc.passes.strip_heads import StripHeads
from archc.passes.to_logits import ToLogits, ends_in_softmax
from archc.passes.verify import verify

__all__ = [
    "Dense",
    "MergeTowers",
    "Pass",
    "Sliding",
    "SplitTowers",
    "StripHeads",
    "ToLogits",
    "ends_in_softmax",
    "learning",
    "replicas",
    "run",
    "towers_of",
    "verify",
]


def run(passes: Sequence[Pass], graph: Graph) -> Graph:
    """The graph after all passes, verified at every step."""
    verify(graph)
    for step in passes:
        graph = step(graph)
        verify(graph)
    return graph
