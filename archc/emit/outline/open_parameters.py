"""Which parameters of the net can stay open, as arguments of a program's constructor."""

from __future__ import annotations

from archc.emit.outline.symbolic import names_in
from archc.ir import Graph, Scope

OPEN_FIELDS = frozenset({"out", "p"})
"""Fields that change no height, width or grouping, whatever their value."""


def structural_names(graph: Graph) -> frozenset[str]:
    """The net's parameters that shapes depend on: these are printed as constants.

    A parameter may stay a constructor argument where it only says how wide a layer is; the
    same is asked of the parameters of blocks that it is handed to.
    """
    blocks: dict[int, set[str]] = {}
    structural: set[str] = set()
    input_item = graph.net.items[0]
    for arg in input_item.args:
        structural |= names_in(arg.value)
    for node in reversed(graph.nodes):
        found = blocks.setdefault(id(_owner(node.scope)), set())
        for name, expr in node.exprs.items():
            if name not in OPEN_FIELDS:
                found |= names_in(expr)
        grouped = getattr(node.op, "groups", 1) > 1 and node.factors.get("groups", 1) == 1
        if grouped and "out" in node.exprs:
            found |= names_in(node.exprs["out"])
    scopes = {id(node.scope): node.scope for node in graph.nodes}
    for scope in scopes.values():
        while scope.parent is not None and scope.kind == "block":
            inner = blocks.get(id(scope), set())
            outer = blocks.setdefault(id(_owner(scope.parent)), set())
            for name, expr in scope.exprs.items():
                if name in inner:
                    outer |= names_in(expr)
            scope = scope.parent
    return frozenset(structural | blocks.get(id(graph.scope), set()))


def _owner(scope: Scope) -> Scope:
    """The scope whose parameters a scope's text uses: an aux head's is the net."""
    return scope.parent if scope.kind == "aux" and scope.parent is not None else scope
