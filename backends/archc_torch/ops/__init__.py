"""An emitter an op, in files of the same names as `archc/ops`."""

from __future__ import annotations

from archc.emit.outline import Layer
from archc_torch.ops import activation, conv, crop, dropout, linear, merge, norm, pool
from archc_torch.ops.base import EMITTERS, Written

__all__ = [
    "EMITTERS",
    "Written",
    "activation",
    "conv",
    "crop",
    "dropout",
    "linear",
    "merge",
    "norm",
    "pool",
    "written",
]


def written(layer: Layer) -> Written:
    """A layer in PyTorch. Every op of the library has an emitter (a contract test)."""
    return EMITTERS[type(layer.op)](layer, layer.op)
