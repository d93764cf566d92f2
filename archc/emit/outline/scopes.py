"""The scopes of a graph: what lies in each, and how values are seen from there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from archc import syntax
from archc.emit.outline.classes import INPUT
from archc.evaluate import Value
from archc.ir import Graph, Node, Scope
from archc.ops.conv import Conv, Deconv


@dataclass(eq=False)
class Contents:
    """What lies directly in a scope, in order: nodes by index, and scopes."""

    scope: Scope
    elements: list[int | Scope] = field(default_factory=list[int | Scope])
    nodes: list[int] = field(default_factory=list[int])
    """Every node within, at any depth."""


class Scopes:
    """A graph, scope by scope."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.features = _features(graph)
        self._contents = _contents(graph)

    def contents(self, scope: Scope) -> Contents:
        return self._contents[id(scope)]

    def reads(self, scope: Scope) -> list[int]:
        """The nodes outside a scope that nodes within it read, in order, each once."""
        nodes = self.contents(scope).nodes
        inside = set(nodes)
        found: dict[int, None] = {}
        for i in nodes:
            for j in self.graph.nodes[i].inputs:
                if j not in inside:
                    found[j] = None
        return list(found)

    def local(self, scope: Scope) -> dict[int, int]:
        """Nodes as seen in a scope: INPUT for one outside, else the element that holds it."""
        local = _Outside()
        for position, element in enumerate(self.contents(scope).elements):
            if isinstance(element, Scope):
                for i in self.contents(element).nodes:
                    local[i] = position
            else:
                local[element] = position
        return local


def _contents(graph: Graph) -> dict[int, Contents]:
    """What lies in each scope; scopes by identity, in the order of their first node."""
    found: dict[int, Contents] = {id(graph.scope): Contents(graph.scope)}
    for i, node in enumerate(graph.nodes):
        for scope in _path(node.scope):
            if id(scope) not in found:
                found[id(scope)] = Contents(scope)
                found[id(scope.parent)].elements.append(scope)
            found[id(scope)].nodes.append(i)
        # The input is no element of the net: it is what arrives.
        if node.op is not None:
            found[id(node.scope)].elements.append(i)
    return found


def _path(scope: Scope) -> Sequence[Scope]:
    """The scopes from the net down to this one."""
    path: list[Scope] = []
    here: Scope | None = scope
    while here is not None:
        path.append(here)
        here = here.parent
    return path[::-1]


class _Outside(dict[int, int]):
    def __missing__(self, key: int) -> int:
        return INPUT


def _features(graph: Graph) -> list[bool]:
    """Which nodes give a vector a sample rather than a map."""
    found: list[bool] = []
    for node in graph.nodes:
        if node.op is None or node.op.layout == "map":
            found.append(False)
        elif node.op.layout == "features":
            found.append(True)
        else:
            found.append(all(found[i] for i in node.inputs))
    return found


def definition(scope: Scope) -> object:
    """The same for instances of one block, and for aux heads with the same text."""
    if scope.kind == "aux" and isinstance(scope.definition, syntax.Item):
        body = scope.definition.body
        return "aux", "" if body is None else " ".join(body.span.text.split())
    return scope.kind, id(scope.definition)


def parameter_names(scope: Scope) -> Sequence[str]:
    """The parameters that text in a scope may use: its net's or block's, and a repeat's counter."""
    names = list(scope.owner.arguments)
    here: Scope | None = scope
    while here is not None and here.kind not in ("net", "block"):
        # Of the repeats around it in the same text, the counters.
        if here.kind == "iteration":
            names += [name for name in here.arguments if name not in names]
        elif isinstance(here.definition, syntax.Repeat) and here is scope:
            counter = here.definition.counter
            names += [counter.text] if counter else []
        here = here.parent
    return names


def value_of(scope: Scope, name: str) -> Value:
    """What a parameter or counter is in a scope."""
    return scope.arguments[name] if name in scope.arguments else scope.owner.arguments[name]


def stays_open(node: Node, field: str) -> bool:
    """Whether a program says a field in its class's parameters.

    What decides which call of the framework is written is a constant: truth values, words, and
    the groups of ops that have two forms.
    """
    if field not in node.exprs or isinstance(getattr(node.op, field), bool | str):
        return False
    return field not in ("groups", "towers") or isinstance(node.op, Conv | Deconv)
