"""Towers on devices: the net of one tower, with what is exchanged at the borders.

The weights of a tower are a slice of the net's along the first axis, so the canonical arrays
are those of the net, cut.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from archc.diagnostics import fail
from archc.errors import towers as errors
from archc.ir import Graph, Node, Scope
from archc.ops.activation import Softmax
from archc.ops.base import Op
from archc.ops.dropout import Dropout
from archc.ops.exchange import CrossTowers, EnterTowers, Exchange, LeaveTowers, TowerDropout
from archc.passes.base import rebuild


def towers_of(graph: Graph) -> int:
    """How many devices the towers of a net are for.

    Raises `DiagnosticError` where it has none (E0901), not everywhere as many (E0902), or ends
    inside of them (E0903).
    """
    inside = [node for node in graph.nodes if node.towers > 1]
    if not inside:
        fail(errors.NoTowers(net=graph.name, span=graph.net.name.span))
    first = inside[0]
    for node in inside:
        if node.towers != first.towers:
            fail(
                errors.TowersDiffer(
                    towers=node.towers,
                    first=first.towers,
                    first_span=first.span,
                    span=node.span,
                    trace=node.scope.trace,
                )
            )
    last = graph.nodes[graph.output]
    if last.towers > 1 and isinstance(last.op, Softmax):
        fail(errors.EndsInTowers(net=graph.name, span=last.span, trace=last.scope.trace))
    return first.towers


def replicas(towers: int, devices: int) -> int:
    """How many replicas of so many towers these devices are.

    Raises `DiagnosticError` (E0904) where they are no whole number.
    """
    if devices % towers:
        fail(errors.TowersDoNotFit(towers=towers, devices=devices))
    return devices // towers


@dataclass(frozen=True)
class SplitTowers:
    """The net as one tower's device computes it: the tower's own layers, and all that stands
    outside of towers, which every device computes alike.

    Where a map crosses a border of towers an exchange stands, once however many read it: in the
    innermost scope around the map and its reader, before the part that reads it. A tower's
    layers that read their own tower's maps need none, and neither does the image, since no
    gradient goes back to it. Raises `DiagnosticError` as `towers_of` does.
    """

    def __call__(self, graph: Graph) -> Graph:
        towers = towers_of(graph)
        borders = _Borders(graph).found()
        taken = {node.path for node in graph.nodes}
        moved: dict[int, int] = {}
        """Where each node of the net is now; that of an exchange by its border."""
        made: dict[_Border, int] = {}
        nodes: list[Node] = []
        for i, node in enumerate(graph.nodes):
            for border in borders.before.get(i, ()):
                source = moved[border.source] if border.after is None else made[border.after]
                op = border.kind(towers=towers)
                name = _name(border, graph.nodes[border.source].name, taken)
                reader = graph.nodes[borders.first_reader[border]]
                each = op.shape([nodes[source].each])
                made[border] = len(nodes)
                nodes.append(Node(name, op, (source,), each, border.scope, reader.span))
            inputs = tuple(
                made[borders.crossed[i, j]] if (i, j) in borders.crossed else moved[j]
                for j in node.inputs
            )
            moved[i] = len(nodes)
            nodes.append(_of_one(node)._replace(inputs=inputs))
        if borders.last is not None:
            op = LeaveTowers(towers=towers)
            source = nodes[moved[graph.output]]
            name = _name(borders.last, source.name, taken)
            each = op.shape([source.each])
            nodes.append(Node(name, op, (moved[graph.output],), each, graph.scope, source.span))
            moved[graph.output] = len(nodes) - 1
        return replace(rebuild(graph, nodes, moved), part_of=towers)


class _Border(NamedTuple):
    """A map that crosses a border, in the scope where its exchange stands."""

    kind: type[Exchange]
    source: int
    scope: Scope
    after: _Border | None = None
    """The exchange whose result it takes."""


class _Borders:
    """Every border of a graph, and before which node its exchange stands."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.crossed: dict[tuple[int, int], _Border] = {}
        """By reader and what it reads."""
        self.first_reader: dict[_Border, int] = {}
        self.before: dict[int, list[_Border]] = {}
        self.last: _Border | None = None
        """The map of the towers that the net ends in."""
        self._at: dict[_Border, int] = {}
        self._learns = learning(graph)
        self._first = _first_nodes(graph)

    def found(self) -> _Borders:
        nodes = self.graph.nodes
        left = {
            j for node in nodes for j in node.inputs if node.towers == 1 and nodes[j].towers > 1
        }
        for i, node in enumerate(nodes):
            for j in dict.fromkeys(node.inputs):
                kinds = self._kinds(i, j, left)
                border: _Border | None = None
                for kind in kinds:
                    border = self._stands(kind, i, j, border)
                if border is not None:
                    self.crossed[i, j] = border
        if nodes[self.graph.output].towers > 1:
            self.last = _Border(LeaveTowers, self.graph.output, self.graph.scope)
        for border, at in self._at.items():
            self.before.setdefault(at, []).append(border)
        return self

    def _kinds(self, i: int, j: int, left: set[int]) -> list[type[Exchange]]:
        """What node i needs of node j, one exchange upon the other."""
        reader, source = self.graph.nodes[i], self.graph.nodes[j]
        if reader.towers == 1:
            return [LeaveTowers] if source.towers > 1 else []
        if not reader.shared:
            return []
        enter: list[type[Exchange]] = [EnterTowers] if self._learns[j] else []
        if source.towers == 1:
            return enter
        # A map that is joined for others as well is joined once.
        return [LeaveTowers, *enter] if j in left else [CrossTowers]

    def _stands(self, kind: type[Exchange], i: int, j: int, after: _Border | None) -> _Border:
        """The exchange of node j's map for node i, and where it stands."""
        path = _path(self.graph.nodes[i].scope)
        around = _path(self.graph.nodes[j].scope)
        depth = sum(a is b for a, b in zip(path, around, strict=False)) - 1
        # A repeat holds its iterations and nothing beside them.
        while path[depth].kind == "repeat" and depth + 1 < len(path):
            depth += 1
        while path[depth].kind == "repeat":
            depth -= 1
        scope = path[depth]
        at = self._first[id(path[depth + 1])] if depth + 1 < len(path) else i
        border = _Border(kind, j, scope, after)
        self.first_reader.setdefault(border, i)
        self._at[border] = min(at, self._at.get(border, at))
        return border


def _path(scope: Scope) -> list[Scope]:
    """The scopes from the net down to this one."""
    path = [scope]
    while (parent := path[-1].parent) is not None:
        path.append(parent)
    return path[::-1]


def _first_nodes(graph: Graph) -> dict[int, int]:
    """The first node in each scope, at any depth, by the scope's identity."""
    found: dict[int, int] = {}
    for i, node in enumerate(graph.nodes):
        for scope in _path(node.scope):
            found.setdefault(id(scope), i)
    return found


def learning(graph: Graph) -> list[bool]:
    """Whether a gradient goes back to each node: it, or what it is made of, has weights."""
    found: list[bool] = []
    for node in graph.nodes:
        found.append(bool(graph.weights(node)) or any(found[j] for j in node.inputs))
    return found


def _of_one(node: Node) -> Node:
    """A node as one tower's device computes it."""
    if node.towers == 1:
        return node
    op: Op | None = node.op
    if isinstance(op, Dropout):
        op = TowerDropout(p=op.p, towers=node.towers)
    return node._replace(op=op, towers=1, shared=False)


def _name(border: _Border, source: str, taken: set[str]) -> str:
    """`pool2_whole` for the joined maps of pool2; `pool2_shared` where they were whole."""
    name = f"{source}_{'shared' if border.kind is EnterTowers else 'whole'}"
    while f"{border.scope.path}{name}" in taken:
        name += "_"
    taken.add(f"{border.scope.path}{name}")
    return name
