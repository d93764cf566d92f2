"""The op library: a file a family, a class an op. A new op is one class, listed here."""

from __future__ import annotations

from archc.ops.activation import Relu, Sigmoid, Softmax, Tanh
from archc.ops.base import Op
from archc.ops.conv import Conv
from archc.ops.dropout import Dropout
from archc.ops.linear import Fc
from archc.ops.merge import Concat, Tile
from archc.ops.norm import Lrn
from archc.ops.pool import AvgPool, GlobalAvgPool, MaxPool

OPS: dict[str, type[Op]] = {
    op.word: op
    for op in (
        Conv,
        Fc,
        MaxPool,
        AvgPool,
        GlobalAvgPool,
        Lrn,
        Relu,
        Tanh,
        Sigmoid,
        Softmax,
        Dropout,
        Concat,
        Tile,
    )
}
"""Every op by the word that specs use."""
