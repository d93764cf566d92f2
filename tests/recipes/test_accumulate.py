"""A batch in pieces takes the step of the whole batch, on both backends."""

from __future__ import annotations

import pytest

from archc.pieces import pieces
from tests.recipes.engines import BACKENDS, batch, close, engine, graph, start


def test_pieces_cover_the_batch() -> None:
    assert pieces(10, 1) == [slice(0, 10)]
    assert pieces(10, 3) == [slice(0, 4), slice(4, 7), slice(7, 10)]
    assert pieces(2, 3) == [slice(0, 1), slice(1, 2)]


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_numbers_are_those_of_the_whole_batch(backend: str) -> None:
    """In float64, with all that a recipe can have, and fewer images than pieces."""
    net = graph(
        "optimizer adamw(lr = 0.1, eps = 0.01) loss cross_entropy(0.1) average ema(0.5) "
        "limit filter_rms(0.2)"
    )
    first = start(net)
    with engine(backend, net, first) as whole, engine(backend, net, first, 3) as made:
        for number, size in enumerate((8, 9, 2)):
            images, labels = batch(size, number)
            here = made.step(images, labels, 0.1, len(labels))
            there = whole.step(images, labels, 0.1, len(labels))
            assert here.loss == pytest.approx(there.loss, rel=1e-13)
            assert here.wrong == there.wrong
        assert close(made.weights(), whole.weights(), 1e-12)
        assert close(made.optimizer_state(), whole.optimizer_state(), 1e-12)
