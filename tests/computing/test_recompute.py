"""Blocks that are computed again: the same numbers, less memory."""

from __future__ import annotations

import contextlib
import io
import re
from typing import Any

import jax
import jax.ad_checkpoint
import numpy as np
import pytest
import torch
from archc_jax.recompute import children
from flax import nnx
from torch import nn

from archc.computing import Computing
from archc.diagnostics import DiagnosticError
from archc.driver import compile_graph, load
from archc.ir import Graph
from archc.program_module import load_program
from archc.recompute import units
from tests.computing.nets import BACKENDS, PLAIN, batch, engine, graph

AGAIN = Computing(recompute=True)


@pytest.mark.parametrize(
    ("backend", "precision"),
    [
        ("torch", "fp32"),
        ("torch", "bf16"),
        ("jax", "bf16"),
        pytest.param("jax", "fp32", marks=pytest.mark.slow),
    ],
)
def test_the_same_to_the_bit(backend: str, precision: Any) -> None:
    """Losses, weights, running statistics, and where chance stands, which dropout draws from."""
    of = graph(drop=0.5)
    start = engine(backend, of).weights()
    found = []
    for recompute in (False, True):
        made = engine(backend, of, Computing(recompute=recompute, precision=precision))
        made.load_weights(start)
        images, labels = batch()
        losses = [made.step(images, labels, 0.05, 16).loss for _ in range(3)]
        found.append((losses, {**made.weights(), **made.rng_state()}))
    (kept_losses, kept), (losses, again) = found
    assert losses == kept_losses
    assert kept.keys() == again.keys()
    for name, array in kept.items():
        assert np.array_equal(array, again[name]), name
    assert not np.array_equal(kept["unit1.bn1.running_var"], start["unit1.bn1.running_var"])


def test_dropout_that_was_not_drawn_the_same_would_show() -> None:
    """The oracle of the test above can fail: other chance gives other losses."""
    images, labels = batch()
    of = graph(drop=0.5)
    losses = [engine("torch", of, AGAIN, seed=0).step(images, labels, 0.05, 16).loss]
    made = engine("torch", of, AGAIN, seed=0)
    torch.manual_seed(1)
    losses.append(made.step(images, labels, 0.05, 16).loss)
    assert losses[0] != losses[1]


def kept_by_torch(made: Any) -> int:
    """Bytes that the way forward leaves for the way back, weights apart."""
    images, labels = batch(64)
    own = {p.untyped_storage().data_ptr() for p in made.model.parameters()}
    kept: dict[int, torch.Tensor] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        # Held, so that no other tensor gets its place.
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    made.model.train()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        made._loss(made.model, images, labels)
    return sum(t.untyped_storage().nbytes() for where, t in kept.items() if where not in own)


def kept_by_jax(made: Any) -> int:
    """The same by JAX's own list: `f32[64,12,12,8] output of ...`, the net's arrays apart."""
    images, labels = batch(64)

    def loss(parameters: Any) -> jax.Array:
        nets = made._steps.nets
        model = nets.made(nets.training, parameters, made._others)
        return made._steps._loss(model, images, labels)[0]

    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        jax.ad_checkpoint.print_saved_residuals(loss, made._parameters)
    total = 0
    for line in said.getvalue().splitlines():
        match = re.match(r"(f32|bool|i32|u32|key<fry>)\[([\d,]*)\] (?!from the argument)", line)
        if match:
            sizes = [int(size) for size in match[2].split(",") if size]
            total += int(np.prod(sizes)) * (1 if match[1] == "bool" else 4)
    return total


STACK = """
block unit(n) { conv(3, 1, n, pad=same) bn relu conv(3, 1, n, pad=same) bn relu }
net stack(classes = 5) {
  input(3x12x12)
  repeat(4) { unit(8) }
  fc(classes) softmax
  recipe { OPTIMIZER batch 16 epochs 1 }
}
"""


@pytest.mark.parametrize("backend", BACKENDS)
def test_less_is_kept(backend: str) -> None:
    """Of four blocks of six layers what arrives, and nothing of what is in them."""
    of = graph(STACK)
    measure = {"torch": kept_by_torch, "jax": kept_by_jax}[backend]
    whole = measure(engine(backend, of))
    less = measure(engine(backend, of, AGAIN))
    assert 0 < less < 0.3 * whole


def named(net: str) -> list[str]:
    """The units of a net by their paths, the same of both programs."""
    of = load(net)
    found: list[list[str]] = []
    program = compile_graph(of, "torch")
    with torch.device("meta"):
        model: nn.Module = getattr(load_program(program), program.class_name)()
    paths = {id(module): path for path, module in model.named_modules()}
    found.append([paths[id(unit)] for unit in units(model, net, nn.Module.children)])
    program = compile_graph(of, "jax")
    made = getattr(load_program(program), program.class_name)
    abstract = nnx.eval_shape(lambda: made(rngs=nnx.Rngs(0)))
    held = {
        id(module): ".".join(str(part) for part in path if part != "layers")
        for path, module in nnx.iter_modules(abstract)
    }
    found.append([held[id(unit)] for unit in units(abstract, net, children)])
    assert sorted(found[0]) == sorted(found[1])
    return found[0]


def test_units_are_blocks_not_stages() -> None:
    assert len(named("resnet50")) == 3 + 4 + 6 + 3
    googlenet = named("googlenet")
    assert googlenet[:3] == ["i3a", "i3b", "i4a"]
    assert "aux1" in googlenet
    assert len(named("mobilenet_v3_large")) == 15


def without_blocks() -> Graph:
    return graph(PLAIN)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_net_without_blocks(backend: str) -> None:
    with pytest.raises(DiagnosticError) as caught:
        engine(backend, without_blocks(), AGAIN)
    assert "error[E0851]" in str(caught.value)
    assert "'plain' has none" in str(caught.value)
