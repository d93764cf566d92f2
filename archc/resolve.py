"""A spec with everything from the command line worked in: what a run really used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

from archc import syntax
from archc.diagnostics import printable
from archc.elaborate.structures import word_of
from archc.evaluate import Callee, Value, shown
from archc.ir import Graph
from archc.parser import parse
from archc.source import Source, Span

Edit = tuple[Span, str]
"""Characters, and what takes their place."""


def resolved(graph: Graph, recipe: Mapping[str, Value]) -> str:
    """The text of a graph's spec with its settings as defaults, and `recipe` values replaced;
    sizes of the recipe are those of the input that was set.

    It stands on its own: what it imports is part of it. Claims are about the net as it was
    published: where a parameter or the input was set, they are left out.
    """
    settings = {**graph.altered, **recipe}
    edits = [*_parameters(graph), *_input(graph), *_imports(graph), *graph.changes]
    if graph.altered:
        edits += [(expect.span, "") for expect in graph.net.expects]
    for clause in graph.net.recipes[0].clauses if graph.net.recipes else ():
        if isinstance(clause, syntax.Setting) and clause.name.text in recipe:
            edits.append((clause.value.span, _literal(recipe[clause.name.text])))
    text = graph.source.text
    for span, new in sorted(edits, key=lambda edit: edit[0].start, reverse=True):
        text = text[: span.start] + new + text[span.end :]
    if not settings:
        return text
    said = ", ".join(f"{name} = {shown(value)}" for name, value in settings.items())
    return f"# As trained, with {said}.\n{text}"


def _parameters(graph: Graph) -> list[Edit]:
    """The parameters that were set, with their values as defaults."""
    edits: list[Edit] = []
    for param in graph.net.params:
        name = param.name.text
        if name in graph.altered:
            span = param.name.span if param.default is None else param.default.span
            text = _literal(graph.altered[name])
            edits.append((span, f"{name} = {text}" if param.default is None else text))
    return edits


def _input(graph: Graph) -> list[Edit]:
    """The input with the size and the width that were set."""
    shape, width = graph.altered.get("--input"), graph.altered.get("--width")
    item = next((step for step in graph.net.items if word_of(step) == "input"), None)
    if not isinstance(item, syntax.Item) or (shape is None and width is None):
        return []
    size = [arg.span.text for arg in item.args if arg.name is None]
    factor = [arg.span.text for arg in item.args if arg.name is not None]
    if shape is not None:
        size = [_literal(shape)]
    if width is not None:
        factor = [f"width = {_literal(width)}"]
    return [(item.span, f"input({', '.join([*size, *factor])})")]


def _imports(graph: Graph) -> list[Edit]:
    """The blocks of all imported files in the place of the first import, and no import."""
    if len(graph.sources) < 2:
        return []
    imports = parse(graph.source).imports
    parts = chain.from_iterable(map(_blocks, graph.sources[1:]))
    texts = ["\n\n".join(parts), *[""] * len(imports)]
    return [(each.span, text) for each, text in zip(imports, texts, strict=False)]


def _blocks(source: Source) -> Sequence[str]:
    """The text of a file's blocks, and where it is from."""
    blocks = [block.span.text for block in parse(source).blocks]
    return [f"# From {printable(source.name)}:", *blocks] if blocks else []


def _literal(value: Value) -> str:
    """A value as an expression of a spec."""
    match value:
        case str():
            return f'"{value}"'
        case Callee():
            return value.text
        case tuple() if not all(isinstance(part, int) for part in value):
            return f"[{', '.join(map(_literal, value))}]"
        case _:
            return shown(value)
