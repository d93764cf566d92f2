"""The graph: every layer with its shapes, and the blocks it came from.

Nodes are in topological order and refer to their inputs by index; node 0 is the input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple

from archc import syntax
from archc.diagnostics import Frame
from archc.evaluate import Value
from archc.ops.base import Op, Shape, Weight
from archc.source import Source, Span

if TYPE_CHECKING:
    from archc.recipe import Recipe


ScopeKind = Literal["net", "block", "aux", "repeat", "iteration", "arm"]


class Scope:
    """An instance of a net, a block, an aux head or a repeat: what names count in.

    - `net`, `block`: `arguments` are the values of its parameters; `exprs` the expressions they
      were given as, in the terms of the scope that calls it (`channels` there at the call:
      `arriving`). `callee` is the parameter that named the block, where one did.
    - `aux`: a head; written in the net's terms.
    - `repeat`: holds its iterations, which are scopes named 0, 1, ...: each an `iteration`, or the
      block itself where that is all that is repeated.
    - `arm`: what `if` took; its names are those of the scope around it.
    """

    __slots__ = (
        "arguments", "callee", "definition", "exprs", "foreign", "kind", "name", "parent", "path",
        "span",
    )  # fmt: skip

    def __init__(
        self,
        kind: ScopeKind,
        name: str,
        definition: syntax.Net | syntax.Block | syntax.Item | syntax.Repeat | syntax.Choice,
        arguments: Mapping[str, Value],
        exprs: Mapping[str, syntax.Expr],
        parent: Scope | None,
        span: Span,
        callee: str = "",
        *,
        foreign: bool = False,
    ) -> None:
        self.kind = kind
        self.name = name
        self.definition = definition
        self.arguments = arguments
        self.exprs = exprs
        self.parent = parent
        self.span = span
        self.callee = callee
        self.foreign = foreign
        """Whether its arguments are written elsewhere than where it is called."""
        self.path = "" if parent is None else parent.path
        """The prefix of the names within: empty for the net, `i3a.` for the block i3a."""
        if parent is not None and kind != "arm":
            self.path += f"{name}."

    @property
    def owner(self) -> Scope:
        """The net or block whose text this is: whose parameters are known in it."""
        scope = self
        while scope.kind not in ("net", "block") and scope.parent is not None:
            scope = scope.parent
        return scope

    @property
    def trace(self) -> tuple[Frame, ...]:
        """The calls that led here, the innermost first."""
        if self.parent is None:
            return ()
        above = self.parent.trace
        if self.kind in ("arm", "repeat"):
            return above
        name = f"{self.parent.name}.{self.name}" if self.parent.kind == "repeat" else self.name
        match self.definition:
            case syntax.Net(name=ident) | syntax.Block(name=ident):
                callee = ident.text
            case _:
                callee = "aux" if self.kind == "aux" else "repeat"
        return (Frame(name, callee, self.span), *above)


class Node(NamedTuple):
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
    exprs: Mapping[str, syntax.Expr] = MappingProxyType({})
    """The fields whose arguments name a parameter or `in`, as written."""
    factors: Mapping[str, int] = MappingProxyType({})
    """Fields that a pass multiplied since `exprs` was written, and by how much."""
    callee: str = ""
    """The parameter that named the op, where one did."""

    @property
    def path(self) -> str:
        """The canonical name: `i3a.conv1`."""
        return f"{self.scope.path}{self.name}"

    @property
    def is_layer(self) -> bool:
        """Whether tables show it: not the input, nor what stands for nothing in an arm."""
        return self.op is not None and self.op.word != "skip"

    @property
    def output(self) -> Shape:
        return (self.each[0] * self.towers, self.each[1], self.each[2])


class Stage(NamedTuple):
    """A labelled part: the nodes `first` up to and including `last`, its output the last's."""

    name: str
    first: int
    last: int
    span: Span
    named: bool
    """Whether the author labelled it; block instances without a label are stages too."""


class Head(NamedTuple):
    """An aux head: its loss on node `output` (a softmax) is added with `weight` in training."""

    scope: Scope
    tap: int
    output: int
    weight: float


class Assumption(NamedTuple):
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
    """What was set from outside, so that the spec's claims do not apply: parameters of the net,
    `--input`, `--width`."""
    changes: tuple[tuple[Span, str], ...] = ()
    """What the recipe says otherwise than its text: sizes that follow `--input`, and the rule of
    `--set init`. Which characters, and what stands in their place."""
    width: float = 1.0
    """The factor of all channel counts but the classes."""
    sources: tuple[Source, ...] = ()
    """The texts that it was made of: the spec, and what that imports."""
    part_of: int = 1
    """Of how many towers this is one, as `SplitTowers` makes it; 1 for a whole net."""

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
        weights = node.op.weights(self.each_inputs(node))
        return dict(weights) if node.towers == 1 else _stacked(weights, node.towers)

    def buffers(self, node: Node) -> dict[str, Weight]:
        """A node's arrays that have no gradient, stacked in the same way."""
        if node.op is None:
            return {}
        return _stacked(node.op.buffers(self.each_inputs(node)), node.towers)

    def in_head(self, node: Node) -> bool:
        """Whether a node belongs to an aux head."""
        scope: Scope | None = node.scope if self.heads else None
        while scope is not None:
            if scope.kind == "aux":
                return True
            scope = scope.parent
        return False


def _stacked(weights: Mapping[str, Weight], towers: int) -> dict[str, Weight]:
    return {
        name: weight._replace(shape=(weight.shape[0] * towers, *weight.shape[1:]))
        for name, weight in weights.items()
    }
