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
    return min(-(-room // stride) + 1, begun_inside)


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
