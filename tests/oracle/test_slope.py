"""The gradient oracle against central differences of the oracle itself, and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ..backends.quiet import without_dropout
from ..nets import SMALL, net
from . import interpreter, layers, slope


def test_erf_and_its_slope() -> None:
    found = layers.erf(np.array([0.0, 0.5, -2.0]) + 1j * slope.STEP)
    assert found.real == pytest.approx([0.0, 0.5204998778130465, -0.9953222650189527], abs=1e-15)
    # 2 / sqrt(pi) exp(-x^2)
    expected = [1.1283791670955126, 0.8787825789354448, 0.02066698535409206]
    assert found.imag / slope.STEP == pytest.approx(expected, rel=1e-14)


def test_the_loss_by_hand() -> None:
    """One logit is w x, the other 0: the loss is log(1 + exp(-w x)), with slope -x / (1 + exp(w x))
    along w."""
    graph = net("input(1x1x1) fc(2, bias=false) softmax")
    weights = {"fc1.weight": np.array([[2.0], [0.0]])}
    x, labels = np.array([0.5]).reshape(1, 1, 1, 1), np.array([0])
    along = {"fc1.weight": np.array([[1.0], [0.0]])}
    assert slope.train(graph, weights, x, labels).loss == pytest.approx(np.log1p(np.exp(-1.0)))
    found = slope.derivative(graph, weights, x, labels, along, np.zeros_like(x))
    assert found == pytest.approx(-0.5 / (1.0 + np.e), rel=1e-14)


def test_heads_weigh_in() -> None:
    """Of two equal heads the loss is 1 + 0.3 times that of one."""
    body = "input(1x1x1) relu {} fc(2, bias=false) softmax"
    both = net(body.format("aux(weight = 0.3) { fc(2, bias=false) softmax }"))
    row = np.array([[1.0], [-1.0]])
    x, labels = np.array([0.5]).reshape(1, 1, 1, 1), np.array([1])
    one = slope.train(net(body.format("")), {"fc1.weight": row}, x, labels).loss
    found = slope.train(both, {"fc1.weight": row, "aux1.fc1.weight": row}, x, labels)
    assert found.loss == pytest.approx(1.3 * one, rel=1e-15)
    assert len(found.logits) == 2


@pytest.mark.parametrize("name", SMALL)
def test_equals_central_differences(name: str) -> None:
    """(f(x + h d) - f(x - h d)) / 2h, which is as good as 1e-5 or so where nothing kinks."""
    graph = without_dropout(SMALL[name])
    rng = np.random.default_rng(3)
    weights = interpreter.random_weights(graph, rng)
    x = rng.normal(size=(3, *graph.input))
    place = () if graph.shape[1:] == (1, 1) else graph.shape[1:]
    labels = rng.integers(0, graph.shape[0], (3, *place))
    along = {n: rng.normal(size=w.shape) for n, w in weights.items() if "running" not in n}
    along_x = rng.normal(size=x.shape)

    def loss(h: float) -> float:
        moved = {n: w + h * along.get(n, 0.0) for n, w in weights.items()}
        found = slope.train(graph, moved, x + h * along_x, labels).loss
        assert isinstance(found, float)
        return found

    h = 1e-6
    expected = (loss(h) - loss(-h)) / (2 * h)
    found = slope.derivative(graph, weights, x, labels, along, along_x)
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-5)
