"""A spec with everything from the command line worked in: what a run really used."""

from __future__ import annotations

from collections.abc import Mapping

from archc import syntax
from archc.evaluate import Value, shown
from archc.ir import Graph
from archc.source import Span


def resolved(graph: Graph, recipe: Mapping[str, Value]) -> str:
    """The text of a graph's spec with its settings as defaults, and `recipe` values replaced.

    Claims are about the net as it was published: where a parameter was set, they are left
    out, so that the text stands on its own.
    """
    edits: list[tuple[Span, str]] = []
    for param in graph.net.params:
        name = param.name.text
        if name in graph.altered:
            span = param.name.span if param.default is None else param.default.span
            text = _literal(graph.altered[name])
            edits.append((span, f"{name} = {text}" if param.default is None else text))
    if graph.altered:
        edits += [(expect.span, "") for expect in graph.net.expects]
    for clause in graph.net.recipes[0].clauses if graph.net.recipes else ():
        if isinstance(clause, syntax.Setting) and clause.name.text in recipe:
            edits.append((clause.value.span, _literal(recipe[clause.name.text])))
    text = graph.source.text
    for span, new in sorted(edits, key=lambda edit: edit[0].start, reverse=True):
        text = text[: span.start] + new + text[span.end :]
    if not edits:
        return text
    settings = {**graph.altered, **recipe}
    said = ", ".join(f"{name} = {shown(value)}" for name, value in settings.items())
    return f"# As trained, with {said}.\n{text}"


def _literal(value: Value) -> str:
    return f'"{value}"' if isinstance(value, str) else shown(value)
