"""Transposed convolution and crop, naively, in NumPy; as in `layers`, nothing is taken from the
compiler, from a backend or from a deep-learning library.

Sources: Zeiler et al. 2010, Ronneberger et al. 2015 (up-convolution; copy and crop).
"""

import numpy as np
from numpy.typing import ArrayLike

from .layers import Array, Pair, number


def _map(x: ArrayLike) -> Array:
    """`x` as float64 or complex128, checked to be `(N, C, H, W)`."""
    a = number(x)
    if a.ndim != 4:
        raise ValueError(f"a map is (N, C, H, W), this is {a.shape}")
    return a


def deconv(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None,
    stride: Pair,
    pad: Pair,
    groups: int = 1,
) -> Array:
    """Transposed convolution: every input element paints its kernel on the output.

    `x` (N, I, H, W), `weight` (I, O/groups, kh, kw), `bias` (O,) or None -> (N, O, H', W').
    Element (r, c) adds itself times the kernel to the canvas from (r * stride, c * stride) on;
    `pad` is cut off each side of the canvas. Run g of the input channels paints run g of the
    output channels. Element by element: no window arithmetic is shared with `conv`.
    """
    x = _map(x)
    w = number(weight)
    n, i, h, wd = x.shape
    if w.ndim != 4:
        raise ValueError(f"a deconv's weight is (I, O/groups, kh, kw), this is {w.shape}")
    o_group, kh, kw = w.shape[1:]
    if groups < 1 or i % groups or w.shape[0] != i:
        raise ValueError(f"{groups} groups: weight {w.shape} does not fit {i} input channels")
    o = o_group * groups
    b = np.zeros(o) if bias is None else number(bias)
    if b.shape != (o,):
        raise ValueError(f"bias is {b.shape}, not ({o},)")
    size = (h - 1) * stride[0] + kh, (wd - 1) * stride[1] + kw
    canvas = np.zeros((n, o, *size), np.result_type(x, w))
    for channel in range(i):
        first = channel // (i // groups) * o_group
        for r in range(h):
            for c in range(wd):
                top, left = r * stride[0], c * stride[1]
                for k in range(o_group):
                    for sample in range(n):
                        painted = x[sample, channel, r, c] * w[channel, k]
                        canvas[sample, first + k, top : top + kh, left : left + kw] += painted
    return crop(canvas, pad) + b[:, None, None]


def crop(x: ArrayLike, margin: Pair) -> Array:
    """The map without `margin` rows and columns on each side; (N, C, H, W) -> smaller.

    Row by row, column by column. Nothing left is an error.
    """
    x = _map(x)
    rows = [r for r in range(x.shape[2]) if margin[0] <= r < x.shape[2] - margin[0]]
    cols = [c for c in range(x.shape[3]) if margin[1] <= c < x.shape[3] - margin[1]]
    if not rows or not cols:
        raise ValueError(f"a margin of {margin} leaves nothing of {x.shape[2]}x{x.shape[3]}")
    y = np.empty((*x.shape[:2], len(rows), len(cols)), x.dtype)
    for i, r in enumerate(rows):
        for j, c in enumerate(cols):
            y[:, :, i, j] = x[:, :, r, c]
    return y
