"""Activation checkpointing: blocks are computed again on the way back (Chen et al. 2016)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm  # pyright: ignore[reportPrivateUsage]
from torch.utils.checkpoint import checkpoint

from archc.recompute import units


def recompute(model: nn.Module, name: str) -> None:
    """Let a net keep of each block what arrives at it alone.

    PyTorch sets chance back before it computes a block again, so that dropout drops the same.
    Names of weights do not change. Raises `DiagnosticError` (E0831).
    """
    for unit in units(model, name, nn.Module.children):
        unit.forward = partial(
            checkpoint, unit.forward, use_reentrant=False, context_fn=partial(_contexts, unit)
        )


def _contexts(
    unit: nn.Module,
) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """Around a block the first time, and when it is computed again."""
    return nullcontext(), _taken_in(unit)


@contextmanager
def _taken_in(unit: nn.Module) -> Iterator[None]:
    """Batch norm that leaves its running statistics alone: the batch is in them already."""
    norms = [each for each in unit.modules() if isinstance(each, _BatchNorm)]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True
