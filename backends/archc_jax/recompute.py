"""Activation checkpointing: blocks are computed again on the way back (Chen et al. 2016)."""

from __future__ import annotations

from collections.abc import Iterator

from flax import nnx

from archc.recompute import units


def recompute(model: nnx.Module, name: str) -> None:
    """Let a net keep of each block what arrives at it alone.

    A block gets a class of its own whose call is one that JAX computes again; statistics and
    chance are what goes in and comes out, so that neither moves twice. Paths do not change.
    Raises `DiagnosticError` (E0851).
    """
    made: dict[type[nnx.Module], type[nnx.Module]] = {}
    for unit in units(model, name, children):
        kind = type(unit)
        if kind not in made:
            call = nnx.remat(kind.__call__)  # pyright: ignore[reportAttributeAccessIssue]
            made[kind] = type(kind.__name__, (kind,), {"__call__": call})
        unit.__class__ = made[kind]


def children(module: nnx.Module) -> Iterator[nnx.Module]:
    """The modules that a module holds, also in a list, as `nnx.Sequential` does."""
    for value in vars(module).values():
        for each in value if isinstance(value, (list, tuple, nnx.List)) else (value,):
            if isinstance(each, nnx.Module):
                yield each
