"""The layers of the language, naively, in NumPy: what emitted programs are judged by.

Every function says one row of the frozen meaning (`LANGUAGE.md`, "Meaning, frozen") as literally
as it can. Nothing here is taken from the compiler or from a backend, and no deep-learning
library is used: an error they share cannot hide here. Clarity goes before speed; convolutions
and pools walk over the output positions and handle all channels of one position at once.

Maps are arrays `(N, C, H, W)`, computed in float64 whatever comes in, or in complex128 where what
comes in is complex: then each number carries its slope in its imaginary part (see `slope`).
`kernel`, `stride` and `pad` are `(h, w)` pairs; `pad` is the padding on *each* of the two sides of
its axis.

Sources: Krizhevsky et al. 2012 (AlexNet: 3.3 lrn, 4.2 dropout), Ioffe and Szegedy 2015 (batch
norm), Caffe's pooling layer for `round_up`.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64] | NDArray[np.complex128]
Pair = tuple[int, int]


# --- where windows stand --------------------------------------------------------------------


def window_starts(size: int, kernel: int, stride: int, pad: int, round_up: bool) -> list[int]:
    """First places of all windows along one axis, found by walking, not by a formula.

    Places are counted from the first element of the input: the left padding is `-pad .. -1`, the
    input `0 .. size-1`, the right padding `size .. size+pad-1`.

    Rounding down: as many windows as fit wholly into the padded axis. Rounding up (Caffe's): one
    more while the padded axis is not yet covered to its end, provided that the window starts
    inside the input or its left padding.
    """
    if size < 1 or kernel < 1 or stride < 1 or pad < 0:
        raise ValueError(f"no windows: size {size}, kernel {kernel}, stride {stride}, pad {pad}")
    end = size + pad  # one past the last padded place
    starts: list[int] = []
    start = -pad
    while True:
        if round_up:
            covered_before = start - stride + kernel  # where the window before this one ends
            stands = covered_before < end and start < size
        else:
            stands = start + kernel <= end
        if not stands:
            return starts
        starts.append(start)
        start += stride


def out_size(size: int, kernel: int, stride: int, pad: int, round_up: bool = False) -> int:
    """How many windows stand along an axis of `size` elements (0 if none does)."""
    return len(window_starts(size, kernel, stride, pad, round_up))


def _grid(x: Array, kernel: Pair, stride: Pair, pad: Pair, round_up: bool) -> tuple[list[int], ...]:
    """The window starts of both axes of a map; an error if the result would be empty."""
    rows = window_starts(x.shape[2], kernel[0], stride[0], pad[0], round_up)
    cols = window_starts(x.shape[3], kernel[1], stride[1], pad[1], round_up)
    if not rows or not cols:
        raise ValueError(f"kernel {kernel} does not fit {x.shape[2]}x{x.shape[3]} padded by {pad}")
    return rows, cols


def number(x: ArrayLike) -> Array:
    """A copy of `x`, of any shape, as float64; as complex128 if it is complex."""
    return np.array(x, dtype=np.complex128 if np.iscomplexobj(x) else np.float64)


def _map(x: ArrayLike) -> Array:
    """`x` as float64 or complex128, checked to be `(N, C, H, W)`."""
    a = number(x)
    if a.ndim != 4:
        raise ValueError(f"a map is (N, C, H, W), this is {a.shape}")
    return a


def _vector(v: ArrayLike, length: int, what: str) -> Array:
    """`v`, checked to be `(length,)`, so that nothing broadcasts unseen."""
    a = number(v)
    if a.shape != (length,):
        raise ValueError(f"{what} is {a.shape}, not ({length},)")
    return a


# --- weighted layers ------------------------------------------------------------------------


def conv(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None,
    stride: Pair,
    pad: Pair,
    groups: int = 1,
) -> Array:
    """Convolution, as nets mean it: cross-correlation (the kernel is not flipped).

    `x` (N, I, H, W), `weight` (O, I/groups, kh, kw), `bias` (O,) or None -> (N, O, H', W').
    Padding is zeros; the output size rounds down. Output channels fall into `groups` equal runs;
    run g sees only the g-th run of the input channels.
    """
    x = _map(x)
    w = number(weight)
    n, i, h, wd = x.shape
    if w.ndim != 4:
        raise ValueError(f"a conv's weight is (O, I/groups, kh, kw), this is {w.shape}")
    o, i_group, kh, kw = w.shape
    if groups < 1 or i % groups or o % groups or i_group != i // groups:
        raise ValueError(f"{groups} groups: weight {w.shape} does not fit {i} input channels")
    b = np.zeros(o) if bias is None else _vector(bias, o, "bias")
    rows, cols = _grid(x, (kh, kw), stride, pad, round_up=False)

    padded = np.zeros((n, i, h + 2 * pad[0], wd + 2 * pad[1]), x.dtype)
    padded[:, :, pad[0] : pad[0] + h, pad[1] : pad[1] + wd] = x

    y = np.empty((n, o, len(rows), len(cols)), np.result_type(x, w, b))
    o_group = o // groups
    for g in range(groups):
        seen = padded[:, g * i_group : (g + 1) * i_group]
        mine = slice(g * o_group, (g + 1) * o_group)
        kernels = w[mine].reshape(o_group, -1)
        for r, start_h in enumerate(rows):
            for c, start_w in enumerate(cols):
                top, left = start_h + pad[0], start_w + pad[1]
                window = seen[:, :, top : top + kh, left : left + kw].reshape(n, -1)
                y[:, mine, r, c] = window @ kernels.T + b[mine]
    return y


def fc(x: ArrayLike, weight: ArrayLike, bias: ArrayLike | None) -> Array:
    """Fully connected layer: `x` (N, C, H, W), `weight` (out, C*H*W), `bias` (out,) or None.

    A sample is flattened channel first, then row, then column. Result (N, out, 1, 1).
    """
    x = _map(x)
    n, c, h, wd = x.shape
    w = number(weight)
    if w.ndim != 2 or w.shape[1] != c * h * wd:
        raise ValueError(f"weight {w.shape} does not fit {c}x{h}x{wd} = {c * h * wd} inputs")
    out = w.shape[0]
    b = np.zeros(out) if bias is None else _vector(bias, out, "bias")
    y = np.empty((n, out, 1, 1), np.result_type(x, w, b))
    for sample in range(n):
        flat = np.concatenate([x[sample, ch, row] for ch in range(c) for row in range(h)])
        y[sample, :, 0, 0] = w @ flat + b
    return y


# --- pooling --------------------------------------------------------------------------------


def maxpool(x: ArrayLike, kernel: Pair, stride: Pair, pad: Pair, round_up: bool = False) -> Array:
    """Largest value under each window, (N, C, H, W) -> (N, C, H', W').

    Only real elements compete (padding is -inf). A window without a real element is an error.
    """
    x = _map(x)
    n, ch, h, w = x.shape
    rows, cols = _grid(x, kernel, stride, pad, round_up)
    y = np.empty((n, ch, len(rows), len(cols)), x.dtype)
    for r, top in enumerate(rows):
        for c, left in enumerate(cols):
            best = np.full((n, ch), -np.inf, x.dtype)
            some = False
            for i in range(top, top + kernel[0]):
                for j in range(left, left + kernel[1]):
                    if 0 <= i < h and 0 <= j < w:
                        best = np.maximum(best, x[:, :, i, j])
                        some = True
            if not some:
                raise ValueError(f"the window at ({top}, {left}) holds nothing but padding")
            y[:, :, r, c] = best
    return y


def avgpool(
    x: ArrayLike,
    kernel: Pair,
    stride: Pair,
    pad: Pair,
    round_up: bool = False,
    count_pad: bool = False,
) -> Array:
    """Mean under each window, (N, C, H, W) -> (N, C, H', W').

    The sum is over real elements (padding is zero). It is divided by the number of real elements
    or, with `count_pad`, of real elements and places of the declared padding; places that only
    `round_up` reaches, beyond that padding, never count. Nothing to count is an error.
    """
    x = _map(x)
    n, ch, h, w = x.shape
    rows, cols = _grid(x, kernel, stride, pad, round_up)
    y = np.empty((n, ch, len(rows), len(cols)), x.dtype)
    for r, top in enumerate(rows):
        for c, left in enumerate(cols):
            total = np.zeros((n, ch), x.dtype)
            count = 0
            for i in range(top, top + kernel[0]):
                for j in range(left, left + kernel[1]):
                    if 0 <= i < h and 0 <= j < w:
                        total = total + x[:, :, i, j]
                        count += 1
                    elif count_pad and -pad[0] <= i < h + pad[0] and -pad[1] <= j < w + pad[1]:
                        count += 1
            if count == 0:
                raise ValueError(f"the window at ({top}, {left}) has nothing to count")
            y[:, :, r, c] = total / count
    return y


def global_avgpool(x: ArrayLike) -> Array:
    """Mean of every channel's whole map, (N, C, H, W) -> (N, C, 1, 1)."""
    x = _map(x)
    return x.sum(axis=(2, 3), keepdims=True) / (x.shape[2] * x.shape[3])


# --- normalisation --------------------------------------------------------------------------


def lrn(x: ArrayLike, n: int, k: float, alpha: float, beta: float, groups: int = 1) -> Array:
    """Local response normalisation across channels (AlexNet 3.3), shape kept.

    b_i = a_i / (k + alpha * sum_{j = max(0, i - n//2)}^{min(C-1, i + n//2)} a_j^2) ^ beta

    The sum is not divided by `n` (Caffe's and PyTorch's are). With `groups` the channels are that
    many equal runs (one per tower) and the sum stays within the run of channel i.
    """
    x = _map(x)
    channels = x.shape[1]
    if n < 1 or n % 2 == 0:
        raise ValueError(f"lrn's n is odd, this is {n}")
    if groups < 1 or channels % groups:
        raise ValueError(f"{channels} channels do not divide into {groups} groups")
    run = channels // groups
    y = np.empty_like(x)
    for i in range(channels):
        first = i // run * run
        last = first + run - 1
        total = np.zeros_like(x[:, i])
        for j in range(max(first, i - n // 2), min(last, i + n // 2) + 1):
            total = total + x[:, j] ** 2
        y[:, i] = x[:, i] / (k + alpha * total) ** beta
    return y


def bn_inference(
    x: ArrayLike,
    gamma: ArrayLike,
    beta: ArrayLike,
    running_mean: ArrayLike,
    running_var: ArrayLike,
    eps: float = 1e-5,
) -> Array:
    """Batch norm with the running statistics; `x` (N, C, H, W), the four others (C,)."""
    x = _map(x)
    channels = x.shape[1]
    g, b = _vector(gamma, channels, "gamma"), _vector(beta, channels, "beta")
    mean = _vector(running_mean, channels, "running_mean")
    var = _vector(running_var, channels, "running_var")
    y = np.empty(x.shape, np.result_type(x, g, b))
    for c in range(channels):
        y[:, c] = g[c] * (x[:, c] - mean[c]) / np.sqrt(var[c] + eps) + b[c]
    return y


def bn_training(
    x: ArrayLike,
    gamma: ArrayLike,
    beta: ArrayLike,
    running_mean: ArrayLike,
    running_var: ArrayLike,
    eps: float = 1e-5,
    momentum: float = 0.1,
) -> tuple[Array, Array, Array]:
    """Batch norm with the batch's statistics; also returns the new running mean and variance.

    `x` (N, C, H, W) is the global batch; the four others (C,). A channel's statistics are over
    its m = N*H*W elements. It is normalised with the biased variance (divided by m); the running
    variance takes up the unbiased one (divided by m - 1):
    running := (1 - momentum) * running + momentum * batch.
    """
    x = _map(x)
    channels = x.shape[1]
    m = x.shape[0] * x.shape[2] * x.shape[3]
    if m < 2:
        raise ValueError("batch norm in training needs more than one value a channel")
    mean, biased, unbiased = (np.empty(channels, x.dtype) for _ in range(3))
    for c in range(channels):
        mean[c] = x[:, c].sum() / m
        squares = ((x[:, c] - mean[c]) ** 2).sum()
        biased[c], unbiased[c] = squares / m, squares / (m - 1)
    y = bn_inference(x, gamma, beta, mean, biased, eps)
    old_mean = _vector(running_mean, channels, "running_mean")
    old_var = _vector(running_var, channels, "running_var")
    new_mean = (1 - momentum) * old_mean + momentum * mean
    new_var = (1 - momentum) * old_var + momentum * unbiased
    return y, new_mean, new_var


# --- elementwise, and over channels ---------------------------------------------------------


def relu(x: ArrayLike) -> Array:
    """max(x, 0), any shape."""
    return np.maximum(number(x), 0.0)


def tanh(x: ArrayLike) -> Array:
    """Hyperbolic tangent, any shape."""
    return np.tanh(number(x))


def sigmoid(x: ArrayLike) -> Array:
    """1 / (1 + exp(-x)), any shape; written so that exp never overflows."""
    x = number(x)
    small = np.exp(np.where(x >= 0, -x, x))
    return np.where(x >= 0, 1.0, small) / (1.0 + small)


def erf(x: ArrayLike) -> Array:
    """The error function, any shape; for complex numbers, to the first order of what is imaginary.

    Its derivative is 2 / sqrt(pi) exp(-x^2).
    """
    x = number(x)
    y = np.vectorize(math.erf, otypes=[np.float64])(x.real)
    if not np.iscomplexobj(x):
        return y
    return y + 1j * x.imag * 2.0 / math.sqrt(math.pi) * np.exp(-(x.real**2))


def softmax(x: ArrayLike) -> Array:
    """exp(x_c) / sum over channels of exp, at each place; (N, C, H, W), shape kept."""
    x = _map(x)
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def dropout_inference(x: ArrayLike) -> Array:
    """Dropout when not training: a copy of `x`, any shape."""
    return number(x)


def dropout_training(x: ArrayLike, mask: ArrayLike, p: float) -> Array:
    """Dropout in training, given what to keep: `mask`, of x's shape, is true where x is kept.

    `p` is the probability to drop; what is kept is divided by 1 - p (inverted scaling: the same
    expectation as AlexNet 4.2, which halves at test time instead).
    """
    x = number(x)
    keep = np.asarray(mask, dtype=np.bool_)
    if keep.shape != x.shape:
        raise ValueError(f"mask {keep.shape} is not of the shape of x {x.shape}")
    if not 0 <= p < 1:
        raise ValueError(f"p is in [0, 1), this is {p}")
    return np.where(keep, x / (1 - p), 0.0)


# --- putting maps together ------------------------------------------------------------------


def concat(maps: Sequence[ArrayLike]) -> Array:
    """Maps (N, C_i, H, W) one after the other along channels, in order -> (N, sum C_i, H, W)."""
    return np.concatenate([_map(m) for m in maps], axis=1)


def add(maps: Sequence[ArrayLike]) -> Array:
    """Elementwise sum of maps of one and the same shape (nothing is broadcast)."""
    arrays = [_map(m) for m in maps]
    total = np.zeros(arrays[0].shape, np.result_type(*arrays))
    for a in arrays:
        if a.shape != total.shape:
            raise ValueError(f"maps to add differ: {a.shape} and {total.shape}")
        total = total + a
    return total


def towers(x: ArrayLike, fns: Sequence[Callable[[Array], Array]]) -> Array:
    """`towers(n) { ... }`: each tower sees the whole of `x`; results concatenated on channels."""
    x = _map(x)
    return concat([fn(x.copy()) for fn in fns])


# --- loss -----------------------------------------------------------------------------------


def cross_entropy(logits: ArrayLike, labels: ArrayLike) -> float | complex:
    """Mean over samples of -log softmax(logits)[label]; `logits` (N, K), `labels` (N,) ints."""
    z = number(logits)
    wanted = np.asarray(labels)
    if z.ndim != 2 or wanted.shape != z.shape[:1]:
        raise ValueError(f"logits are (N, K) and labels (N,), these are {z.shape}, {wanted.shape}")
    if not np.issubdtype(wanted.dtype, np.integer):
        raise ValueError(f"labels are integers, these are {wanted.dtype}")
    total = 0.0
    for scores, label in zip(z, wanted.tolist(), strict=True):
        if not 0 <= label < len(scores):
            raise ValueError(f"label {label} is not in 0..{len(scores) - 1}")
        top = scores.max()
        log_sum = top + np.log(np.exp(scores - top).sum())
        total += (log_sum - scores[label]).item()
    return total / len(z)
