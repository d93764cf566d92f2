"""The graph so far, and how a node is added to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import cast

from archc import syntax
from archc.elaborate.place import Cursor, Place
from archc.ir import Head, Node, Stage
from archc.ops.base import Op, Shape, elements
from archc.ops.merge import Tile
from archc.source import Span
from archc.width import twofold

MAX_NODES = 55_000
"""The largest net that is expanded, in layers. ResNet-1202, the deepest in print, has 5,000."""

MAX_ELEMENTS = 2**40
"""The largest map, in elements."""

NO_EXPRS: Mapping[str, syntax.Expr] = MappingProxyType({})


class GraphBuilder:
    """What the walk has made: nodes in their order, stages and heads.

    Of a scaled net (`width`), `written` has the channels of each copy of each node as the spec
    writes them; else it is empty.
    """

    def __init__(self, width: float = 1.0) -> None:
        self.width = width
        self.nodes: list[Node] = []
        self.written: list[int] = []
        self.stages: list[Stage] = []
        self.heads: list[Head] = []

    def add(
        self,
        name: str,
        op: Op,
        cursors: Sequence[Cursor],
        span: Span,
        place: Place,
        exprs: Mapping[str, syntax.Expr] = NO_EXPRS,
        callee: str = "",
        written: Op | None = None,
    ) -> Cursor:
        """Add a node. Raises `OpError` where its inputs do not fit.

        `written` is the op of a scaled net as the spec writes it, where it differs.
        """
        nodes, towers = self.nodes, place.towers
        if len(nodes) >= MAX_NODES:
            place.too_large("a net", MAX_NODES + 1, MAX_NODES, "layers", span)
        shared = towers > 1 and all(cursor.whole for cursor in cursors)
        if towers > 1 and not shared:
            cursors = [self._handed_out(cursor, span, place) for cursor in cursors]
        shapes = [self.each(cursor) for cursor in cursors]
        each = op.shape(shapes)
        if elements(each) * towers > MAX_ELEMENTS:
            count = elements(each) * towers
            place.too_large("a map", count, MAX_ELEMENTS, "elements", span)
        if self.width != 1.0:
            before = [
                (self._written(cursor), *shape[1:])
                for cursor, shape in zip(cursors, shapes, strict=True)
            ]
            self.written.append((written or op).shape(before)[0])
        inputs = tuple(cursor.node for cursor in cursors if cursor.node is not None)
        nodes.append(
            Node(name, op, inputs, each, place.scope, span, towers, shared, exprs, callee=callee)
        )
        return Cursor(len(nodes) - 1, whole=towers == 1)

    def _handed_out(self, cursor: Cursor, span: Span, place: Place) -> Cursor:
        """A whole map as each tower has it: what an op reads beside a map of its tower's own."""
        if not cursor.whole:
            return cursor
        return self.add(place.count("tile"), Tile(copies=1), [cursor], span, place)

    def start(self, node: Node) -> Cursor:
        """Begin with the input."""
        self.nodes.append(node)
        if self.width != 1.0:
            self.written.append(node.each[0])
        return Cursor(0)

    def each(self, cursor: Cursor) -> Shape:
        """The shape that one copy of an op reads at the cursor."""
        node = self.nodes[cursor.node or 0]
        return node.output if cursor.whole else node.each

    def _written(self, cursor: Cursor) -> int:
        """The channels that one copy of an op reads, as the spec writes them."""
        towers = self.nodes[cursor.node or 0].towers if cursor.whole else 1
        return self.written[cursor.node or 0] * towers

    def channels(self, cursor: Cursor) -> int | None:
        """How many channels arrive at an op (`in`); None after a fault."""
        if cursor.node is None:
            return None
        found = self.each(cursor)[0]
        if self.width == 1.0:
            return found
        return cast("int", twofold(self._written(cursor), found, self.width))

    def stage(self, name: str, first: int, item: syntax.Item | syntax.Repeat, place: Place) -> None:
        """Note what an item became, from node `first` on, where it became anything."""
        last = len(self.nodes) - 1
        if last >= first:
            path = f"{place.scope.path}{name}"
            self.stages.append(Stage(path, first, last, item.span, item.label is not None))
