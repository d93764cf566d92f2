"""A program as what traces are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flax import nnx

from archc_jax.arrays import Arrays, as_state
from archc_jax.recompute import recompute

Definition = nnx.GraphDef[nnx.Module]
"""A net without its arrays."""


@dataclass(frozen=True)
class Nets:
    """One net in its three forms, and the variables that they have in common."""

    training: Definition
    kept: Definition
    """In training, and keeps all that a step computes: where a fault is looked for."""
    evaluating: Definition
    # Any: what nnx calls flat has no type of its own.
    variables: Any

    @classmethod
    def of(cls, model: nnx.Module, name: str, *, recomputes: bool) -> Nets:
        """Those of a program's net; with `recomputes` the one in training keeps what arrives at
        each block alone."""
        model.eval()
        evaluating = nnx.split(model)[0]
        model.train()
        kept, state = nnx.split(model)
        training = kept
        if recomputes:
            recompute(model, name)
            training = nnx.split(model)[0]
        return cls(training, kept, evaluating, nnx.to_flat_state(state))

    def made(self, form: Definition, parameters: Arrays, others: Arrays) -> nnx.Module:
        """A net with these arrays, in one of its forms."""
        # A copy, for a variable can be written only in the trace that it was made in.
        return nnx.merge(form, as_state(self.variables, {**parameters, **others}), copy=True)
