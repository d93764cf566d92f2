"""A batch in pieces, for gradients that are summed up before a step."""

from __future__ import annotations

from itertools import pairwise


def pieces(total: int, count: int) -> list[slice]:
    """`count` slices of 0 to `total` that differ by one at most, without empty ones."""
    small, more = divmod(total, count)
    ends = [0]
    for number in range(count):
        ends.append(ends[-1] + small + (number < more))
    return [slice(a, b) for a, b in pairwise(ends) if a < b]
