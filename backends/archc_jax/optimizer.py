"""The recipe's optimisers of optax's parts, and what they remember."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import optax

from archc.optimizer_state import MOMENT1, MOMENT2, VELOCITY
from archc.recipe import AdamW, Sgd
from archc_jax.sgd import paper_sgd

_FIELDS = {VELOCITY: "trace", MOMENT1: "mu", MOMENT2: "nu"}
"""optax's words for the slots of `archc.optimizer_state`."""

Arrays = dict[str, jax.Array]


def rule(
    form: Sgd | AdamW, lr: jax.Array | float, undecayed: frozenset[str]
) -> optax.GradientTransformation:
    """The rule at a learning rate, which may be traced: the state does not depend on it.

    Parameters are a dictionary; those in `undecayed` know no weight decay.
    """
    if isinstance(form, Sgd):
        return paper_sgd(
            lr, momentum=form.momentum, weight_decay=form.weight_decay, undecayed=undecayed
        )

    # Any: optax's type of parameters is any tree.
    def decayed(parameters: Any) -> dict[str, bool]:
        return {name: name not in undecayed for name in parameters}

    return optax.adamw(
        lr,
        b1=form.beta1,
        b2=form.beta2,
        eps=form.eps,
        weight_decay=form.weight_decay,
        mask=decayed,
    )


def slots(state: Any) -> dict[str, Arrays]:
    """What a rule remembers of each parameter, a dictionary a slot."""
    found = {
        slot: optax.tree_utils.tree_get(state, field, default=None)
        for slot, field in _FIELDS.items()
    }
    return {slot: arrays for slot, arrays in found.items() if arrays is not None}


def steps(state: Any) -> int | None:
    """The steps that a rule has counted; None where it counts none."""
    count = optax.tree_utils.tree_get(state, "count", default=None)
    return None if count is None else int(count)


def replaced(state: Any, arrays: Mapping[str, Arrays], count: int | None) -> Any:
    """A rule's state with other arrays in its slots, and another count where it has one."""
    fields: dict[str, Any] = {_FIELDS[slot]: each for slot, each in arrays.items()}
    old = optax.tree_utils.tree_get(state, "count", default=None)
    if old is not None and count is not None:
        fields["count"] = jax.numpy.full_like(old, count)
    return optax.tree_utils.tree_set(state, **fields) if fields else state
