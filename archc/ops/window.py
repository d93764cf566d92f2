"""Window arithmetic: what conv and pooling share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from archc.errors import shapes as shape_errors
from archc.ops.base import OpError, Pair, pair


def padding(pad: int | Pair | Literal["same"], kernel: Pair) -> Pair:
    """The padding on each side, `(height, width)`; `same` is `(k - 1) / 2`, odd kernels only."""
    if pad != "same":
        return pair(pad)
    if kernel[0] % 2 == 0 or kernel[1] % 2 == 0:
        raise OpError(shape_errors.EvenSame(kernel=kernel), "pad")
    return (kernel[0] - 1) // 2, (kernel[1] - 1) // 2


def positions(size: int, kernel: int, stride: int, pad: int, *, up: bool) -> int:
    """How many windows fit along one axis; 0 or fewer where none does.

    Down: `floor((size + 2 pad - kernel) / stride) + 1`. Up is Caffe's: the ceiling, but
    only of windows that begin in the input or its left padding.
    """
    room = size + 2 * pad - kernel
    if not up:
        return room // stride + 1
    begun_inside = (size + pad - 1) // stride + 1
    return min(positions_unbounded(size, kernel, stride, pad), begun_inside)


def size_arithmetic(size: Pair, kernel: Pair, stride: Pair, pad: Pair, *, up: bool) -> list[str]:
    """The size of each axis with its numbers; one line where both are alike."""
    outs: list[int] = []
    formulas: list[str] = []
    rounded = "ceil" if up else "floor"
    for n, k, s, p in zip(size, kernel, stride, pad, strict=True):
        outs.append(positions(n, k, s, p, up=up))
        formulas.append(f"{rounded}(({n} + 2*{p} - {k})/{s}) + 1")
        if up and outs[-1] != positions_unbounded(n, k, s, p):
            formulas[-1] += " - 1, the last window beginning beyond the input and its padding"
    return by_axis(outs, formulas)


def by_axis(sizes: Sequence[int], formulas: Sequence[str]) -> list[str]:
    """`56 = 64 - 2*4`: height and width with their formulas, one line where both are alike."""
    height, width = (f"{n} = {text}" for n, text in zip(sizes, formulas, strict=True))
    return [height] if height == width else [f"height {height}", f"width {width}"]


def positions_unbounded(size: int, kernel: int, stride: int, pad: int) -> int:
    """How many windows there are, rounded up, wherever the last begins."""
    return -(-(size + 2 * pad - kernel) // stride) + 1


def slide(size: Pair, kernel: Pair, stride: Pair, pad: Pair, *, up: bool = False) -> Pair:
    """The size of the map that a sliding window leaves. Raises `OpError` where it is empty."""
    height = positions(size[0], kernel[0], stride[0], pad[0], up=up)
    width = positions(size[1], kernel[1], stride[1], pad[1], up=up)
    if height < 1 or width < 1:
        padded = (size[0] + 2 * pad[0], size[1] + 2 * pad[1])
        raise OpError(shape_errors.WindowTooLarge(kernel=kernel, map=size, padded=padded), "kernel")
    return height, width


def cut(size: Pair, off: Pair, field: str) -> Pair:
    """The size left when so much is cut off each side. Raises `OpError` where nothing is left."""
    height, width = size[0] - 2 * off[0], size[1] - 2 * off[1]
    if height < 1 or width < 1:
        raise OpError(shape_errors.CutAway(field=field, off=off, map=size), field)
    return height, width


def check_pool_padding(kernel: Pair, pad: Pair) -> None:
    """Raise `OpError` where a pooling window could lie in the padding alone."""
    if 2 * pad[0] > kernel[0] or 2 * pad[1] > kernel[1]:
        raise OpError(shape_errors.PadTooLarge(kernel=kernel, pad=pad), "pad")
