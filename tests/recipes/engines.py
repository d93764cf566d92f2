"""Both engines of one small net in float64, and gradients by finite differences of the oracle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import archc_jax
import archc_torch
import jax
import numpy as np
from archc_torch.engine import TorchEngine

from archc.backend import Engine
from archc.driver import check, compile_graph
from archc.ir import Graph
from archc.source import Source
from tests.oracle import interpreter, layers

Arrays = dict[str, np.ndarray]
BACKENDS = ("torch", "jax")

# Smooth, so that differences are gradients; a head, so that every loss counts.
NET = """
net small(classes = 3) {
  input(2x5x5)
  conv(3, 1, 2) tanh
  aux(weight = 0.3) { fc(classes) softmax }
  fc(classes) softmax
  recipe { %s batch 4 epochs 4 }
}
"""


def graph(recipe: str) -> Graph:
    return check(Source("small.arch", NET % recipe))


@contextmanager
def engine(
    backend: str, of: Graph, weights: Arrays | None = None, accumulate: int = 1
) -> Iterator[Engine]:
    """An engine in float64, with these weights where they are given."""
    if of.recipe is None:
        raise ValueError("the net has a recipe")
    program = compile_graph(of, backend)
    with jax.enable_x64(True):
        if backend == "torch":
            made: Engine = archc_torch.backend.engine(
                program, of, of.recipe, device="cpu", seed=0, accumulate=accumulate
            )
            if isinstance(made, TorchEngine):
                made.model.double()
                made.judged.double()
        else:
            made = archc_jax.backend.engine(
                program, of, of.recipe, device="cpu", seed=0, accumulate=accumulate
            )
        if weights is not None:
            made.load_weights(weights)
        yield made


def start(of: Graph) -> Arrays:
    """Weights in float64 from a source of their own."""
    with engine("torch", of) as made:
        rng = np.random.default_rng(1)
        return {name: rng.normal(0, 0.3, w.shape) for name, w in made.weights().items()}


def batch(size: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 2, 5, 5) in float64, and labels."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(size, 2, 5, 5)), rng.integers(0, 3, size)


Loss = Callable[[np.ndarray, np.ndarray], float]


def loss(
    of: Graph,
    weights: Arrays,
    images: np.ndarray,
    labels: np.ndarray,
    each: Loss = layers.cross_entropy,
) -> float:
    """The weighted sum over heads, by the oracle; `each` is the loss of one."""
    values = interpreter.run(of, weights, images)
    total = each(_logits(of, values, of.output), labels)
    for head in of.heads:
        total += head.weight * each(_logits(of, values, head.output), labels)
    return total


def _logits(of: Graph, values: list[np.ndarray], end: int) -> np.ndarray:
    found = values[of.nodes[end].inputs[0]]
    return found.reshape(len(found), -1)


def gradients(
    of: Graph,
    weights: Arrays,
    images: np.ndarray,
    labels: np.ndarray,
    each: Loss = layers.cross_entropy,
) -> Arrays:
    """Central differences of the oracle's loss, exact to about 1e-10 for a smooth one."""
    found: Arrays = {}
    for name, array in weights.items():
        slope = np.zeros_like(array)
        for index in np.ndindex(array.shape):
            shifted = {**weights, name: array.copy()}
            shifted[name][index] = array[index] + 1e-5
            up = loss(of, shifted, images, labels, each)
            shifted[name][index] = array[index] - 1e-5
            slope[index] = (up - loss(of, shifted, images, labels, each)) / 2e-5
        found[name] = slope
    return found


def close(a: Arrays, b: Arrays, tolerance: float) -> bool:
    return a.keys() == b.keys() and all(
        np.allclose(a[name], b[name], rtol=0, atol=tolerance) for name in a
    )
