"""Window arithmetic: what conv and pooling share."""

from __future__ import annotations

from typing import Literal

from archc.errors.shapes import EvenSame, PadTooLarge, WindowTooLarge
from archc.ops.base import OpError, Pair, pair


def padding(pad: int | Pair | Literal["same"], kernel: Pair) -> Pair:
    """The padding on each side, `(height, width)`; `same` is `(k - 1) / 2`, odd kernels only."""
    if pad != "same":
        return pair(pad)
    if kernel[0] % 2 == 0 or kernel[1] % 2 == 0:
        raise OpError(EvenSame(kernel=kernel), "pad")
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
    axes = list(zip(("height", "width"), size, kernel, stride, pad, strict=True))
    alike = axes[0][1:] == axes[1][1:]
    lines: list[str] = []
    for axis, n, k, s, p in axes[:1] if alike else axes:
        out = positions(n, k, s, p, up=up)
        rounded = "ceil" if up else "floor"
        text = f"{out} = {rounded}(({n} + 2*{p} - {k})/{s}) + 1"
        if up and out != positions_unbounded(n, k, s, p):
            text += " - 1, the last window beginning beyond the input and its padding"
        lines.append(text if alike else f"{axis} {text}")
    return lines


def positions_unbounded(size: int, kernel: int, stride: int, pad: int) -> int:
    """How many windows there are, rounded up, wherever the last begins."""
    return -(-(size + 2 * pad - kernel) // stride) + 1


def slide(size: Pair, kernel: Pair, stride: Pair, pad: Pair, *, up: bool = False) -> Pair:
    """The size of the map that a sliding window leaves. Raises `OpError` where it is empty."""
    height = positions(size[0], kernel[0], stride[0], pad[0], up=up)
    width = positions(size[1], kernel[1], stride[1], pad[1], up=up)
    if height < 1 or width < 1:
        padded = (size[0] + 2 * pad[0], size[1] + 2 * pad[1])
        raise OpError(WindowTooLarge(kernel=kernel, map=size, padded=padded), "kernel")
    return height, width


def check_pool_padding(kernel: Pair, pad: Pair) -> None:
    """Raise `OpError` where a pooling window could lie in the padding alone."""
    if 2 * pad[0] > kernel[0] or 2 * pad[1] > kernel[1]:
        raise OpError(PadTooLarge(kernel=kernel, pad=pad), "pad")
