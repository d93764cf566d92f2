"""Which layer the first number came from that is none, or is infinite.

When a loss or a gradient is not finite, the engine computes the same batch again and looks at what
goes into the layers with weights and what comes out of them. What stands between two of them, a
pool or a sum, is found by the graph.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal

from archc.diagnostics import Frame, Span

if TYPE_CHECKING:
    from archc.ir import Graph, Node
    from archc.train.crew import Crew

What = Literal["images", "weights", "output", "loss", "gradient"]


@dataclass
class Seen:
    """How often something of a layer was not finite."""

    weights: int = 0
    arrives: int = 0
    """Its input."""
    leaves: int = 0
    """Its output."""
    slope: int = 0
    """The gradient of its output."""
    slopes: int = 0
    """The gradients of its weights."""


@dataclass(frozen=True)
class Fault:
    """The first thing that was not finite."""

    what: What
    layers: tuple[str, ...] = ()
    """The canonical names of the layers that it can have come from, mostly one; none for the
    images and the loss."""
    span: Span | None = None
    """The place of the first of them in the spec."""
    trace: tuple[Frame, ...] = ()
    """The calls of blocks that it is in."""


def layers(graph: Graph) -> list[str]:
    """The layers that are looked at: those with weights, by canonical name, in order."""
    return [node.path for node in graph.nodes if graph.weights(node)]


def agreed(crew: Crew, seen: Mapping[str, Seen], outputs: Sequence[int]) -> list[int]:
    """Add up what all processes have seen, in place; gives the sums of `outputs`."""
    names = [field.name for field in fields(Seen)]
    mine = [float(getattr(here, name)) for here in seen.values() for name in names]
    sums = iter(crew.summed([*mine, *map(float, outputs)]))
    for here in seen.values():
        for name in names:
            setattr(here, name, int(next(sums)))
    return [int(value) for value in sums]


def forward_fault(graph: Graph, seen: Mapping[str, Seen], outputs: Sequence[int]) -> Fault:
    """What made a loss that is not finite.

    `outputs` says how often the logits, and behind them those of each head, were not finite.
    """
    between: list[list[Node]] = []
    for node in graph.nodes:
        here = seen.get(node.path)
        if here is not None and here.weights:
            return _fault("weights", node)
        if here is not None and here.leaves and not here.arrives:
            return _fault("output", node)
        if here is not None and here.arrives:
            between += _between(graph, node, seen)
    ends = [graph.output, *(head.output for head in graph.heads)]
    for end, count in zip(ends, outputs, strict=True):
        if count:
            between += _between(graph, graph.nodes[end], seen)
    if not between:
        return Fault("loss")
    # The way to each layer tells of the same fault; the shortest one names it best.
    nodes = min(between, key=len)
    return _fault("output", *nodes) if nodes else Fault("images")


def backward_fault(graph: Graph, seen: Mapping[str, Seen]) -> Fault:
    """What made a gradient that is not finite, of a loss that is: the first from the end."""
    for node in reversed(graph.nodes):
        here = seen.get(node.path)
        if here is not None and (here.slope or here.slopes):
            return _fault("gradient", node)
    return Fault("gradient")


_MAKERS = frozenset({"lrn", "add", "mul", "avgpool", "global_avgpool", "dropout", "droppath"})
"""The ops without weights that can make infinity of finite numbers: by a sum, a product or a
division. The others choose, move or bound."""


def _between(graph: Graph, node: Node, seen: Mapping[str, Seen]) -> list[list[Node]]:
    """The layers without weights that a node's input has come through, where all that came into
    them was finite; none at all where the input of the net comes through unchanged."""
    # What came into a layer that was looked at.
    finite = {
        index
        for other in graph.nodes
        if other.path in seen and not seen[other.path].arrives
        for index in other.inputs
    }
    found: set[int] = set()
    waiting = list(node.inputs)
    while waiting:
        index = waiting.pop()
        before = seen.get(graph.nodes[index].path)
        if before is not None and before.leaves:
            return []
        if before is None and index not in found | finite:
            found.add(index)
            waiting += graph.nodes[index].inputs
    makers = [i for i in sorted(found) if _word(graph.nodes[i]) in _MAKERS]
    if not makers and 0 in found:
        return [[]]
    return [[graph.nodes[i] for i in makers or sorted(found)]]


def _fault(what: What, *nodes: Node) -> Fault:
    paths = tuple(node.path for node in nodes)
    return Fault(what, paths, nodes[0].span, nodes[0].scope.trace)


def _word(node: Node) -> str:
    return "" if node.op is None else node.op.word
