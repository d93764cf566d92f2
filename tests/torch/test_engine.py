"""The engine: the papers' rule, the losses of heads, initialisation, weights, devices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from archc_torch import backend
from archc_torch.engine import TorchEngine
from archc_torch.sgd import PaperSgd

from archc.diagnostics import DiagnosticError
from archc.ir import Graph
from archc.recipe import Sgd
from tests.nets import INCEPTION, net
from tests.oracle import layers, sgd
from tests.torch.programs import program

RECIPE = "recipe { optimizer sgd(lr = 0.1, momentum = 0.9, weight_decay = 0.01) batch 4 epochs 1 }"


def engine(graph: Graph, seed: int = 0, device: str = "cpu") -> TorchEngine:
    assert graph.recipe is not None
    return backend.engine(program(graph), graph, graph.recipe, device=device, seed=seed)


@pytest.mark.parametrize("decay_bias", [True, False])
@pytest.mark.parametrize("momentum", [0.9, 0.0])
def test_ten_steps_of_the_papers_rule(decay_bias: bool, momentum: float) -> None:
    """With changes of the rate in the middle, where PyTorch's own rule would part ways."""
    rng = np.random.default_rng(0)
    weights = {"a.weight": rng.normal(size=(3, 4)), "a.bias": rng.normal(size=3)}
    parameters = {
        name: torch.nn.Parameter(torch.from_numpy(w.copy())) for name, w in weights.items()
    }
    ours = PaperSgd(parameters.items(), momentum=momentum, weight_decay=0.05, decay_bias=decay_bias)
    velocity = sgd.zero_velocity(weights)
    undecayed = () if decay_bias else ("a.bias",)
    for step in range(10):
        lr = 0.1 if step < 4 else 0.01 if step < 7 else 0.03
        gradients = {name: rng.normal(size=w.shape) for name, w in weights.items()}
        for name, parameter in parameters.items():
            parameter.grad = torch.from_numpy(gradients[name].copy())
        ours.step(lr)
        weights, velocity = sgd.sgd_step(
            weights, gradients, velocity, lr, momentum, 0.05, undecayed
        )
        for name, parameter in parameters.items():
            found = parameter.detach().numpy()
            assert np.allclose(found, weights[name], rtol=0, atol=1e-13)


def test_the_loss_is_the_weighted_sum_over_heads() -> None:
    graph = net(
        f"""input(3x16x16) conv(3, 2, 6) relu a: inception(2, 2, 2, 2, 2, 2)
        aux(weight = 0.3) {{ fc(4) softmax }}
        aux(weight = 0.7) {{ conv(1, 1, 3) fc(4) softmax }}
        fc(4) softmax {RECIPE}""",
        INCEPTION,
    )
    made = engine(graph)
    weights = {name: w.astype(np.float64) for name, w in made.weights().items()}
    rng = np.random.default_rng(0)
    images = rng.normal(size=(5, 3, 16, 16)).astype(np.float32)
    labels = rng.integers(0, 4, 5)
    from tests.oracle import interpreter

    values = interpreter.run(graph, weights, images.astype(np.float64))
    ends = [graph.output, *(head.output for head in graph.heads)]
    logits = [values[graph.nodes[end].inputs[0]].reshape(5, 4) for end in ends]
    losses = [layers.cross_entropy(each, labels) for each in logits]
    found = made.step(images, labels, 0.1, len(labels))
    # float32 against float64
    assert found.loss == pytest.approx(losses[0] + 0.3 * losses[1] + 0.7 * losses[2], rel=1e-5)
    assert found.wrong == int((logits[0].argmax(axis=1) != labels).sum())


def test_a_step_moves_the_weights_by_the_gradient() -> None:
    """Against finite differences of the oracle's loss: every weight of a small net."""
    recipe = "recipe { optimizer sgd(lr = 1, momentum = 0) batch 4 epochs 1 }"
    graph = net(f"input(2x5x5) conv(3, 1, 2) tanh fc(3) softmax {recipe}")
    made = engine(graph)
    made.model.double()
    rng = np.random.default_rng(0)
    images, labels = rng.normal(size=(4, 2, 5, 5)), rng.integers(0, 3, 4)
    before = made.weights()
    made.step(images, labels, 1.0, len(labels))
    after = made.weights()
    from tests.oracle import interpreter

    def loss(weights: dict[str, np.ndarray]) -> float:
        values = interpreter.run(graph, weights, images)
        return layers.cross_entropy(
            values[graph.nodes[graph.output].inputs[0]].reshape(4, 3), labels
        )

    for name, array in before.items():
        for index in np.ndindex(array.shape):
            shifted = {k: v.copy() for k, v in before.items()}
            shifted[name][index] += 1e-5
            up = loss(shifted)
            shifted[name][index] -= 2e-5
            slope = (up - loss(shifted)) / 2e-5
            # Central differences of a smooth loss: exact to about 1e-9.
            assert before[name][index] - after[name][index] == pytest.approx(slope, abs=1e-8)


def spread(array: np.ndarray) -> float:
    return float(np.sqrt((array**2).mean()))


def test_initialisation_follows_the_rules_in_order() -> None:
    graph = net(
        """input(3x32x32)
        conv(5, 1, 64) relu conv(3, 1, 32) relu big: b() odd: conv(3, 1, 16, bias=false) relu
        f: fc(100) relu g: fc(7) softmax
        recipe {
          init {
            conv, fc: normal(0, 0.01), bias 0;
            conv2, f: bias 1;
            big: uniform(-0.5, 0.25), bias constant(-2);
            odd: he
          }
          optimizer sgd(lr = 0.1) batch 1 epochs 1
        }""",
        "block b() { conv(3, 1, 24) conv(3, 1, 24) }",
    )
    w = engine(graph).weights()
    for name in ("conv1", "conv2", "f", "g"):
        # The standard error of a standard deviation over n values is 1 / sqrt(2n): 5 of them.
        n = w[f"{name}.weight"].size
        assert spread(w[f"{name}.weight"]) == pytest.approx(0.01, rel=5 / np.sqrt(2 * n))
        assert (w[f"{name}.bias"] == (1 if name in ("conv2", "f") else 0)).all()
    for name in ("big.conv1", "big.conv2"):
        values = w[f"{name}.weight"]
        assert values.min() >= -0.5
        assert values.max() <= 0.25
        assert values.mean() == pytest.approx(-0.125, abs=0.02)
        assert (w[f"{name}.bias"] == -2).all()
    n = w["odd.weight"].size
    assert spread(w["odd.weight"]) == pytest.approx(np.sqrt(2 / (24 * 9)), rel=5 / np.sqrt(2 * n))


def test_glorot_knows_groups_and_towers() -> None:
    """The bound of each layer is that of one tower or group, as if it stood alone."""
    graph = net(
        f"""input(4x20x20)
        towers(2) {{ conv(5, 1, 30) relu conv(3, 1, 40, groups=2) }}
        conv(3, 1, 60, groups=4) relu
        towers(2) {{ fc(50) fc(60) }}
        fc(9) softmax {RECIPE}"""
    )
    w = engine(graph).weights()
    fans = {
        "conv1": (4 * 25, 30 * 25),
        "conv2": (15 * 9, 20 * 9),
        "conv3": (20 * 9, 15 * 9),
        "fc1": (60 * 14 * 14 // 1, 50),
        "fc2": (50, 60),
        "fc3": (120, 9),
    }
    for name, (fan_in, fan_out) in fans.items():
        values = w[f"{name}.weight"]
        if name == "fc1":
            fan_in = values.shape[1]
        bound = np.sqrt(6 / (fan_in + fan_out))
        assert np.abs(values).max() <= bound
        # The largest of n uniform values lies within 20 / n of the bound, but once in 5e8.
        assert np.abs(values).max() >= bound * (1 - 20 / values.size)
        assert (w[f"{name}.bias"] == 0).all()


def test_seeds() -> None:
    """Initialisation and dropout draw from the seed: one engine at a time in a process."""
    graph = net(f"input(3x8x8) conv(3, 1, 4) relu dropout(0.5) fc(3) softmax {RECIPE}")
    x = np.random.default_rng(0).normal(size=(4, 3, 8, 8)).astype(np.float32)

    def trained(seed: int) -> dict[str, np.ndarray]:
        made = engine(graph, seed)
        for _ in range(3):
            made.step(x, np.array([0, 1, 2, 0]), 0.1, 4)
        return made.weights()

    first, again, other = trained(1), trained(1), trained(2)
    assert all((array == again[name]).all() for name, array in first.items())
    assert any((array != other[name]).any() for name, array in first.items())


def test_weights_are_copies_and_load_back() -> None:
    graph = net(f"input(3x8x8) class: conv(3, 1, 4) relu fc(3) softmax {RECIPE}")
    made = engine(graph, 1)
    kept = made.weights()
    x = np.ones((2, 3, 8, 8), np.float32)
    before = made.predict(x)
    made.step(x, np.array([0, 1]), 0.5, 2)
    assert not np.allclose(made.predict(x), before)
    made.load_weights(kept)
    assert (made.predict(x) == before).all()


def test_batch_norm_keeps_statistics_as_the_oracle_does() -> None:
    """Three steps: normalised by the batch, running variance unbiased, momentum 0.1."""
    graph = net(f"input(2x4x4) bn(momentum=0.3) fc(3) softmax {RECIPE}")
    made = engine(graph)
    made.model.double()
    rng = np.random.default_rng(0)
    mean, variance = np.zeros(2), np.ones(2)
    for _ in range(3):
        images, labels = rng.normal(2.0, 3.0, size=(5, 2, 4, 4)), rng.integers(0, 3, 5)
        w = made.weights()
        gamma, beta = w["bn1.weight"], w["bn1.bias"]
        y, mean, variance = layers.bn_training(images, gamma, beta, mean, variance, momentum=0.3)
        logits = y.reshape(5, -1) @ w["fc1.weight"].T + w["fc1.bias"]
        found = made.step(images, labels, 0.1, len(labels))
        assert found.loss == pytest.approx(layers.cross_entropy(logits, labels), rel=1e-12)
    kept = made.weights()
    assert np.allclose(kept["bn1.running_mean"], mean, rtol=1e-12)
    assert np.allclose(kept["bn1.running_var"], variance, rtol=1e-12)
    other = engine(graph, seed=1)
    other.model.double()
    other.load_weights(kept)
    assert (other.predict(images) == made.predict(images)).all()


def test_weights_of_another_net() -> None:
    small = engine(net(f"input(3x8x8) conv(3, 1, 4) fc(3) softmax {RECIPE}"))
    other = engine(net(f"input(3x8x8) conv(3, 1, 5) relu extra: fc(3) softmax {RECIPE}"))
    kept = small.weights()
    with pytest.raises(DiagnosticError, match="E0604") as caught:
        small.load_weights(other.weights())
    notes = "\n".join(caught.value.diagnostics[0].notes())
    assert "fc1.weight" in notes
    assert "extra.weight" in notes
    assert "conv1.weight (5x3x3x3)" in notes
    assert all((kept[name] == array).all() for name, array in small.weights().items())


@pytest.mark.parametrize("device", ["cuda:99", "gpu", "", "cuda;import os", "meta"])
def test_devices_that_are_not_there(device: str) -> None:
    graph = net(f"input(3x8x8) fc(3) softmax {RECIPE}")
    with pytest.raises(DiagnosticError, match=r"E0603.*this machine has cpu"):
        engine(graph, device=device)


def test_auto_is_a_device_that_is_there() -> None:
    graph = net(f"input(3x8x8) fc(3) softmax {RECIPE}")
    expected = "cuda:0" if torch.cuda.is_available() else "cpu"
    assert engine(graph, device="auto").device.startswith(expected)


def test_no_loss_no_training() -> None:
    graph = net(f"input(3x8x8) fc(3) relu {RECIPE}")
    with pytest.raises(DiagnosticError, match="E0507"):
        engine(graph)


def test_sgd_form_and_engine_agree_on_defaults() -> None:
    form = Sgd(lr=0.1)
    assert (form.momentum, form.weight_decay, form.decay_bias) == (0.9, 0.0, True)


def test_programs_leave_no_file_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", None)
    engine(net(f"input(3x8x8) fc(3) softmax {RECIPE}"))
    assert list(tmp_path.iterdir()) == []


def test_float32_is_not_tf32(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch allows it in convolutions unless told otherwise."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    engine(net(f"input(1x4x4) fc(2) softmax {RECIPE}"))
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32
