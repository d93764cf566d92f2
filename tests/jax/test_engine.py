"""The JAX engine on one device: what it computes, keeps and gives back."""

from __future__ import annotations

from collections.abc import Generator

import jax
import numpy as np
import pytest
import torch
from archc_torch import backend as torch_backend
from archc_torch.engine import TorchEngine
from jax import monitoring

from archc.diagnostics import DiagnosticError
from archc.driver import compile_graph
from archc.ir import Graph
from tests.jax.engines import MIXED, TOWERS, batch, engine, graph

CLOSE = 1e-12
"""Ten steps in float64, of values about 1: a hundred times the rounding of a few sums."""

Arrays = dict[str, np.ndarray]


def torch_engine(of: Graph) -> TorchEngine:
    assert of.recipe is not None
    return torch_backend.engine(compile_graph(of, "torch"), of, of.recipe, device="cpu", seed=0)


def same(a: Arrays, b: Arrays) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


@pytest.fixture
def compiled() -> Generator[list[str]]:
    """The functions that JAX compiles during a test."""
    found: list[str] = []

    def listen(event: str, seconds: float, **details: object) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            found.append(str(details.get("fun_name")))

    monitoring.register_event_duration_secs_listener(listen)
    yield found
    monitoring.unregister_event_duration_listener(listen)


def test_a_step_is_compiled_once_for_a_size(compiled: list[str]) -> None:
    """Whatever the rate, and whatever was loaded in between."""
    made = engine(graph())
    images, labels = batch(8)
    compiled.clear()
    made.step(images, labels, 0.1, len(labels))
    made.predict(images)
    assert sorted(compiled) == ["jit(predicted)", "jit(stepped)"]
    made.load_weights(made.weights())
    made.load_optimizer_state(made.optimizer_state())
    made.load_rng_state(made.rng_state())
    for lr in (0.1, 0.01, 0.03):
        made.step(images, labels, lr, len(labels))
        made.predict(images)
    assert len(compiled) == 2
    made.step(images[:5], labels[:5], 0.1, 5)
    made.step(images, labels, 0.1, len(labels))
    made.step(images[:5], labels[:5], 0.1, 5)
    assert compiled[2:] == ["jit(stepped)"]


def test_ten_steps_as_pytorch_takes_them() -> None:
    """From the same weights, without dropout, with a head, batch norm and a change of the rate;
    then each goes on with what the other has."""
    net = graph(dropout=0.0)
    ours, theirs = engine(net), torch_engine(net)
    ours.load_weights(theirs.weights())
    for number in range(10):
        images, labels = batch(12 if number % 3 else 7, seed=number)
        lr = 0.05 if number < 5 else 0.01
        here = ours.step(images, labels, lr, len(labels))
        there = theirs.step(images, labels, lr, len(labels))
        # float32 on both: 1e-5 is some ten roundings a layer.
        assert here.loss == pytest.approx(there.loss, rel=1e-5)
        assert here.wrong == there.wrong
    for a, b in (
        (ours.weights(), theirs.weights()),
        (ours.optimizer_state(), theirs.optimizer_state()),
    ):
        assert a.keys() == b.keys()
        for name in a:
            assert np.allclose(a[name], b[name], rtol=1e-4, atol=1e-6), name
    theirs.load_weights(ours.weights())
    theirs.load_optimizer_state(ours.optimizer_state())
    assert same(theirs.weights(), ours.weights())
    assert same(theirs.optimizer_state(), ours.optimizer_state())
    ours.load_optimizer_state(theirs.optimizer_state())
    images, labels = batch(12, seed=99)
    here = ours.step(images, labels, 0.1, len(labels))
    there = theirs.step(images, labels, 0.1, len(labels))
    assert here.loss == pytest.approx(there.loss, rel=1e-5)
    assert np.allclose(ours.predict(images), theirs.predict(images), atol=1e-6)


@pytest.mark.parametrize("decay_bias", [True, False])
@pytest.mark.parametrize("text", [MIXED, TOWERS], ids=["batch norm", "towers"])
def test_ten_steps_are_pytorchs_in_float64(text: str, *, decay_bias: bool) -> None:
    """From the same weights, with a change of the rate; with another in the middle, each engine
    goes on with the velocity and the weights that the other has by then."""
    net = graph(dropout=0.0, decay_bias=decay_bias, text=text)
    theirs = torch_engine(net)
    theirs.model.double()
    with jax.enable_x64(True):
        ours = engine(net)
        ours.load_weights({name: w.astype(np.float64) for name, w in theirs.weights().items()})
        start = ours.weights()
        for number in range(10):
            if number == 6:
                kept = ours.weights(), ours.optimizer_state()
                ours.load_weights(theirs.weights())
                ours.load_optimizer_state(theirs.optimizer_state())
                theirs.load_weights(kept[0])
                theirs.load_optimizer_state(kept[1])
            images, labels = batch(12 if number % 3 else 7, seed=number)
            images = images.astype(np.float64)
            lr = 0.05 if number < 4 else 0.01 if number < 8 else 0.02
            here = ours.step(images, labels, lr, len(labels))
            there = theirs.step(images, labels, lr, len(labels))
            assert here.loss == pytest.approx(there.loss, rel=1e-12)
            assert here.wrong == there.wrong
        found, velocity = ours.weights(), ours.optimizer_state()
    expected = theirs.weights()
    assert found.keys() == expected.keys()
    for name, array in found.items():
        assert array.dtype == np.float64
        # A bias before batch norm is changed by decay alone, from 0 not at all.
        assert name == "conv1.bias" or np.abs(array - start[name]).max() > 1e-3, name
        assert np.allclose(array, expected[name], rtol=0, atol=CLOSE), name
    assert any("running_var" in name for name in found) == (text is MIXED)
    wanted = theirs.optimizer_state()
    assert velocity.keys() == wanted.keys()
    for name, array in velocity.items():
        assert np.allclose(array, wanted[name], rtol=0, atol=CLOSE), name


def test_chance_is_the_seeds_and_goes_on() -> None:
    images, labels = batch(8)
    first, again, other = (engine(graph(), seed=seed) for seed in (1, 1, 2))
    assert same(first.weights(), again.weights())
    assert not same(first.weights(), other.weights())
    start = first.weights()
    jax.random.normal(jax.random.key(0))  # no other draw changes it
    np.random.seed(7)
    losses = [first.step(images, labels, 0.01, len(labels)).loss for _ in range(3)]
    assert [again.step(images, labels, 0.01, len(labels)).loss for _ in range(3)] == losses
    other.load_weights(start)
    assert other.step(images, labels, 0.01, len(labels)).loss != losses[0]
    # Another engine takes up where this one stands.
    other.load_weights(first.weights())
    other.load_optimizer_state(first.optimizer_state())
    other.load_rng_state(first.rng_state())
    assert [other.step(images, labels, 0.01, len(labels)).loss for _ in range(3)] == [
        first.step(images, labels, 0.01, len(labels)).loss for _ in range(3)
    ]
    assert same(other.weights(), first.weights())


def test_evaluating_changes_nothing_and_draws_nothing() -> None:
    made = engine(graph())
    images, _ = batch(5)
    weights, rng = made.weights(), made.rng_state()
    first = made.predict(images)
    assert np.array_equal(made.predict(images), first)
    assert np.allclose(first.sum(axis=1), 1, atol=1e-6)
    assert first.dtype == np.float32
    assert same(made.weights(), weights)
    assert same(made.rng_state(), rng)


def test_what_is_given_does_not_change_under_a_step() -> None:
    made = engine(graph())
    images, labels = batch(6)
    made.step(images, labels, 0.1, len(labels))
    weights, velocity = made.weights(), made.optimizer_state()
    kept = {name: w.copy() for name, w in weights.items()}
    kept_velocity = {name: v.copy() for name, v in velocity.items()}
    before = made.predict(images)
    made.step(images, labels, 0.5, len(labels))
    assert same(weights, kept)
    assert same(velocity, kept_velocity)
    assert not np.allclose(made.predict(images), before)
    made.load_weights(weights)
    assert same(weights, kept)
    assert np.array_equal(made.predict(images), before)


def test_weights_of_another_net() -> None:
    made = engine(graph())
    kept = made.weights()
    wrong = {name: w for name, w in kept.items() if name != "bn1.running_var"}
    wrong |= {"conv1.weight": kept["conv1.weight"].transpose(2, 3, 1, 0), "extra": np.ones(2)}
    with pytest.raises(DiagnosticError, match="E0604") as caught:
        made.load_weights(wrong)
    notes = "\n".join(caught.value.diagnostics[0].notes())
    assert "not in the file: bn1.running_var" in notes
    assert "not in the net: extra" in notes
    assert "conv1.weight (3x3x1x8)" in notes
    with pytest.raises(DiagnosticError, match="E0604"):
        made.load_optimizer_state({"conv1.weight": np.ones(3)})
    with pytest.raises(DiagnosticError, match="E0604"):
        made.load_rng_state({})
    assert same(made.weights(), kept)


def test_without_momentum_nothing_is_remembered() -> None:
    net = graph(momentum=0.0)
    ours, theirs = engine(net), torch_engine(net)
    images, labels = batch(6)
    for made in (ours, theirs):
        made.step(images, labels, 0.1, len(labels))
        assert made.optimizer_state() == {}
        made.load_optimizer_state({})


@pytest.mark.parametrize(
    ("device", "code"),
    [
        ("gpus:99", "E0607"),
        ("cuda:99", "E0603"),
        ("gpu", "E0603"),
        ("cpu:0", "E0603"),
        ("cpu:5000", "E0603"),
    ],
)
def test_devices_that_are_not_there(device: str, code: str) -> None:
    with pytest.raises(DiagnosticError, match=rf"{code}.*this machine has cpu"):
        engine(graph(), device=device)


def test_more_cpus_than_jax_started_with() -> None:
    count = len(jax.devices("cpu"))
    with pytest.raises(DiagnosticError, match="E0608"):
        engine(graph(), device=f"cpu:{count + 1}")


def test_float32_is_not_tf32() -> None:
    """No product of a compiled step is left to the device's own idea of float32."""
    made = engine(graph())
    images, labels = batch(4)
    lowered = made._step.lower(
        made._parameters, made._others, made._optimizer, 0.1, 1.0, images, labels
    )
    products = [
        line
        for line in lowered.as_text().splitlines()
        if "stablehlo.convolution" in line or "stablehlo.dot_general" in line
    ]
    # Two convs and two layers of fc, forward, and backward to weights and maps but the images.
    assert len(products) == 3 * 4 - 1
    assert all("HIGHEST" in line for line in products)
    assert torch.get_float32_matmul_precision() == "highest"
