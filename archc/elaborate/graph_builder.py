"""The graph so far, and how a node is added to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archc import syntax
from archc.elaborate.place import Cursor, Place
from archc.ir import Head, Node, Stage
from archc.ops.base import Op, Shape, elements
from archc.ops.merge import Tile
from archc.source import Span

MAX_NODES = 10_000
"""The largest net that is expanded, in layers. ResNet-1202, the deepest in print, has 5,000."""

MAX_ELEMENTS = 2**40
"""The largest map, in elements."""


class GraphBuilder:
    """What the walk has made: nodes in their order, stages and heads."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.stages: list[Stage] = []
        self.heads: list[Head] = []

    def add(
        self,
        name: str,
        op: Op,
        cursors: Sequence[Cursor],
        span: Span,
        place: Place,
        exprs: Mapping[str, syntax.Expr],
    ) -> Cursor:
        """Add a node. Raises `OpError` where its inputs do not fit."""
        if len(self.nodes) >= MAX_NODES:
            place.too_large("a net", MAX_NODES + 1, MAX_NODES, "layers", span)
        shared = place.towers > 1 and all(cursor.whole for cursor in cursors)
        if place.towers > 1 and not shared:
            cursors = [self._handed_out(cursor, span, place) for cursor in cursors]
        each = op.shape([self.each(cursor) for cursor in cursors])
        if elements(each) * place.towers > MAX_ELEMENTS:
            count = elements(each) * place.towers
            place.too_large("a map", count, MAX_ELEMENTS, "elements", span)
        inputs = tuple(cursor.node for cursor in cursors if cursor.node is not None)
        node = Node(name, op, inputs, each, place.scope, span, place.towers, shared, exprs)
        self.nodes.append(node)
        return Cursor(len(self.nodes) - 1, whole=place.towers == 1)

    def _handed_out(self, cursor: Cursor, span: Span, place: Place) -> Cursor:
        """A whole map as each tower has it: what an op reads beside a map of its tower's own."""
        if not cursor.whole:
            return cursor
        return self.add(place.count("tile"), Tile(copies=1), [cursor], span, place, {})

    def each(self, cursor: Cursor) -> Shape:
        """The shape that one copy of an op reads at the cursor."""
        node = self.nodes[cursor.node or 0]
        return node.output if cursor.whole else node.each

    def channels(self, cursor: Cursor) -> int | None:
        """How many channels arrive at an op; None after a fault."""
        return None if cursor.node is None else self.each(cursor)[0]

    def stage(self, name: str, first: int, item: syntax.Item, place: Place) -> None:
        """Note what an item became, from node `first` on, where it became anything."""
        last = len(self.nodes) - 1
        if last >= first:
            path = f"{place.scope.path}{name}"
            self.stages.append(Stage(path, first, last, item.span, item.label is not None))
