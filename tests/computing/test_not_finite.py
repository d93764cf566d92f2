"""Where the first number came from that is none: found, named, and at no cost until then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from archc.cli import main
from archc.computing import Computing
from archc.driver import check
from archc.not_finite import Fault, Seen, backward_fault, forward_fault, layers
from archc.source import Source
from tests.computing.nets import BACKENDS, MIXED, batch, engine, graph

Weights = dict[str, np.ndarray]


def fault_of(made: Any, images: np.ndarray, labels: np.ndarray) -> Fault:
    step = made.step(images, labels, 0.05, len(labels))
    assert step.fault is not None
    assert not step.skipped
    return step.fault


def line(text: str) -> int:
    """The line of `MIXED` that holds a text."""
    return next(n for n, each in enumerate(MIXED.split("\n"), 1) if text in each)


def spoiled(weights: Weights, name: str, value: float) -> Weights:
    return {**weights, name: np.full_like(weights[name], value)}


@pytest.mark.parametrize(
    ("backend", "recompute"), [("torch", False), ("torch", True), ("jax", True)]
)
def test_planted_faults_are_named(backend: str, recompute: bool) -> None:
    made = engine(backend, graph(drop=0.5), Computing(recompute=recompute))
    start = made.weights()
    images, labels = batch()
    odd = images.copy()
    odd[3, 1, 2, 2] = np.inf
    assert fault_of(made, odd, labels).what == "images"

    # Sums of two that are finite, and dropout's factor of two.
    sums = spoiled(start, "repeat1.0.conv2.bias", 1.6e38)
    sums = spoiled(spoiled(sums, "repeat1.1.conv1.weight", 0), "repeat1.1.conv2.bias", 1.6e38)
    planted: list[tuple[Weights, str, tuple[str, ...], int]] = [
        (spoiled(start, "conv2.bias", np.nan), "weights", ("conv2",), line("towers(2)")),
        (spoiled(start, "aux1.fc1.weight", np.inf), "weights", ("aux1.fc1",), line("aux(")),
        # Finite weights whose products are not.
        (spoiled(start, "repeat1.0.conv1.weight", 3e38), "output", ("repeat1.0.conv1",), 3),
        (spoiled(start, "fc1.weight", 3e38), "output", ("fc1",), line("global_avgpool")),
        (sums, "output", ("repeat1.1.dropout1", "repeat1.1.add1"), 3),
    ]
    for weights, what, names, number in planted:
        made.load_weights(weights)
        fault = fault_of(made, images, labels)
        assert (fault.what, fault.layers) == (what, names)
        assert fault.span is not None
        assert fault.span.line == number
        # Nothing was trained by it.
        for name, array in made.weights().items():
            if "running" not in name:
                assert np.array_equal(array, weights[name], equal_nan=True)


SLOPES = """
net slopes(classes = 5) {
  input(3x12x12)
  conv(3, 1, 4) tanh
  conv(3, 1, 4) relu
  conv(1, 1, 4) relu
  fc(classes) softmax
  recipe { optimizer sgd(lr = 0.05) batch 16 epochs 1 }
}
"""


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_gradient_that_is_not_finite_of_a_loss_that_is(backend: str) -> None:
    """Small numbers forward, and products of large weights on the way back."""
    made = engine(backend, graph(SLOPES))
    start = made.weights()
    weights = {name: np.zeros_like(array) for name, array in start.items()}
    weights["conv1.weight"] += 1e-6
    weights["conv2.weight"] += 1e-30
    weights["conv2.bias"] += 1e-36
    weights["conv3.weight"] += 1e20
    weights["fc1.weight"] += np.linspace(-1e19, 1e19, 5, dtype=np.float32)[:, None]
    made.load_weights(weights)
    images, labels = batch()
    fault = fault_of(made, images, labels)
    assert (fault.what, fault.layers) == ("gradient", ("conv2",))
    for name, array in made.weights().items():
        assert np.array_equal(array, weights[name])


@pytest.mark.parametrize("backend", BACKENDS)
def test_in_float16_what_overflows_forward_ends_training(backend: str) -> None:
    """No factor of the loss changes the way forward."""
    made = engine(backend, graph(), Computing(precision="fp16"))
    start = made.weights()
    # Below float16's end each, above it in sum.
    made.load_weights({**start, "layerscale1.weight": start["layerscale1.weight"] * 0 + 6e4})
    images, labels = batch()
    fault = fault_of(made, images * 100, labels)
    assert fault.what == "output"
    assert fault.layers[0] in ("layerscale1", "global_avgpool1")


def test_the_same_batch_is_looked_at_with_the_same_chance() -> None:
    """Half of what comes through is dropped; a look at other masks would not always find it."""
    of = graph(
        """
        net one(classes = 2) {
          input(1x1x1) conv(1, 1, 1) dropout(0.5) fc(classes) softmax
          recipe { optimizer sgd(lr = 0.05) batch 1 epochs 1 }
        }"""
    )
    made = engine("torch", of)
    start = made.weights()
    made.load_weights(
        {
            **start,
            "conv1.weight": start["conv1.weight"] * 0 + 1.0,
            "fc1.weight": start["fc1.weight"] * 0 + 3e38,
        }
    )
    found = 0
    for _ in range(40):
        step = made.step(np.full((1, 1, 1, 1), 100, np.float32), np.zeros(1, np.int64), 0.0, 1)
        if not np.isfinite(step.loss):
            found += 1
            assert step.fault is not None
            assert step.fault.layers == ("fc1",)
    assert 0 < found < 40


def test_a_healthy_step_has_no_hook() -> None:
    made = engine("torch", graph())
    images, labels = batch()
    made.step(images, labels, 0.05, 16)
    made.step(np.full_like(images, np.nan), labels, 0.05, 16)
    for module in made.model.modules():
        assert not module._forward_hooks
    assert torch.is_grad_enabled()


def test_what_stands_between_layers_is_found_by_the_graph() -> None:
    of = check(
        Source(
            "net.arch",
            """net n(classes = 2) {
              input(2x8x8)
              a: conv(1, 1, 2) relu
              s: add { | relu | conv(1, 1, 2) tanh }
              p: avgpool(2, 2) maxpool(2, 2)
              fc(classes) softmax
            }""",
        )
    )
    names = layers(of)
    assert names == ["a", "s.conv1", "fc1"] or len(names) == 3
    seen = {name: Seen() for name in names}
    assert forward_fault(of, seen, [0]) == Fault("loss")
    seen["fc1"].arrives = seen["fc1"].leaves = 1
    between = forward_fault(of, seen, [1])
    assert between.what == "output"
    assert len(between.layers) == 2
    assert between.layers[1] == "p"
    assert between.span is not None
    assert between.span.line == 4
    seen["a"].slopes = 1
    seen[names[1]].slope = 1
    assert backward_fault(of, seen).layers == (names[1],)


DIVERGING = """
block head(n) { fc(n) softmax }
net diverging(classes = 10) {
  input(1x8x8)
  conv(3, 1, 4) relu maxpool(2, 2)
  head(classes)
  recipe {
    augment { resize(8) }  evaluate { resize(8) }
    init { conv, fc: normal(0, 1), bias 0 }
    optimizer sgd(lr = 1e30)
    batch 64 epochs 1
  }
}
"""


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_the_reader_sees(
    backend: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = tmp_path / "diverging.arch"
    spec.write_text(DIVERGING)
    words = ["train", spec, "--backend", backend, "-o", tmp_path / "run", "--quiet"]
    assert main([*map(str, words), "--device", "cpu"]) == 1
    said = capsys.readouterr().err
    assert "error[E0802]: the loss became" in said
    assert "the first that is not finite: the output of head1.fc1" in said
    assert f"--> {spec}:2:17" in said
    assert "= in head1: head(...)" in said
