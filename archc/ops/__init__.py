"""The op library: a file a family, a class an op. A new op is one class, listed here."""

from __future__ import annotations

from archc.ops.activation import (
    Gelu,
    HardSigmoid,
    HardSwish,
    LeakyRelu,
    Relu,
    Relu6,
    Sigmoid,
    Silu,
    Softmax,
    Tanh,
)
from archc.ops.base import Op
from archc.ops.conv import Conv, Deconv
from archc.ops.crop import Crop
from archc.ops.dropout import Dropout, DropPath
from archc.ops.linear import Fc
from archc.ops.merge import Add, Concat, Mul, Part, Shuffle, Tile
from archc.ops.norm import Bn, LayerNorm, LayerScale, Lrn
from archc.ops.pool import AvgPool, GlobalAvgPool, MaxPool

_LIBRARY: tuple[type[Op], ...] = (
    Conv,
    Deconv,
    Fc,
    MaxPool,
    AvgPool,
    GlobalAvgPool,
    Crop,
    Lrn,
    Bn,
    LayerNorm,
    LayerScale,
    Relu,
    Relu6,
    LeakyRelu,
    Tanh,
    Sigmoid,
    HardSigmoid,
    Silu,
    HardSwish,
    Gelu,
    Softmax,
    Dropout,
    DropPath,
    Concat,
    Add,
    Mul,
    Part,
    Shuffle,
    Tile,
)

OPS: dict[str, type[Op]] = {op.word: op for op in _LIBRARY}
"""Every op by the word that specs use."""

ALIASES: dict[str, type[Op]] = {alias: op for op in _LIBRARY for alias in op.aliases}
"""What papers call an op beside its word."""


def find(word: str) -> type[Op] | None:
    """The op that a spec means by a word: in capitals or not, hyphenated or not."""
    plain = word.lower().replace("-", "")
    return OPS.get(plain) or ALIASES.get(plain)
