"""Emitted JAX programs give the numbers of the naive oracle."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from flax import nnx

from archc.ops.activation import Softmax
from archc.passes import MergeTowers, StripHeads, run
from tests.jax.programs import as_nchw, as_nhwc, module
from tests.nets import SMALL, net
from tests.oracle import interpreter

pytestmark = pytest.mark.usefixtures("x64")


def difference(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference relative to the largest value."""
    assert found.shape == expected.shape
    return float(np.abs(found - expected).max() / max(1e-30, np.abs(expected).max()))


def called(model: nnx.Module, x: jax.Array) -> jax.Array | tuple[jax.Array, ...]:
    return nnx.jit(lambda model, x: model(x))(model, x)  # type: ignore[operator]


@pytest.mark.parametrize("name", SMALL)
def test_every_net_equals_the_oracle(name: str) -> None:
    graph = SMALL[name]
    weights = interpreter.random_weights(graph, np.random.default_rng(0))
    x = np.random.default_rng(1).normal(size=(2, *graph.input))
    values = interpreter.run(graph, weights, x)
    node = graph.nodes[graph.output]
    # A net that ends in softmax returns its logits.
    expected = values[node.inputs[0]] if isinstance(node.op, Softmax) else values[graph.output]
    found = called(module(graph, weights), as_nhwc(x))
    assert isinstance(found, jax.Array)
    assert difference(as_nchw(found), expected) < 1e-12


POOLS = [
    f"{pool}({kernel}, {stride}, {rest})"
    for pool in ("maxpool", "avgpool")
    for kernel, stride in (("3", "2"), ("2", "3"), ("2x3", "1x2"))
    for rest in ("pad=1", "pad=1, round=up", "round=up", "pad=0x1")
] + [f"avgpool(3, 2, pad=1, count_pad=true{rest})" for rest in ("", ", round=up")]


def test_every_pooling_equals_the_oracle() -> None:
    """Paddings, sizes that are rounded up, and what counts: where frameworks differ."""
    graph = net(f"input(2x8x9) concat {{ {' '.join(f'| {p} fc(3)' for p in POOLS)} }}")
    weights = interpreter.random_weights(graph, np.random.default_rng(0))
    x = np.random.default_rng(1).normal(size=(2, *graph.input))
    expected = interpreter.run(graph, weights, x)[graph.output]
    found = called(module(graph, weights), as_nhwc(x))
    assert isinstance(found, jax.Array)
    assert difference(as_nchw(found), expected) < 1e-12


def test_heads_are_trained_and_stripped() -> None:
    graph = SMALL["inception"]
    weights = interpreter.random_weights(graph, np.random.default_rng(0))
    x = np.random.default_rng(1).normal(size=(2, *graph.input))
    values = interpreter.run(graph, weights, x)
    ends = [graph.nodes[i].inputs[0] for i in (graph.output, *(h.output for h in graph.heads))]
    model = module(graph, weights)
    model.train()
    for _, layer in nnx.iter_modules(model):
        # Dropout is random in training: switched off here, so that numbers can be compared.
        if isinstance(layer, nnx.Dropout):
            layer.deterministic = True
    found = called(model, as_nhwc(x))
    assert len(found) == 3
    for logits, end in zip(found, ends, strict=True):
        assert difference(as_nchw(logits), values[end]) < 1e-12

    bare = run([StripHeads(), MergeTowers()], graph)
    kept = {n: w for n, w in weights.items() if not n.startswith("aux")}
    model = module(bare, kept)
    model.train()
    model.set_attributes(nnx.Dropout, deterministic=True)
    alone = called(model, as_nhwc(x))
    assert isinstance(alone, jax.Array)
    assert difference(as_nchw(alone), values[ends[0]]) < 1e-12


def test_batch_norm_keeps_the_unbiased_variance() -> None:
    graph = net("input(2x4x5) n: bn(momentum=0.3) fc(2) softmax")
    weights = interpreter.random_weights(graph, np.random.default_rng(0))
    x = np.random.default_rng(1).normal(size=(3, *graph.input))
    model = module(graph, weights)
    model.train()
    called(model, as_nhwc(x))
    mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), ddof=1)
    for found, old, new in (
        (model.n.mean, weights["n.running_mean"], mean),  # type: ignore[attr-defined]
        (model.n.var, weights["n.running_var"], var),  # type: ignore[attr-defined]
    ):
        assert difference(np.asarray(found[...]), 0.7 * old + 0.3 * new) < 1e-12


def test_batch_norm_does_not_learn_from_one_value() -> None:
    """It has no variance; in evaluation it is as good as any."""
    graph = net("input(2x1x1) bn fc(2) softmax")
    model = module(graph, interpreter.random_weights(graph, np.random.default_rng(0)))
    one, two = as_nhwc(np.ones((1, 2, 1, 1))), as_nhwc(np.ones((2, 2, 1, 1)))
    assert called(model, one).shape == (1, 2)  # type: ignore[union-attr]
    model.train()
    assert called(model, two).shape == (2, 2)  # type: ignore[union-attr]
    with pytest.raises(ValueError, match="two values a channel"):
        called(model, one)
