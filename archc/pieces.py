"""A batch in pieces: for gradients that are summed up before a step, and for several processes."""

from __future__ import annotations

from itertools import pairwise


def pieces(total: int, count: int) -> list[slice]:
    """`count` slices of 0 to `total` that differ by one at most, without empty ones."""
    small, more = divmod(total, count)
    ends = [0]
    for number in range(count):
        ends.append(ends[-1] + small + (number < more))
    return [slice(a, b) for a, b in pairwise(ends) if a < b]


def share_of(total: int, rank: int, size: int) -> slice:
    """The part of 0 to `total` that is `rank`'s, of `size` parts that differ by one at most and
    may be empty."""
    return slice(total * rank // size, total * (rank + 1) // size)
