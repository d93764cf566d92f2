"""Filters that are scaled back when they grow too large."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor


@torch.no_grad()
def limit_filters(weights: Iterable[Tensor], most: float) -> None:
    """Scale each filter of weights (out, in, H, W) whose RMS is above `most` back to it."""
    for weight in weights:
        rms = weight.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
        weight.mul_(torch.where(rms > most, most / rms, 1.0))
