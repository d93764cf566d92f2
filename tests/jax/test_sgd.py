"""The papers' rule of optax's parts, against the rule in NumPy."""

from __future__ import annotations

import jax
import numpy as np
import optax
import pytest
from archc_jax.sgd import paper_sgd

from tests.oracle import sgd

Arrays = dict[str, jax.Array]


@pytest.mark.parametrize("decay_bias", [True, False])
@pytest.mark.parametrize("momentum", [0.9, 0.0])
def test_ten_steps_of_the_papers_rule(decay_bias: bool, momentum: float) -> None:
    """With changes of the rate in the middle, where optax's own rule would part ways."""
    rng = np.random.default_rng(0)
    weights = {"a.weight": rng.normal(size=(3, 4)), "a.bias": rng.normal(size=3)}
    velocity = sgd.zero_velocity(weights)
    undecayed = frozenset[str]() if decay_bias else frozenset({"a.bias"})

    def rule(lr: float | jax.Array) -> optax.GradientTransformation:
        return paper_sgd(lr, momentum=momentum, weight_decay=0.05, undecayed=undecayed)

    @jax.jit
    def step(
        parameters: Arrays, state: optax.OptState, gradients: Arrays, lr: float
    ) -> tuple[Arrays, optax.OptState]:
        updates, state = rule(lr).update(gradients, state, parameters)
        return optax.apply_updates(parameters, updates), state

    with jax.enable_x64(True):
        ours = {name: jax.device_put(w) for name, w in weights.items()}
        state = rule(0.1).init(ours)
        for number in range(10):
            lr = 0.1 if number < 4 else 0.01 if number < 7 else 0.03
            gradients = {name: rng.normal(size=w.shape) for name, w in weights.items()}
            ours, state = step(ours, state, gradients, lr)
            weights, velocity = sgd.sgd_step(
                weights, gradients, velocity, lr, momentum, 0.05, undecayed
            )
            for name, parameter in ours.items():
                assert parameter.dtype == np.float64
                assert np.allclose(parameter, weights[name], rtol=0, atol=1e-13)
        found = optax.tree_utils.tree_get(state, "trace", default={})
        assert set(found) == (set(weights) if momentum else set())
        for name, v in found.items():
            assert np.allclose(v, velocity[name], rtol=0, atol=1e-13)
