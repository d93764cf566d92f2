"""The arrays of a net whose towers are on devices: whole, and as each device has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
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


def joined(parts: Sequence[Mapping[str, np.ndarray]], names: Set[str]) -> dict[str, np.ndarray]:
    """The arrays of a net from those of each tower, in order; `names` are divided, the rest is
    the first tower's."""
    import numpy as np

    return {
        name: np.concatenate([each[name] for each in parts]) if name in names else array
        for name, array in parts[0].items()
    }
