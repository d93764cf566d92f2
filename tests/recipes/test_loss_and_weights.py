"""Smoothed labels, averages and limits on both backends, against NumPy and each other."""

from __future__ import annotations

import numpy as np
import pytest

from archc.backend import Engine
from tests.oracle import recipe as oracle
from tests.oracle import sgd
from tests.recipes.engines import (
    BACKENDS,
    Arrays,
    batch,
    close,
    engine,
    gradients,
    graph,
    loss,
    start,
)

SGD = "optimizer sgd(lr = 0.5, momentum = 0.9)"


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("smoothing", [0.1, pytest.param(0.5, marks=pytest.mark.slow)])
def test_labels_are_smoothed_for_every_head(backend: str, smoothing: float) -> None:
    def each(logits: np.ndarray, labels: np.ndarray) -> float:
        return oracle.smoothed_cross_entropy(logits, labels, smoothing)

    net = graph(f"{SGD} loss cross_entropy(smoothing = {smoothing})")
    weights = start(net)
    images, labels = batch(5)
    grads = gradients(net, weights, images, labels, each)
    moved, _ = sgd.sgd_step(weights, grads, sgd.zero_velocity(weights), 0.5, weight_decay=0)
    with engine(backend, net, weights) as made:
        found = made.step(images, labels, 0.5, len(labels))
        assert found.loss == pytest.approx(loss(net, weights, images, labels, each), rel=1e-12)
        # Central differences are exact to 1e-10.
        assert close(made.weights(), moved, 1e-9)


def trained(made: Engine) -> Arrays:
    """The weights behind the averages."""
    state = made.optimizer_state()
    return {n.removeprefix("trained/"): w for n, w in state.items() if n.startswith("trained/")}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "average",
    ["polyak", "ema(decay = 0.4)", pytest.param("ema", marks=pytest.mark.slow)],
)
def test_the_weights_are_averages(backend: str, average: str) -> None:
    plain, net = graph(SGD), graph(f"{SGD} average {average}")
    first = start(net)
    with engine(backend, plain, first) as single, engine(backend, net, first) as made:
        after: list[Arrays] = []
        for number in range(5):
            images, labels = batch(4, number)
            losses = [each.step(images, labels, 0.5, len(labels)).loss for each in (single, made)]
            # Training itself knows nothing of the average.
            assert losses[0] == losses[1]
            after.append(single.weights())
            assert close(trained(made), after[-1], 0.0)
        expected: Arrays = {}
        for name, w in first.items():
            path = [weights[name] for weights in after]
            decay = 0.4 if "0.4" in average else 0.9999
            expected[name] = (
                oracle.polyak(path) if average == "polyak" else oracle.ema(w, path, decay)
            )
        found = made.weights()
        assert close(found, expected, 1e-13)
        images, _ = batch(7, 99)
        predicted = made.predict(images)
        single.load_weights(found)
        assert np.array_equal(predicted, single.predict(images))


@pytest.mark.parametrize("backend", BACKENDS)
def test_averages_go_on_on_either_backend(backend: str) -> None:
    net = graph(f"{SGD} average polyak")
    with engine(backend, net, start(net)) as whole:
        for number in range(4):
            whole.step(*batch(4, number), 0.5, 4)
            if number == 1:
                weights, state = whole.weights(), whole.optimizer_state()
        for name in BACKENDS:
            with engine(name, net) as made:
                made.load_weights(weights)
                made.load_optimizer_state(state)
                assert close(made.weights(), weights, 0.0)
                assert close(made.optimizer_state(), state, 0.0)
                for number in (2, 3):
                    made.step(*batch(4, number), 0.5, 4)
                tolerance = 0.0 if name == backend else 1e-12
                assert close(made.weights(), whole.weights(), tolerance)
                assert close(made.optimizer_state(), whole.optimizer_state(), tolerance)


@pytest.mark.parametrize("backend", BACKENDS)
def test_filters_are_scaled_back(backend: str) -> None:
    """After each of two steps: one filter of the two is too large, and one is zero at first."""
    net = graph(f"{SGD} limit filter_rms(0.2)")
    weights = start(net)
    weights["conv1.weight"][0] *= 10
    weights["conv1.weight"][1] = 0
    velocity = sgd.zero_velocity(weights)
    with engine(backend, net, weights) as made:
        for number in range(2):
            images, labels = batch(4, number)
            grads = gradients(net, weights, images, labels)
            weights, velocity = sgd.sgd_step(weights, grads, velocity, 0.05, weight_decay=0)
            weights["conv1.weight"] = oracle.limited(weights["conv1.weight"], 0.2)
            made.step(images, labels, 0.05, len(labels))
            # Central differences are exact to 1e-10.
            assert close(made.weights(), weights, 1e-9)
        rms = np.sqrt((made.weights()["conv1.weight"] ** 2).mean(axis=(1, 2, 3)))
    assert rms[0] == pytest.approx(0.2)
    assert 0 < rms[1] < 0.2
