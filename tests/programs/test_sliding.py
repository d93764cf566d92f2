"""The net of a program that trains and measures whole images, against the two forms it joins."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from archc_torch.module import load_program

from archc.driver import compile_dense, compile_graph
from archc.ir import Graph
from archc.ops.linear import SlidingFc
from archc.passes import MergeTowers, Sliding, run
from archc.passes.dense import dense_weights
from tests.jax import programs
from tests.jax.conftest import x64
from tests.programs.emitting import EMIT
from tests.torch.test_dense import BODIES, Weights, drawn, graph_of, images

__all__ = ["x64"]

LARGER = ((0, 0), (7, 0), (3, 10))
"""Rows and columns beyond the net's input."""


def sliding(graph: Graph) -> Graph:
    return run([MergeTowers(), Sliding()], graph)


def of_torch(graph: Graph, weights: Weights) -> torch.nn.Module:
    """The PyTorch module of a graph with these weights, float64, in evaluation mode."""
    program = EMIT["torch"](graph)
    module = getattr(load_program(program), program.class_name)().double().eval()
    tensors = {program.keys[name]: torch.from_numpy(array) for name, array in weights.items()}
    module.load_state_dict(tensors, strict=not graph.heads)
    return module


def dense_form(graph: Graph, weights: Weights) -> torch.nn.Module:
    """What `archc evaluate` measures with."""
    dense, _ = compile_dense(graph, "torch")
    return of_torch(dense, dense_weights(dense, weights))


@pytest.mark.parametrize("name", BODIES)
def test_in_torch(name: str) -> None:
    """At its own input it is the plain net to the bit, at larger ones the dense form."""
    graph = graph_of(name)
    weights = drawn(graph)
    found, whole = of_torch(sliding(graph), weights), dense_form(graph, weights)
    plain = of_torch(run([MergeTowers()], graph), weights)
    channels, height, width = graph.input
    with torch.no_grad():
        x = images(graph.input)
        assert torch.equal(found(x), plain(x))
        for rows, columns in LARGER:
            x = images((channels, height + rows, width + columns))
            torch.testing.assert_close(found(x), whole(x), rtol=1e-12, atol=1e-12)
            probabilities = found.predict(x)  # pyright: ignore[reportCallIssue]
            torch.testing.assert_close(probabilities, whole(x).softmax(1), rtol=1e-12, atol=1e-12)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", ["vgg", "towers", "groups", "blocks", "aux"])
def test_in_jax(name: str) -> None:
    graph = graph_of(name)
    weights = drawn(graph)
    found, whole = programs.module(sliding(graph), weights), dense_form(graph, weights)
    channels, height, width = graph.input
    for rows, columns in LARGER:
        x = images((channels, height + rows, width + columns))
        got = found.predict(programs.as_nhwc(x.numpy()))  # pyright: ignore[reportAttributeAccessIssue]
        with torch.no_grad():
            expected = whole(x).softmax(1).numpy()
        np.testing.assert_allclose(np.asarray(got), expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", ["vgg", "towers"])
def test_its_gradients_are_those_of_the_plain_net(name: str) -> None:
    graph = graph_of(name)
    weights = drawn(graph)
    modules = [of_torch(made, weights) for made in (sliding(graph), run([MergeTowers()], graph))]
    x = images(graph.input)
    for module in modules:
        module(x).square().sum().backward()
    for found, expected in zip(modules[0].parameters(), modules[1].parameters(), strict=True):
        assert found.grad is not None
        assert expected.grad is not None
        assert torch.equal(found.grad, expected.grad)


def test_the_pass_keeps_names_and_shapes_and_leaves_heads_alone() -> None:
    graph = graph_of("aux")
    made = sliding(graph)
    keys = compile_graph(graph, "torch").keys
    assert EMIT["torch"](made).keys == keys
    for before, after in zip(graph.nodes[:-1], made.nodes[: len(graph.nodes) - 1], strict=True):
        assert graph.weights(before) == made.weights(after)
    ops = {node.path: type(node.op) for node in made.nodes}
    assert ops["fc1"] is SlidingFc
    assert ops["aux1.fc1"] is not SlidingFc
