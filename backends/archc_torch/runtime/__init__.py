"""The source of what emitted programs carry along."""

from __future__ import annotations

import ast
from collections.abc import Collection
from functools import cache
from pathlib import Path


@cache
def _sources() -> dict[str, str]:
    """Each function and class of `functions.py`, by name, as text."""
    text = Path(__file__).with_name("functions.py").read_text("utf-8")
    return {
        node.name: ast.get_source_segment(text, node) or ""
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }


def sources(names: Collection[str]) -> list[str]:
    """The source of these functions, in the order of the file."""
    return [source for name, source in _sources().items() if name in names]
