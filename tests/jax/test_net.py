"""`Net.to_jax`: the net of the program, and the way of weights to and from it."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from archc_jax.weights import dump, load
from flax import nnx

import archc
from archc.diagnostics import DiagnosticError
from archc.driver import compile_graph
from tests.jax.engines import batch, graph


def test_a_module_is_the_net_that_was_counted() -> None:
    found = archc.Net(graph())
    model = cast("Any", found.to_jax())
    parameters = jax.tree.leaves(nnx.state(model, nnx.Param))
    assert sum(parameter.size for parameter in parameters) == found.params
    images = jnp.zeros((2, 8, 8, 1))
    model.train()
    assert [logits.shape for logits in model(images)] == [(2, 10), (2, 10)]
    model.eval()
    assert model(images).shape == (2, 10)
    assert Path(inspect.getfile(type(model))).read_text("utf-8") == found.source("jax")
    assert cast("Any", found.to_jax(aux=False))(images).shape == (2, 10)


def test_weights_go_in_and_out() -> None:
    """Each array under its own name and turned as Flax has it; PyTorch's net agrees."""
    import torch

    found = archc.Net(graph())
    model, theirs = cast("Any", found.to_jax()), found.to_torch().eval()
    keys = compile_graph(found.graph, "jax").keys
    rng = np.random.default_rng(0)
    weights = {
        name: rng.uniform(0.5, 1.5, w.shape).astype(np.float32)
        for name, w in dump(model, keys).items()
    }
    load(model, keys, weights)
    back = dump(model, keys)
    assert back.keys() == weights.keys() == keys.keys()
    assert all(np.array_equal(back[name], weights[name]) for name in weights)
    assert model.conv2.kernel.shape == (3, 3, 4, 8)
    kernel = np.asarray(model.conv2.kernel[...])
    assert kernel[0, 2, 3, 5] == weights["conv2.weight"][5, 3, 0, 2]
    assert np.asarray(model.fc1.kernel[...])[7, 4] == weights["fc1.weight"][4, 7]
    theirs.load_state_dict({name: torch.from_numpy(w) for name, w in weights.items()})
    model.eval()
    images, _ = batch(3)
    ours = model(images.transpose(0, 2, 3, 1))
    # Weights about 1 give logits of some thousands: float32 relative to them.
    expected = theirs(torch.from_numpy(images)).detach().numpy()
    assert np.allclose(ours, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
    with pytest.raises(DiagnosticError, match="E0604"):
        load(model, keys, {"conv1.weight": weights["conv1.weight"]})


def test_half_precision_is_widened() -> None:
    found = archc.Net(graph())
    model = found.to_jax()
    keys = compile_graph(found.graph, "jax").keys
    halves = {name: w.astype(np.float16) for name, w in dump(model, keys).items()}
    load(model, keys, halves)
    for name, array in dump(model, keys).items():
        assert array.dtype == np.float32
        assert np.array_equal(array, halves[name].astype(np.float32))
