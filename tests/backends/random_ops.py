"""An op with random arguments, for a map of a given shape: every op and every argument.

Arguments are drawn so that they fit nearly always; whether they do is archc's to say.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from archc.ops import OPS
from archc.ops.base import Shape

Pair = tuple[int, int]
Value = int | float | bool | str | Pair
Fields = Mapping[str, Value]

LARGEST = 14
"""Rows and columns that a deconv may reach."""

SPELLINGS = {
    "conv": ("Conv", "convolution"),
    "deconv": ("upconv", "DeConv"),
    "fc": ("FC",),
    "maxpool": ("max-pool", "MaxPool"),
    "avgpool": ("avg-pool",),
    "global_avgpool": ("GlobalAvgPool",),
    "lrn": ("ResNorm",),
    "relu": ("ReLU",),
    "softmax": ("soft-max",),
}
"""Other words for the ops that have some."""

MERGES = ("concat", "add", "mul")
"""The ops that take branches, which `random_nets` writes."""


def arguments(rng: random.Random, word: str, shape: Shape, *, keep: bool) -> Fields:
    """Arguments of an op; with `keep`, such that the height and width stay."""
    return _DRAWS.get(word, lambda rng, shape, keep: {})(rng, shape, keep)


def ops(*, keep: bool) -> list[str]:
    """The words of the ops without branches; with `keep`, of those that may keep the size."""
    shrinking = {"fc", "global_avgpool", "crop", "deconv"} if keep else set()
    return [word for word in OPS if word not in {*MERGES, *shrinking}]


def channels(rng: random.Random, groups: int = 1) -> int:
    return groups * rng.randint(1, max(1, 9 // groups))


def divisor(rng: random.Random, n: int) -> int:
    """1 half of the time."""
    if rng.random() < 0.5:
        return 1
    return rng.choice([d for d in range(1, n + 1) if n % d == 0])


def _several(rng: random.Random, n: int) -> int:
    """Groups of two channels or more: of one, softmax and layernorm make constants, and batch norm
    of those magnifies rounding errors a hundredfold."""
    return rng.choice([d for d in range(1, n // 2 + 1) if n % d == 0] or [1])


def _size(rng: random.Random, least: int, most: int) -> Value:
    if rng.random() < 0.7:
        return rng.randint(least, most)
    return rng.randint(least, most), rng.randint(least, most)


def pair(value: Value) -> Pair:
    if isinstance(value, tuple):
        return value
    if not isinstance(value, int):
        raise TypeError(value)
    return value, value


def _window(rng: random.Random, shape: Shape, keep: bool, *, pool: bool) -> dict[str, Value]:
    """Kernel, stride and padding of a sliding window that fits the map."""
    if keep:
        kernel = rng.choice([1, 3, 3, 5, (1, 3), (3, 1), (5, 3)])
        same = (pair(kernel)[0] // 2, pair(kernel)[1] // 2)
        return {"kernel": kernel, "stride": 1, "pad": "same" if rng.random() < 0.7 else same}
    kernel = _size(rng, 1, 5)
    kh, kw = pair(kernel)
    pads: list[Value] = [0, 0, (rng.randint(0, kh // 2), rng.randint(0, kw // 2))]
    pads.append(min(kh, kw) // 2)
    if not pool:
        pads.append(_size(rng, 0, 2))
    if kh % 2 and kw % 2:
        pads.append("same")
    pad = rng.choice(pads)
    ph, pw = (kh // 2, kw // 2) if pad == "same" else pair(pad)
    kernel = min(kh, shape[1] + 2 * ph), min(kw, shape[2] + 2 * pw)
    if pad == "same" or kernel[0] != kernel[1]:
        return {"kernel": kernel, "stride": _size(rng, 1, 3), "pad": pad}
    return {"kernel": kernel[0], "stride": _size(rng, 1, 3), "pad": pad}


def _conv(rng: random.Random, shape: Shape, keep: bool) -> Fields:
    window = _window(rng, shape, keep, pool=False)
    groups = divisor(rng, shape[0])
    return {**_first(window), "out": channels(rng, groups), "pad": window["pad"]} | {
        "groups": groups,
        "bias": rng.random() < 0.7,
    }


def _first(window: dict[str, Value]) -> dict[str, Value]:
    return {"kernel": window["kernel"], "stride": window["stride"]}


def _deconv(rng: random.Random, shape: Shape, keep: bool) -> Fields:
    kernel = _size(rng, 1, 4)
    most = max(1, LARGEST // max(shape[1:]))
    stride = _size(rng, 1, min(3, most))
    painted = [
        (n - 1) * s + k for n, s, k in zip(shape[1:], pair(stride), pair(kernel), strict=True)
    ]
    ph, pw = (rng.randint(0, min(2, (n - 1) // 2)) for n in painted)
    groups = divisor(rng, shape[0])
    return {
        "kernel": kernel,
        "stride": stride,
        "out": channels(rng, groups),
        "pad": rng.choice([0, (ph, pw), min(ph, pw)]),
        "groups": groups,
        "bias": rng.random() < 0.7,
    }


def _fc(rng: random.Random, shape: Shape, keep: bool) -> Fields:
    groups = divisor(rng, shape[0])
    return {"out": channels(rng, groups), "bias": rng.random() < 0.7, "groups": groups}


def _pool(rng: random.Random, shape: Shape, keep: bool) -> Fields:
    window = _window(rng, shape, keep, pool=True)
    return {**window, "round": "down" if keep else rng.choice(["down", "up"])}


def _avgpool(rng: random.Random, shape: Shape, keep: bool) -> Fields:
    return {**_pool(rng, shape, keep), "count_pad": rng.random() < 0.5}


def _crop(rng: random.Random, shape: Shape, keep: bool) -> Fields:
    rows, cols = (rng.randint(0, min(2, (n - 1) // 2)) for n in shape[1:])
    return {"margin": rng.choice([(rows, cols), min(rows, cols)])}


def _lrn(rng: random.Random, shape: Shape, keep: bool) -> Fields:
    return {
        "n": rng.choice([1, 3, 5, 7]),
        "k": rng.choice([2.0, 1.0, 0.5]),
        "alpha": rng.choice([1e-4, 0.5, 0.1]),
        "beta": rng.choice([0.75, 0.5, 1.0]),
        "groups": divisor(rng, shape[0]),
    }


def _part(rng: random.Random, shape: Shape, keep: bool) -> Fields:
    towers = divisor(rng, shape[0])
    of = divisor(rng, shape[0] // towers)
    return {"index": rng.randrange(of), "of": of, "towers": towers}


def _shuffle(rng: random.Random, shape: Shape, keep: bool) -> Fields:
    towers = divisor(rng, shape[0])
    return {"groups": divisor(rng, shape[0] // towers), "towers": towers}


_DRAWS: dict[str, Callable[[random.Random, Shape, bool], Fields]] = {
    "conv": _conv,
    "deconv": _deconv,
    "fc": _fc,
    "maxpool": _pool,
    "avgpool": _avgpool,
    "crop": _crop,
    "lrn": _lrn,
    "bn": lambda rng, *_: {
        "eps": rng.choice([1e-5, 1e-3, 0.1]),
        "momentum": rng.choice([0.1, 0.01, 1.0]),
    },
    "layernorm": lambda rng, shape, _: {
        "eps": rng.choice([1e-6, 1e-3]),
        "groups": _several(rng, shape[0]),
    },
    "layerscale": lambda rng, *_: {"init": rng.choice([1e-6, 0.5])},
    "leaky_relu": lambda rng, *_: {"slope": rng.choice([0.01, 0.2, 0.0])},
    "gelu": lambda rng, *_: {"approximate": rng.random() < 0.5},
    "softmax": lambda rng, shape, _: {"groups": _several(rng, shape[0])},
    "dropout": lambda rng, *_: {"p": rng.choice([0.0, 0.1, 0.5])},
    "droppath": lambda rng, *_: {"p": rng.choice([0.0, 0.2])},
    "part": _part,
    "shuffle": _shuffle,
    "tile": lambda rng, shape, _: {
        "copies": rng.randint(1, 3),
        "towers": divisor(rng, shape[0]),
    },
}
"""How the arguments of each op are drawn; an op that is not here has none."""
