"""deconv and crop in PyTorch: numbers against the oracle, and where weights start."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from archc.diagnostics import DiagnosticError
from archc.ir import Graph
from tests.nets import net
from tests.oracle import interpreter
from tests.torch.programs import module, program
from tests.torch.test_engine import engine

RECIPE = "recipe { init { %s } optimizer sgd(lr = 0.1) batch 1 epochs 1 }"

pairs = st.tuples(st.integers(1, 4), st.integers(1, 4))


def spelled(pair: tuple[int, int]) -> str:
    return f"{pair[0]}x{pair[1]}"


def difference(graph: Graph, n: int = 2) -> float:
    """Between the emitted program and the oracle, relative to the largest value."""
    weights = interpreter.random_weights(graph, np.random.default_rng(0))
    x = np.random.default_rng(1).normal(size=(n, *graph.input))
    expected = interpreter.run(graph, weights, x)[graph.output]
    with torch.no_grad():
        found = module(graph, weights, torch.float64)(torch.from_numpy(x)).numpy()
    found = found.reshape(expected.shape)
    return float(np.abs(found - expected).max() / max(1e-30, np.abs(expected).max()))


def unless_cut_away(body: str) -> Graph | None:
    """The graph, or None where nothing is left of a map (tests/graph/test_up.py says when)."""
    try:
        return net(body)
    except DiagnosticError as error:
        if [fault.code for fault in error.diagnostics] != ["E0207"]:
            raise
        return None


# A program is written, imported and run for each example.
@settings(max_examples=40)
@given(
    size=pairs,
    kernel=pairs,
    stride=pairs,
    pad=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    groups=st.integers(1, 3),
    widths=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    towers=st.sampled_from([1, 2, 3]),
    whole=st.booleans(),
    bias=st.booleans(),
)
def test_deconv_equals_the_oracle(
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    pad: tuple[int, int],
    groups: int,
    widths: tuple[int, int],
    towers: int,
    whole: bool,
    bias: bool,
) -> None:
    """Alone, over a map that towers share, and over maps of their own."""
    op = (
        f"deconv({spelled(kernel)}, {spelled(stride)}, {groups * widths[1]}, "
        f"pad={spelled(pad)}, groups={groups}, bias={str(bias).lower()})"
    )
    body = op if whole else f"relu {op}"
    if towers > 1:
        body = f"towers({towers}) {{ {body} }}"
    graph = unless_cut_away(f"input([{groups * widths[0]}, {size[0]}, {size[1]}]) {body}")
    assert graph is None or difference(graph) < 1e-12


@settings(max_examples=20)
@given(
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    margin=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    towers=st.sampled_from([1, 2]),
)
def test_crop_equals_the_oracle(
    size: tuple[int, int], margin: tuple[int, int], towers: int
) -> None:
    body = f"crop({spelled(margin)})"
    if towers > 1:
        body = f"towers({towers}) {{ {body} }}"
    graph = unless_cut_away(f"input([3, {size[0]}, {size[1]}]) {body}")
    assert graph is None or difference(graph) == 0


UPS = """input(6x5x5)
deconv(3, 2, 40) relu
towers(2) {{ deconv(3, 1, 30) relu  deconv(2, 2, 24, groups=3, pad=1) }}
odd: deconv(5, 1, 8, groups=4)  conv(3, 1, 4)  towers(2) {{ fc(6) }}  fc(3) softmax
{recipe}"""

FANS = {
    # fan_in, fan_out: channels of a group or tower, times the kernel.
    "deconv1": (6 * 9, 40 * 9),
    "deconv2": (40 * 9, 30 * 9),
    "deconv3": (10 * 4, 8 * 4),
    "odd": (12 * 25, 2 * 25),
}


@pytest.mark.parametrize(
    "rules", ["conv, fc, deconv: he, bias 0", "deconv1, deconv2, deconv3, odd: he, bias 0"]
)
def test_he_knows_the_fan_in_of_a_deconv(rules: str) -> None:
    """nn.init takes the first axis of a weight for its outputs: here those are on the second."""
    w = engine(net(UPS.format(recipe=RECIPE % rules))).weights()
    for name, (fan_in, _) in FANS.items():
        values = w[f"{name}.weight"]
        spread = float(np.sqrt((values**2).mean()))
        # The standard error of a standard deviation over n values is 1 / sqrt(2n): 5 of them.
        tolerance = 5 / np.sqrt(2 * values.size)
        assert spread == pytest.approx(np.sqrt(2 / fan_in), rel=tolerance)
        assert (w[f"{name}.bias"] == 0).all()


@pytest.mark.parametrize("rules", ["deconv: glorot, bias 0", "conv, fc: he, bias 1", "odd: bias 0"])
def test_glorot_of_a_deconv_is_that_of_a_group(rules: str) -> None:
    """By a rule, and by the default where none speaks of deconv."""
    w = engine(net(UPS.format(recipe=RECIPE % rules))).weights()
    for name, (fan_in, fan_out) in FANS.items():
        values = w[f"{name}.weight"]
        bound = np.sqrt(6 / (fan_in + fan_out))
        assert np.abs(values).max() <= bound
        # The largest of n uniform values lies within 20 / n of the bound, but once in 5e8.
        assert np.abs(values).max() >= bound * (1 - 20 / values.size)
        assert (w[f"{name}.bias"] == 0).all()


def test_the_fans_of_the_emitted_start_are_those_of_the_graph() -> None:
    graph = net(UPS.format(recipe=""))
    for node in graph.nodes:
        if node.name in FANS:
            weight = graph.weights(node)["weight"]
            assert (weight.fan_in, weight.fan_out) == FANS[node.name]


def test_the_default_speaks_of_deconv_only_where_there_is_one() -> None:
    assert "conv, deconv, fc: glorot, bias 0" in program(net(UPS.format(recipe=""))).text
    assert "deconv" not in program(net("input(3x8x8) conv(3, 1, 2) fc(3) softmax")).text


def test_a_step_moves_the_weights_of_a_deconv_by_the_gradient() -> None:
    """Against central differences of the oracle's loss."""
    from tests.oracle import layers

    graph = net(
        """input(2x3x3) deconv(3x2, 2, 4, pad=1x0, groups=2) tanh crop(1) fc(3) softmax
        recipe { optimizer sgd(lr = 1, momentum = 0) batch 3 epochs 1 }"""
    )
    made = engine(graph)
    made.model.double()
    rng = np.random.default_rng(0)
    images, labels = rng.normal(size=(3, 2, 3, 3)), rng.integers(0, 3, 3)
    before = made.weights()
    made.step(images, labels, 1.0, len(labels))
    after = made.weights()

    def loss(weights: dict[str, np.ndarray]) -> float:
        values = interpreter.run(graph, weights, images)
        logits = values[graph.nodes[graph.output].inputs[0]].reshape(3, 3)
        return layers.cross_entropy(logits, labels)

    for name in ("deconv1.weight", "deconv1.bias"):
        for index in np.ndindex(before[name].shape):
            shifted = {k: v.copy() for k, v in before.items()}
            shifted[name][index] += 1e-5
            up = loss(shifted)
            shifted[name][index] -= 2e-5
            slope = (up - loss(shifted)) / 2e-5
            assert before[name][index] - after[name][index] == pytest.approx(slope, abs=1e-8)
