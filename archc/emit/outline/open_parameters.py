"""Which parameters of the net can stay open, as arguments of a program's constructor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from archc import syntax
from archc.elaborate.structures import word_of
from archc.emit.outline.symbolic import sayable
from archc.ir import Graph, Scope
from archc.names import names_in

OPEN_FIELDS = frozenset({"out", "p"})
"""Fields that change no height, width or grouping, whatever their value."""


def structural_names(graph: Graph) -> frozenset[str]:
    """The net's parameters that shapes depend on: these are printed as constants.

    A parameter may stay a constructor argument where it only says how wide a layer is; the
    same is asked of the parameters of blocks that it is handed to.
    """
    blocks: dict[int, set[str]] = {}
    structural = {
        name
        for step in graph.net.items
        if isinstance(step, syntax.Item) and word_of(step) == "input"
        for arg in step.args
        for name in names_in(arg.value)
    }
    for declared in (*graph.net.defaults, *graph.net.afters):
        structural |= _named(declared.items)
    for node in reversed(graph.nodes):
        found = blocks.setdefault(id(node.scope.owner), set())
        for name, expr in node.exprs.items():
            if name not in OPEN_FIELDS or not sayable(expr):
                found |= names_in(expr)
        grouped = getattr(node.op, "groups", 1) > 1 and node.factors.get("groups", 1) == 1
        if grouped and "out" in node.exprs:
            found |= names_in(node.exprs["out"])
    for scope in _every(graph):
        # Conditions and how often something is repeated.
        found = blocks.setdefault(id(scope.owner), set())
        if isinstance(scope.definition, syntax.Choice) and scope.kind == "arm":
            found |= names_in(scope.definition.condition)
        elif isinstance(scope.definition, syntax.Repeat) and scope.kind == "repeat":
            found |= {name for arg in scope.definition.args for name in names_in(arg.value)}
    for scope in {id(node.scope.owner): node.scope.owner for node in graph.nodes}.values():
        block = scope
        while block.kind == "block" and block.parent is not None:
            inner = blocks.get(id(block), set())
            outer = blocks.setdefault(id(block.parent.owner), set())
            for name, expr in block.exprs.items():
                if name in inner:
                    outer |= names_in(expr)
            block = block.parent.owner
    return frozenset(structural | blocks.get(id(graph.scope), set()))


def _every(graph: Graph) -> Iterable[Scope]:
    """Every scope that a node lies in, at any depth, once."""
    seen: dict[int, Scope] = {}
    for node in graph.nodes:
        scope: Scope | None = node.scope
        while scope is not None and id(scope) not in seen:
            seen[id(scope)] = scope
            scope = scope.parent
    return seen.values()


def _named(items: Sequence[syntax.Step]) -> set[str]:
    """The names in the arguments of a declaration's items."""
    return {
        name
        for step in items
        if isinstance(step, syntax.Item)
        for arg in step.args
        for name in names_in(arg.value)
    }
