"""AdamW on both backends, against the rule in NumPy and each other."""

from __future__ import annotations

import jax
import numpy as np
import optax
import pytest
import torch
from archc_jax.optimizer import rule
from archc_torch.adamw import DecoupledAdam

from archc.diagnostics import DiagnosticError
from archc.recipe import AdamW
from tests.oracle.adamw import Adam
from tests.recipes.engines import BACKENDS, Arrays, batch, close, engine, gradients, graph, start

RATES = (0.1, 0.1, 0.1, 0.02, 0.02, 0.3, 0.3, 0.3)


def drawn() -> tuple[Arrays, list[Arrays]]:
    """Weights, and gradients of one step after the other."""
    rng = np.random.default_rng(0)
    weights = {"a.weight": rng.normal(size=(3, 4)), "a.bias": rng.normal(size=3)}
    return weights, [{name: rng.normal(size=w.shape) for name, w in weights.items()} for _ in RATES]


def by_torch(form: AdamW, weights: Arrays, grads: list[Arrays]) -> list[Arrays]:
    parameters = {n: torch.nn.Parameter(torch.from_numpy(w.copy())) for n, w in weights.items()}
    adam = DecoupledAdam(parameters.items(), form)
    after: list[Arrays] = []
    for lr, gradient in zip(RATES, grads, strict=True):
        for name, parameter in parameters.items():
            parameter.grad = torch.from_numpy(gradient[name].copy())
        adam.step(lr)
        after.append({n: p.detach().numpy().copy() for n, p in parameters.items()})
    return after


def by_jax(form: AdamW, weights: Arrays, grads: list[Arrays]) -> list[Arrays]:
    undecayed = frozenset[str]() if form.decay_bias else frozenset({"a.bias"})
    after: list[Arrays] = []
    with jax.enable_x64(True):
        parameters = {n: jax.device_put(w) for n, w in weights.items()}
        state = rule(form, 0.1, undecayed).init(parameters)
        for lr, gradient in zip(RATES, grads, strict=True):
            updates, state = rule(form, lr, undecayed).update(gradient, state, parameters)
            parameters = optax.apply_updates(parameters, updates)
            after.append({n: np.asarray(p) for n, p in parameters.items()})
    return after


@pytest.mark.parametrize("by", [by_torch, by_jax])
@pytest.mark.parametrize(
    "form",
    [
        AdamW(lr=0.1),
        AdamW(lr=0.1, beta1=0.5, beta2=0.7, eps=0.1, weight_decay=0.3),
        AdamW(lr=0.1, beta1=0.0, weight_decay=0.5, decay_bias=False),
    ],
    ids=str,
)
def test_steps_of_the_rule(by: object, form: AdamW) -> None:
    """With changes of the rate, whose place the rule says."""
    weights, grads = drawn()
    oracle = Adam(form.beta1, form.beta2, form.eps, form.weight_decay)
    oracle.undecayed = () if form.decay_bias else ("a.bias",)
    assert callable(by)
    for lr, gradient, found in zip(RATES, grads, by(form, weights, grads), strict=True):
        weights = oracle.step(weights, gradient, lr)
        assert close(found, weights, 1e-13)


SAID = "optimizer adamw(lr = 0.01, beta1 = 0.8, beta2 = 0.9, eps = 0.001, weight_decay = 0.1)"


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_engine_steps_by_the_rule(backend: str) -> None:
    """With the oracle's own gradients: their differences are exact to 1e-10, and eps keeps a
    step from magnifying what is small."""
    net = graph(SAID)
    weights = start(net)
    oracle = Adam(0.8, 0.9, 0.001, 0.1)
    with engine(backend, net, weights) as made:
        for number, lr in enumerate((0.01, 0.002)):
            images, labels = batch(4, number)
            weights = oracle.step(weights, gradients(net, weights, images, labels), lr)
            made.step(images, labels, lr, len(labels))
        assert close(made.weights(), weights, 1e-8)
        state = made.optimizer_state()
    assert state.pop("steps") == 2
    moments = {f"moment1/{n}": m for n, m in oracle.m.items()}
    moments |= {f"moment2/{n}": v for n, v in oracle.v.items()}
    assert close(state, moments, 1e-8)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_state_means_the_same_on_both(backend: str) -> None:
    """Three steps on one backend and three on the other are six on either."""
    net = graph(SAID)
    other = {"torch": "jax", "jax": "torch"}[backend]
    with engine(backend, net, start(net)) as whole:
        for number in range(6):
            whole.step(*batch(4, number), 0.01, 4)
            if number == 2:
                weights, state = whole.weights(), whole.optimizer_state()
                assert state["steps"].dtype == np.int64
        for name in BACKENDS:
            with engine(name, net, weights) as made:
                made.load_optimizer_state(state)
                assert close(made.optimizer_state(), state, 0.0)
                for number in (3, 4, 5):
                    made.step(*batch(4, number), 0.01, 4)
                tolerance = 1e-12 if name == other else 0.0
                assert close(made.weights(), whole.weights(), tolerance)
                assert close(made.optimizer_state(), whole.optimizer_state(), tolerance)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_state_of_another_rule(backend: str) -> None:
    sgd, adam = graph("optimizer sgd(0.1)"), graph(SAID)
    with engine(backend, sgd) as first, engine(backend, adam) as second:
        for made, of in ((first, second), (second, first)):
            with pytest.raises(DiagnosticError, match="E0604"):
                made.load_optimizer_state(of.optimizer_state())
