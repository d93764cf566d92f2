"""Emitted programs give the numbers of the naive oracle, after every layer."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from archc.ir import Graph
from archc.ops.activation import Softmax
from archc.passes import MergeTowers, StripHeads
from archc.passes import run as run_passes

from ..nets import GOOGLENET, ROOT, SMALL, spec
from ..oracle import interpreter
from .programs import module, prefix, program

LAYERS = [(name, i) for name, graph in SMALL.items() for i in range(1, len(graph.nodes))]


def difference(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference relative to the largest value."""
    return float(np.abs(found - expected).max() / max(1e-30, np.abs(expected).max()))


def inputs(graph: Graph, n: int = 2) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(n, *graph.input))


def output(graph: Graph, weights: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """What the emitted program returns, as `(N, C, H, W)`, float64."""
    made = module(graph, weights, torch.float64)
    with torch.no_grad():
        found = made(torch.from_numpy(x)).numpy()
    return found.reshape(*found.shape, 1, 1) if found.ndim == 2 else found


@pytest.mark.parametrize(("name", "last"), LAYERS)
def test_every_layer_equals_the_oracle(name: str, last: int) -> None:
    graph = prefix(SMALL[name], last)
    weights = interpreter.random_weights(graph, np.random.default_rng(0))
    x = inputs(graph)
    values = interpreter.run(graph, weights, x)
    node = graph.nodes[graph.output]
    # A net that ends in softmax returns its logits.
    expected = values[node.inputs[0]] if isinstance(node.op, Softmax) else values[graph.output]
    assert expected.shape[1:] == (
        graph.nodes[node.inputs[0]].output if isinstance(node.op, Softmax) else node.output
    )
    found = output(graph, weights, x)
    assert found.shape == expected.shape
    assert difference(found, expected) < 1e-12


@pytest.mark.parametrize("name", SMALL)
def test_predict_gives_the_probabilities(name: str) -> None:
    graph = SMALL[name]
    weights = interpreter.random_weights(graph, np.random.default_rng(0))
    x = inputs(graph)
    made = module(graph, weights, torch.float64)
    found = made.predict(torch.from_numpy(x)).numpy()  # type: ignore[operator]
    expected = interpreter.run(graph, weights, x)[graph.output]
    assert difference(found.reshape(expected.shape), expected) < 1e-12
    assert np.allclose(found.sum(axis=1), 1.0, atol=1e-12)


@pytest.mark.parametrize("name", SMALL)
def test_merging_towers_changes_no_number(name: str) -> None:
    graph = SMALL[name]
    merged = run_passes([MergeTowers()], graph)
    assert all(node.towers == 1 for node in merged.nodes)
    weights = interpreter.random_weights(graph, np.random.default_rng(0))
    x = inputs(graph)
    before = interpreter.run(graph, weights, x)[graph.output]
    after = interpreter.run(merged, weights, x)[merged.output]
    assert difference(after, before) < 1e-12


def test_heads_are_trained_and_stripped() -> None:
    graph = SMALL["inception"]
    weights = interpreter.random_weights(graph, np.random.default_rng(0))
    x = inputs(graph)
    values = interpreter.run(graph, weights, x)
    made = module(graph, weights, torch.float64).train()
    # Dropout is random in training: switched off here, so that numbers can be compared.
    torch.nn.functional.dropout, kept = lambda x, *_: x, torch.nn.functional.dropout
    try:
        logits = made(torch.from_numpy(x))
    finally:
        torch.nn.functional.dropout = kept
    ends = [graph.nodes[i].inputs[0] for i in (graph.output, *(h.output for h in graph.heads))]
    assert len(logits) == 3
    for found, end in zip(logits, ends, strict=True):
        assert difference(found.detach().numpy(), values[end].reshape(found.shape)) < 1e-12

    bare = run_passes([StripHeads(), MergeTowers()], graph)
    assert "aux" not in program(bare).text
    kept_weights = {n: w for n, w in weights.items() if not n.startswith("aux")}
    found = output(bare, kept_weights, x)
    assert difference(found, values[ends[0]].reshape(found.shape)) < 1e-12


@pytest.mark.parametrize(
    "path",
    # Of a net of so many layers so many programs are made: the shortest will do.
    [
        *(ROOT / "specs" / f"{name}.arch" for name in ("lenet", "alexnet", "vgg_d")),
        pytest.param(GOOGLENET, marks=pytest.mark.slow),
    ],
    ids=lambda path: path.stem,
)
def test_shapes_after_every_layer_in_full(path) -> None:
    """The real nets, layer by layer, on PyTorch's shape-only device."""
    graph = spec(path)
    for last in range(1, len(graph.nodes)):
        part = prefix(graph, last)
        emitted = program(part)
        with torch.device("meta"):
            from archc.program_module import load_program

            made = getattr(load_program(emitted), emitted.class_name)().eval()
            found = made(torch.empty(1, *graph.input))
        node = part.nodes[part.output]
        shape = (part.nodes[node.inputs[0]] if isinstance(node.op, Softmax) else node).output
        if found.ndim == 2:
            assert shape[1:] == (1, 1)
            assert found.shape == (1, shape[0])
        else:
            assert found.shape == (1, *shape)


@pytest.mark.parametrize(
    "path",
    [
        ROOT / "specs" / "lenet.arch",
        ROOT / "specs" / "alexnet.arch",
        pytest.param(ROOT / "specs" / "vgg_d.arch", marks=pytest.mark.slow),
        pytest.param(GOOGLENET, marks=pytest.mark.slow),
    ],
    ids=lambda path: path.stem,
)
def test_the_real_nets_equal_the_oracle(path) -> None:
    graph = spec(path)
    rng = np.random.default_rng(0)
    # Small enough that nothing saturates, large enough that every layer matters.
    weights = {
        f"{node.path}.{name}": rng.normal(0.0, 1 / np.sqrt(weight.fan_in), weight.shape)
        for node in graph.nodes
        for name, weight in graph.weights(node).items()
    }
    x = inputs(graph, 1)
    values = interpreter.run(graph, weights, x)
    expected = values[graph.nodes[graph.output].inputs[0]]
    assert difference(output(graph, weights, x), expected) < 1e-12
