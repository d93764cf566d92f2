"""The imports that a text of Python needs, in the order that formatters give them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence

Module = tuple[str, tuple[str, ...]]
"""A module, and what is imported from it; where that is nothing, the module itself."""

STANDARD: Sequence[Module] = (
    *((name, ()) for name in ("argparse", "json", "math", "os", "re", "sys", "time")),
    ("collections", ("deque",)),
    (
        "collections.abc",
        ("Callable", "Generator", "Iterable", "Iterator", "Mapping", "Sequence"),
    ),
    ("concurrent.futures", ("Future", "ThreadPoolExecutor")),
    ("copy", ("deepcopy",)),
    ("dataclasses", ("dataclass",)),
    ("datetime", ("timedelta",)),
    ("functools", ("partial",)),
    ("pathlib", ("Path",)),
    ("typing", ("Any", "NamedTuple", "TypeVar")),
)

OTHERS: Sequence[Module] = (
    ("numpy as np", ()),
    ("numpy.typing", ("NDArray",)),
    ("PIL", ("Image", "ImageOps")),
    ("safetensors", ("SafetensorError", "safe_open")),
    ("safetensors.numpy", ("save_file",)),
)
"""What all programs that train use."""


def imports(code: str, libraries: Sequence[Module]) -> str:
    """The lines: of Python's own modules and, behind an empty line, of libraries."""
    used = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
    sections = [_lines(used, STANDARD), _lines(used, [*OTHERS, *libraries])]
    return "\n\n".join("\n".join(lines) for lines in sections if lines)


def _lines(used: set[str], modules: Sequence[Module]) -> list[str]:
    plain: list[str] = []
    named: list[str] = []
    for module, names in modules:
        wanted = used & set(names)
        if wanted:
            named.append(f"from {module} import {', '.join(_ordered(wanted))}")
        elif not names and re.split(" as ", module)[-1] in used:
            plain.append(f"import {module}")
    return [*sorted(plain, key=_module), *sorted(named, key=_module)]


def _module(line: str) -> str:
    """What a line is sorted by: its module, capitals or not."""
    return line.split()[1].lower()


def _ordered(names: Iterable[str]) -> list[str]:
    """Classes before functions, as formatters have them."""
    return sorted(names, key=lambda name: (not name[0].isupper(), name))
