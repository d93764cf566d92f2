"""The arrays of a net whose towers are on devices: whole, and as each device has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np

    from archc.ir import Graph


Parallel = Literal["data", "towers"]
"""What several devices share out: the images of a batch, or first the towers of the net."""


def divided(graph: Graph) -> frozenset[str]:
    """The canonical names of the arrays that towers have of their own, stacked on their first
    axis; of the rest each device has the whole."""
    return frozenset(
        f"{node.path}.{name}"
        for node in graph.nodes
        if node.towers > 1
        for name in (*graph.weights(node), *graph.buffers(node))
    )


def in_words(replicas: int, towers: int) -> str:
    """How devices are used, behind their names: `, 2 replicas of 2 towers`."""
    if towers == 1:
        return ""
    return f", {towers} towers" if replicas == 1 else f", {replicas} replicas of {towers} towers"


def part(array: np.ndarray, tower: int, towers: int) -> np.ndarray:
    """One tower's slice of an array that is divided."""
    size = len(array) // towers
    return array[tower * size : (tower + 1) * size]
