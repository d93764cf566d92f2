"""How a step is computed: what changes its speed, its memory and its rounding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Precision = Literal["fp32", "bf16", "fp16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


@dataclass(frozen=True, kw_only=True)
class Computing:
    """What an engine is told beside what it computes."""

    precision: Precision = "fp32"
    """What layers compute in. Weights are float32 whatever it is, and so are statistics,
    normalisation, softmax and the loss."""
    recompute: bool = False
    """Keep of each block what arrives at it alone, and compute the rest again on the way back."""
    compile: bool = False
    """Let the framework compile the net, where it does not always do so."""

    @property
    def is_half(self) -> bool:
        return self.precision != "fp32"


AS_WRITTEN = Computing()
"""In float32, everything kept, nothing compiled."""
