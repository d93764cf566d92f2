"""The papers' stochastic gradient descent, of optax's parts."""

from __future__ import annotations

from typing import Any

import jax
import optax


def paper_sgd(
    lr: jax.Array | float, *, momentum: float, weight_decay: float, undecayed: frozenset[str]
) -> optax.GradientTransformation:
    """`v := momentum v - weight_decay lr w - lr g;  w := w + v` (AlexNet, Section 5).

    The learning rate is inside the velocity, so it comes before the trace: `optax.sgd` has it
    behind. `lr` may be traced, for the state does not depend on it: a step that is compiled takes
    it as an argument. Parameters are a dictionary; those in `undecayed` know no weight decay.
    """

    # Any: optax's type of parameters is any tree.
    def decayed(parameters: Any) -> dict[str, bool]:
        return {name: name not in undecayed for name in parameters}

    return optax.chain(
        optax.add_decayed_weights(weight_decay, mask=decayed),
        optax.scale_by_learning_rate(lr),
        *([optax.trace(momentum)] if momentum else []),
    )
