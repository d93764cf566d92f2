"""Half precisions: what they compute, and the factor of the loss that float16 needs."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import jax
import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from archc.backend import Step
from archc.computing import Computing
from archc.loss_scale import FIRST, LEAST, PATIENCE, LossScale
from archc.optimizer_state import AVERAGED, LOSS_SCALE, LOSS_SCALE_STEPS, STEPS
from tests.computing.nets import BACKENDS, MIXED, PLAIN, batch, engine, graph

HALVES = ("bf16", "fp16")
EPSILON = {"bf16": 2.0**-8, "fp16": 2.0**-11}
"""Half the distance of two numbers beside 1: what one rounding costs."""


def losses(made: Any, steps: int = 8) -> list[Step]:
    images, labels = batch()
    return [made.step(images, labels, 0.01, len(labels)) for _ in range(steps)]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "text",
    [pytest.param(PLAIN, id="plain", marks=pytest.mark.slow), pytest.param(MIXED, id="mixed")],
)
def test_halves_train_as_float32_does(text: str, backend: str) -> None:
    """A loss is a sum over layers of roundings of either sign; ten of them, each of a few ulps,
    are allowed for, in a net of ten layers. Eight steps do not multiply it: training converges."""
    of = graph(text)
    start = engine("torch", of).weights()
    exact = engine(backend, of)
    exact.load_weights(start)
    wanted = losses(exact)
    assert wanted[-1].loss < 0.6 * wanted[0].loss
    for precision in HALVES:
        made = engine(backend, of, Computing(precision=precision))
        made.load_weights(start)
        if precision == "fp16":
            # So that the first step is not left out, as it mostly is with the factor's first value.
            set_factor(made, 2.0**10)
        found = losses(made)
        assert not any(step.skipped for step in found)
        for half, full in zip(found, wanted, strict=True):
            assert half.loss == pytest.approx(full.loss, rel=10 * EPSILON[precision])
            assert half.loss != full.loss
        assert {array.dtype for array in made.weights().values()} == {np.dtype(np.float32)}
        images, _ = batch()
        probabilities = made.predict(images)
        assert probabilities.dtype == np.float32
        # Summed up in float32, not rounded to halves: 1 to seven digits.
        assert np.allclose(probabilities.sum(axis=1), 1, rtol=0, atol=1e-6)


class Kinds(TorchDispatchMode):
    """The dtypes that operations of PyTorch are given."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[tuple[str, torch.dtype]] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for each in args:
            if isinstance(each, torch.Tensor) and each.is_floating_point():
                self.seen[func.overloadpacket.__name__, each.dtype] += 1
                break
        return func(*args, **(kwargs or {}))


def test_what_autocast_computes_in_what() -> None:
    made = engine("torch", graph(), Computing(precision="bf16"))
    with Kinds() as kinds:
        losses(made, 1)
    by_name: dict[str, set[torch.dtype]] = {}
    for name, kind in kinds.seen:
        by_name.setdefault(name, set()).add(kind)
    for name in ("convolution", "addmm", "relu", "max_pool2d_with_indices"):
        assert by_name[name] == {torch.bfloat16}, name
    # LRN's power, layer normalisation's variance and the loss.
    for name in ("pow", "var_mean", "_log_softmax"):
        assert by_name[name] == {torch.float32}, name
    assert "native_batch_norm" in by_name
    assert made.model.state_dict()["unit1.bn1.running_var"].dtype == torch.float32


def test_what_jax_computes_in_what() -> None:
    made = engine("jax", graph(), Computing(precision="bf16"))
    images, labels = batch()
    text = str(
        jax.make_jaxpr(made._steps.stepped)(
            made._parameters, made._others, made._optimizer, 0.1, 1.0, images, labels
        )
    )
    products = re.findall(r":(\w+)\[[\d,]*\] = (?:conv_general_dilated|dot_general)\[", text)
    assert len(products) > 20
    assert set(products) == {"bf16"}
    # Roots of batch and layer normalisation, LRN's power, and the loss.
    for name in ("rsqrt", "pow", "log"):
        kinds = set(re.findall(rf":(\w+)\[[\d,]*\] = {name}\b", text))
        assert kinds == {"f32"}, name


def test_the_rule_of_the_factor() -> None:
    scale = LossScale()
    for _ in range(PATIENCE - 1):
        scale.took(finite=True)
    assert scale.factor == FIRST
    scale.took(finite=True)
    assert scale.factor == 2 * FIRST
    scale.took(finite=True)
    scale.took(finite=False)
    assert scale.factor == FIRST
    # One that was left out begins the count anew.
    for _ in range(PATIENCE - 1):
        scale.took(finite=True)
    assert scale.factor == FIRST
    again = LossScale()
    again.load(scale.state())
    again.took(finite=True)
    assert again.factor == 2 * FIRST
    halvings = 0
    while not scale.is_gone:
        scale.took(finite=False)
        halvings += 1
    assert scale.factor == LEAST / 2
    assert halvings == 31


def test_the_rule_is_that_of_pytorch() -> None:
    """GradScaler's own update, with any row of overflows."""
    rng = np.random.default_rng(0)
    ours = LossScale()
    factor, growth = torch.tensor(FIRST), torch.zeros((), dtype=torch.int32)
    for _ in range(20_000):
        finite = bool(rng.random() < 0.9995)
        ours.took(finite=finite)
        torch._amp_update_scale_(
            factor, growth, torch.tensor(0.0 if finite else 1.0), 2, 0.5, PATIENCE
        )
        assert ours.factor == float(factor)


def set_factor(made: Any, factor: float) -> None:
    state = made.optimizer_state()
    made.load_optimizer_state({**state, LOSS_SCALE: np.array(factor)})


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("accumulate", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_an_overflow_leaves_the_step_out(backend: str, accumulate: int) -> None:
    """Weights, moments, their count and the averages are as they were; the factor is halved; and
    the next step is the one that would have been taken with the smaller factor at once."""
    of = graph(PLAIN, optimizer="optimizer adamw(lr = 0.01)  average ema(0.9)")
    half = Computing(precision="fp16")
    made, other = (engine(backend, of, half, accumulate=accumulate) for _ in range(2))
    other.load_weights(made.weights())
    # So large that the gradient of the logits is above what float16 has.
    huge = 2.0**24
    set_factor(made, huge)
    set_factor(other, huge / 2**12)
    weights, state = made.weights(), made.optimizer_state()
    images, labels = batch()
    skipped = 0
    while (step := made.step(images, labels, 0.05, len(labels))).skipped:
        skipped += 1
        assert np.isfinite(step.loss)
        assert step.fault is None
        now = made.optimizer_state()
        assert now[LOSS_SCALE] == huge / 2**skipped
        assert now[STEPS] == now[AVERAGED] == 0
        for name, array in made.weights().items():
            assert np.array_equal(array, weights[name])
        for name in now.keys() - {LOSS_SCALE, LOSS_SCALE_STEPS}:
            assert np.array_equal(now[name], state[name]), name
    assert 1 <= skipped <= 12
    now = made.optimizer_state()
    assert now[STEPS] == now[AVERAGED] == now[LOSS_SCALE_STEPS] == 1
    other.step(images, labels, 0.05, len(labels))
    for name, array in other.weights().items():
        # Two factors round the same numbers but for those near float16's end.
        assert np.allclose(array, made.weights()[name], rtol=0, atol=1e-4)


@pytest.mark.parametrize("backend", BACKENDS)
def test_small_gradients_live_by_the_factor(backend: str) -> None:
    """The gradients of logits are 1e-10, below float16's least number; with the factor they are
    there."""
    of = graph(PLAIN, optimizer="optimizer sgd(lr = 0.05, momentum = 0)")
    made = engine(backend, of, Computing(precision="fp16"))
    start = made.weights()
    # Nearly sure of every answer.
    sure = {
        **start,
        "fc2.weight": 0 * start["fc2.weight"],
        "fc2.bias": 20.0 * np.eye(5)[0].astype("f4"),
    }
    images, _ = batch()
    labels = np.zeros(len(images), np.int64)
    moved = []
    for factor in (1.0, FIRST):
        made.load_weights(sure)
        set_factor(made, factor)
        made.step(images, labels, 0.05, len(labels))
        moved.append(float(np.abs(made.weights()["fc2.weight"]).max()))
    assert moved[0] == 0
    assert moved[1] > 0


def steep(start: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Weights of `PLAIN` with which one image gives finite numbers forward, and on the way back a
    gradient above float16's end behind the second convolution, for each factor that is of use."""
    made = {name: np.zeros_like(array) for name, array in start.items()}
    # Two of float16's least numbers leave the convolutions: 72 of them make 0.5 in fc1.
    made["conv1.bias"] += 2.0**-23
    made["conv2.bias"] += 2.0**-23
    made["fc1.weight"] += 6e4
    # Sure of the second class; the first is right.
    made["fc2.weight"] += np.array([[-3e3], [3e3], [0], [0], [0]], np.float32)
    return made


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_factor_that_is_gone_ends_training(backend: str) -> None:
    of = graph(PLAIN)
    made = engine(backend, of, Computing(precision="fp16"))
    made.load_weights(steep(made.weights()))
    weights = made.weights()
    images, labels = np.zeros((1, 3, 12, 12), np.float32), np.zeros(1, np.int64)
    steps: list[Step] = []
    while not steps or steps[-1].skipped:
        steps.append(made.step(images, labels, 0.05, 1))
    # From 2^16 to below 2^-14.
    assert len(steps) == 31
    assert np.isfinite(steps[-1].loss)
    fault = steps[-1].fault
    assert fault is not None
    assert (fault.what, fault.layers) == ("gradient", ("conv2",))
    assert fault.span is not None
    assert fault.span.line == 5
    for name, array in made.weights().items():
        assert np.array_equal(array, weights[name])
    # In bfloat16 the same step can be taken.
    wide = engine(backend, of, Computing(precision="bf16"))
    wide.load_weights(weights)
    step = wide.step(images, labels, 1e-12, 1)
    assert step.fault is None
    assert step.loss == pytest.approx(steps[0].loss, rel=10 * EPSILON["bf16"])
