"""A spec with everything written out (`archc expand`): no block, repeat, if or parameter is left.

`unroll.py` walks the syntax alongside the graph and makes a tree of what stands in the text;
`naming.py` names its parts, as the elaboration of the new text will; `said.py` says claims and
recipe in the new names and in numbers; `text.py` writes it all.
"""

from __future__ import annotations

from archc.diagnostics import printable
from archc.evaluate import shown
from archc.expand.naming import Names
from archc.expand.said import Said, counted_parts
from archc.expand.text import written
from archc.expand.unroll import Unrolled
from archc.ir import Graph
from archc.layout import formatted
from archc.ops.base import written as size
from archc.source import Source


def expanded(graph: Graph) -> str:
    """The text of a graph's spec with everything written out, in the layout of `archc fmt`.

    The claims are about the net as published: they are left out where something was set.
    """
    tree = Unrolled(graph, counted_parts(graph))
    said = Said(graph, tree, Names(tree))
    settings = ", ".join(f"{name} = {shown(value)}" for name, value in graph.altered.items())
    origin = printable(graph.source.name) + (f" with {printable(settings)}" if settings else "")
    paragraphs = [
        [*([f'"{graph.doc}"'] if graph.doc else []), f"input({size(graph.input)})"],
        written(tree.chain),
        [] if graph.altered else said.claims(),
        said.recipe(),
    ]
    body = "\n\n".join("\n".join(lines) for lines in paragraphs if lines)
    text = f"# {origin}, written out by archc expand.\n\nnet {graph.name} {{\n{body}\n}}\n"
    return formatted(Source(f"{graph.source.name}, written out", text))
