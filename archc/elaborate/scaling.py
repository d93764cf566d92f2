"""The ops of a net whose channels are scaled."""

from __future__ import annotations

from archc.binding import Bound
from archc.ops.base import Op
from archc.width import Twofold, channels, in_scaled

COUNTS = frozenset({"out", "groups"})
"""The fields that are counts of channels."""


def scaled(bound: Bound[Op], width: float, *, is_last: bool) -> Op:
    """An op with its channels times the width; the last layers' numbers are the classes."""
    found: dict[str, int | float] = {}
    for field in COUNTS & bound.values.keys():
        value = bound.values[field]
        if isinstance(value, Twofold):
            found[field] = in_scaled(value) if isinstance(value, int | float) else 1
        elif field == "out" and type(value) is int and not is_last:
            found[field] = channels(value, width)
    whole = {field: max(1, round(value)) for field, value in found.items()}
    return bound.form.model_copy(update=whole)
