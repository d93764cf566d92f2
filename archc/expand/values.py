"""Values as a spec writes them, and an op's arguments in them."""

from __future__ import annotations

from collections.abc import Mapping

from archc.evaluate import Value, shown
from archc.ops.base import Op


def literal(value: Value) -> str:
    """A value of a parameter as the expression of it."""
    return f'"{value}"' if isinstance(value, str) else shown(value)


def arguments(op: Op, assumed: Mapping[str, str]) -> str:
    """`(3, 1, 64, pad=same)`: what must be said by position, what differs from its default by
    name. `assumed` has the sources of some."""
    said: list[str] = []
    for name, field in type(op).model_fields.items():
        value: Value = getattr(op, name)
        # A word of a field, such as same, is no string.
        text = value if isinstance(value, str) else shown(value)
        source = f' assumed "{assumed[name]}"' if name in assumed else ""
        if field.is_required():
            said.append(f"{text}{source}")
        elif value != field.default or source:
            said.append(f"{name}={text}{source}")
    return f"({', '.join(said)})" if said else ""
