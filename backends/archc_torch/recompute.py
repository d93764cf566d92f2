"""Activation checkpointing: blocks are computed again on the way back (Chen et al. 2016)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial

from torch import nn
from torch.utils.checkpoint import checkpoint

from archc.recompute import units


def recompute(model: nn.Module, name: str) -> None:
    """Let a net keep of each block what arrives at it alone.

    PyTorch sets chance back before it computes a block again, so that dropout drops the same.
    Names of weights do not change. Raises `DiagnosticError` (E0851).
    """
    for unit in units(model, name, nn.Module.children):
        unit.forward = partial(
            checkpoint, unit.forward, use_reentrant=False, context_fn=partial(_contexts, unit)
        )


def _contexts(
    unit: nn.Module,
) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """Around a block the first time, and when it is computed again."""
    return nullcontext(), _set_aside(unit)


@contextmanager
def _set_aside(unit: nn.Module) -> Iterator[None]:
    """Batch norm gets copies of its statistics to change: the batch is in its own already."""
    own = [
        (module, name, buffer)
        for module in unit.modules()
        for name, buffer in module.named_buffers(recurse=False)
    ]
    for module, name, buffer in own:
        setattr(module, name, buffer.clone())
    try:
        yield
    finally:
        for module, name, buffer in own:
            setattr(module, name, buffer)
