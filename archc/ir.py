"""The graph: every layer with its shapes, and the blocks it came from.

Nodes are in topological order and refer to their inputs by index; node 0 is the input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from archc import syntax
from archc.diagnostics import Frame
from archc.evaluate import Value
from archc.ops.base import Op, Shape, Weight
from archc.source import Source, Span

if TYPE_CHECKING:
    from archc.recipe import Recipe


@dataclass(frozen=True, eq=False)
class Scope:
    """An instance of a net, a block or an aux head: what names count in.

    `arguments` are the values of its parameters; `exprs` the expressions they were given
    as, in the terms of the scope that calls it (`channels` there at the call: `arriving`).
    """

    kind: str
    name: str
    definition: syntax.Net | syntax.Block | syntax.Item
    arguments: Mapping[str, Value]
    exprs: Mapping[str, syntax.Expr]
    parent: Scope | None
    span: Span

    @property
    def path(self) -> str:
        """The prefix of the names within: `` for the net, `i3a.` for the block i3a."""
        if self.parent is None:
            return ""
        return f"{self.parent.path}{self.name}."

    @property
    def trace(self) -> tuple[Frame, ...]:
        """The calls that led here, the innermost first."""
        if self.parent is None:
            return ()
        callee = "aux" if isinstance(self.definition, syntax.Item) else self.definition.name.text
        return (Frame(self.name, callee, self.span), *self.parent.trace)


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A layer.

    `towers` copies of it run side by side: `each` is the output of one, `(C, H, W)`, and
    `output` that of all, along the channels. `shared`: every copy reads its inputs whole;
    else each reads its own share of their channels.
    """

    name: str
    op: Op | None
    inputs: tuple[int, ...]
    each: Shape
    scope: Scope
    span: Span
    towers: int = 1
    shared: bool = False
    exprs: Mapping[str, syntax.Expr] = field(default_factory=dict[str, syntax.Expr])
    factors: Mapping[str, int] = field(default_factory=dict[str, int])
    """Fields that a pass multiplied since `exprs` was written, and by how much."""

    @property
    def path(self) -> str:
        """The canonical name: `i3a.conv1`."""
        return f"{self.scope.path}{self.name}"

    @property
    def output(self) -> Shape:
        return (self.each[0] * self.towers, self.each[1], self.each[2])


@dataclass(frozen=True, slots=True)
class Stage:
    """A labelled part: the nodes `first` up to and including `last`, its output the last's."""

    name: str
    first: int
    last: int
    span: Span
    named: bool
    """Whether the author labelled it; block instances without a label are stages too."""


@dataclass(frozen=True, slots=True)
class Head:
    """An aux head: its loss on node `output` (a softmax) is added with `weight` in training."""

    scope: Scope
    tap: int
    output: int
    weight: float


@dataclass(frozen=True)
class Assumption:
    """A value that no paper states, and where it was taken from."""

    what: str
    source: str
    span: Span


@dataclass(frozen=True, eq=False)
class Graph:
    """A net: validated, every shape known."""

    name: str
    doc: str
    source: Source
    net: syntax.Net
    scope: Scope
    nodes: tuple[Node, ...]
    output: int
    stages: tuple[Stage, ...]
    heads: tuple[Head, ...]
    recipe: Recipe | None
    assumed: tuple[Assumption, ...]
    altered: Mapping[str, Value]
    """Net parameters that were set from outside, so that the spec's claims do not apply."""

    @property
    def input(self) -> Shape:
        return self.nodes[0].output

    @property
    def shape(self) -> Shape:
        """The output's shape: classes x 1 x 1 for a classifier."""
        return self.nodes[self.output].output

    def each_inputs(self, node: Node) -> list[Shape]:
        """The shapes that one copy of a node reads: whole maps, or its tower's share."""
        outputs = [self.nodes[i].output for i in node.inputs]
        if node.shared or node.towers == 1:
            return outputs
        return [(c // node.towers, h, w) for c, h, w in outputs]

    def weights(self, node: Node) -> dict[str, Weight]:
        """A node's parameters, those of towers stacked along their first axis."""
        if node.op is None:
            return {}
        return _stacked(node.op.weights(self.each_inputs(node)), node.towers)

    def buffers(self, node: Node) -> dict[str, Weight]:
        """A node's arrays that have no gradient, stacked in the same way."""
        if node.op is None:
            return {}
        return _stacked(node.op.buffers(self.each_inputs(node)), node.towers)

    def in_head(self, node: Node) -> bool:
        """Whether a node belongs to an aux head."""
        scope: Scope | None = node.scope
        while scope is not None:
            if scope.kind == "aux":
                return True
            scope = scope.parent
        return False


def _stacked(weights: Mapping[str, Weight], towers: int) -> dict[str, Weight]:
    return {
        name: replace(weight, shape=(weight.shape[0] * towers, *weight.shape[1:]))
        for name, weight in weights.items()
    }
