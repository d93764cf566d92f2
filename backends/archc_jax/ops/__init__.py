"""An emitter an op, in files of the same names as `archc/ops`."""

from __future__ import annotations

from archc_jax.ops import activation, conv, crop, dropout, exchange, linear, merge, norm, pool
from archc_jax.ops.base import EMITTERS

__all__ = [
    "EMITTERS",
    "activation",
    "conv",
    "crop",
    "dropout",
    "exchange",
    "linear",
    "merge",
    "norm",
    "pool",
]
