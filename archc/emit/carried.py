"""What a program carries along: the source of functions and classes of a backend's runtime."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection
from functools import cache
from pathlib import Path


def carried(file: Path, names: Collection[str]) -> list[str]:
    """The source of these functions and classes and what they call, in the order of the file."""
    sources = _sources(file)
    wanted = set(names)
    # A helper stands behind those that it calls.
    for name, source in reversed(sources.items()):
        if name in wanted:
            wanted |= sources.keys() & set(re.findall(r"(?<![\w.])\w+", source))
    return [source for name, source in sources.items() if name in wanted]


@cache
def _sources(file: Path) -> dict[str, str]:
    """Each function and class of a file, by name, as text."""
    text = file.read_text("utf-8")
    return {
        node.name: ast.get_source_segment(text, node) or ""
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
