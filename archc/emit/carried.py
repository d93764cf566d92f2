"""What a program carries along: the source of functions and classes of a runtime."""

from __future__ import annotations

import ast
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import NamedTuple


class Piece(NamedTuple):
    """A definition of a file: its text, and the names that it uses."""

    text: str
    uses: frozenset[str]


def carried(file: Path, names: Collection[str]) -> list[str]:
    """The source of these definitions and what they use, in the order of the file."""
    sources = pieces(file)
    wanted = set(names)
    # A helper may stand on either side of those that call it.
    while True:
        used = {use for name in wanted & sources.keys() for use in sources[name].uses}
        if used <= wanted:
            break
        wanted |= used
    return [piece.text for name, piece in sources.items() if name in wanted]


@cache
def pieces(file: Path) -> dict[str, Piece]:
    """Each function, class and constant of a file by name; a constant with its docstring."""
    text = file.read_text("utf-8")
    lines = text.split("\n")
    body = ast.parse(text).body
    found: dict[str, Piece] = {}
    for node, behind in zip(body, [*body[1:], None], strict=True):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
                last = node.end_lineno
            case ast.Assign(targets=[ast.Name(id=name)]):
                first, last = node.lineno, node.end_lineno
                if isinstance(behind, ast.Expr):
                    last = behind.end_lineno
            case _:
                continue
        uses = frozenset(each.id for each in ast.walk(node) if isinstance(each, ast.Name))
        found[name] = Piece("\n".join(lines[first - 1 : last]), uses)
    return found
