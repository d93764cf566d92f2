"""One net, everything compared: the oracle with each backend, and the backends with one another.

The same checks judge nets by name, random nets, and programs that were broken on purpose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from archc.ir import Graph
from archc.ops.activation import Softmax
from archc.ops.norm import Bn, LayerNorm

from ..oracle import interpreter, slope
from . import running
from .quiet import without_dropout
from .running import Dtype, Trained

TOLERANCE = 1e-10
"""The largest difference of two float64 results, normalised, that is rounding."""

FLOAT32 = {"forward": 1e-5, "gradient": 5e-4}
"""The same of two float32 results, no product of which is TF32's."""

FAINT = 1e-2
"""Arrays are normalised one by one, but those that are smaller than the largest by this by that:
a bias before batch norm has a gradient of rounding errors alone, and what is constant a variance
of them."""


@dataclass(frozen=True)
class Case:
    """A net with weights, a batch `(N, C, H, W)` and labels, `(N,)` or `(N, H, W)`."""

    graph: Graph
    weights: dict[str, np.ndarray]
    x: np.ndarray
    labels: np.ndarray


def case(graph: Graph, seed: int = 0, batch: int = 3) -> Case:
    """A net with weights and a batch that depend on the seed alone."""
    rng = np.random.default_rng(seed)
    classes, *place = graph.shape
    x = rng.normal(size=(batch, *graph.input))
    labels = rng.integers(0, classes, (batch, *(place if place != [1, 1] else ())))
    return Case(graph, interpreter.fitting_weights(graph, rng), x, labels)


def well_posed(made: Case) -> bool:
    """Whether no normalisation is given what is constant but for rounding errors.

    Such as a tiled map normalised over its copies: the errors become a result of size 1, or, by
    eps, a hundred times as large as they were, and the next layer's again. Zeros stay zeros.
    """
    values = interpreter.run(made.graph, made.weights, made.x)
    for node in made.graph.nodes:
        if not isinstance(node.op, Bn | LayerNorm):
            continue
        x = values[node.inputs[0]]
        if isinstance(node.op, Bn):
            rows = np.moveaxis(x, 1, 0).reshape(x.shape[1], -1)
        else:
            parts = node.op.groups * (1 if node.shared else node.towers)
            rows = np.moveaxis(x, 1, -1).reshape(-1, x.shape[1] // parts)
        if ((rows != 0).any(axis=1) & (rows.std(axis=1) < 1e-6 * np.abs(rows).max(axis=1))).any():
            return False
    return True


def difference(found: np.ndarray, expected: np.ndarray, least: float = 1e-30) -> float:
    """The largest difference relative to the largest expected value, or to `least`.

    Infinite where the shapes differ or a number is none.
    """
    if found.shape != expected.shape or not np.isfinite(found).all():
        return float("inf")
    if not found.size:
        return 0.0
    return float(np.abs(found - expected).max() / max(least, np.abs(expected).max()))


def examine(made: Case, backends: Sequence[str]) -> dict[str, float]:
    """Every difference by what was compared: `torch forward`, `jax gradient against torch`."""
    quiet = without_dropout(made.graph)
    # What an op computes is the same whether dropout is there or not: p matters in training only.
    values = interpreter.run(made.graph, made.weights, made.x)
    end = made.graph.nodes[made.graph.output]
    expected = values[end.inputs[0]] if isinstance(end.op, Softmax) else values[made.graph.output]
    reference = slope.train(quiet, made.weights, made.x, made.labels)

    found: dict[str, float] = {}
    outputs: dict[str, np.ndarray] = {}
    passes: dict[str, Trained] = {}
    for backend in backends:
        output = running.evaluate(backend, made.graph, made.weights, made.x)
        outputs[backend] = output
        found[f"{backend} forward"] = difference(output, expected)
        passed = running.train(backend, quiet, made.weights, made.x, made.labels)
        passes[backend] = passed
        found |= {f"{backend} {what}": d for what, d in _against(passed, reference).items()}
    along, along_x = _direction(passes[backends[0]])
    expected_slope = slope.derivative(quiet, made.weights, made.x, made.labels, along, along_x)
    for backend, passed in passes.items():
        terms = [(passed.gradients[name] * step) for name, step in along.items()]
        terms.append(passed.input_gradient * along_x)
        size = sum(float(np.abs(term).sum()) for term in terms)
        total = sum(float(term.sum()) for term in terms)
        off = abs(total - expected_slope) / max(1.0, size)
        found[f"{backend} gradient"] = off if np.isfinite(off) else float("inf")
    for one, other in combinations(backends, 2):
        found[f"{other} forward against {one}"] = difference(outputs[other], outputs[one])
        found[f"{other} gradient against {one}"] = gradients_differ(passes[other], passes[one])
    return found


def examine_float32(made: Case, backends: Sequence[str]) -> dict[str, tuple[float, float]]:
    """How far the backends are apart in float32, and how far they may be, by what was compared.

    That is the bound of `FLOAT32`, unless the net itself makes more of rounding: every batch norm
    of a deep net divides by what the one before left, and a unit whose input is rounded past
    zero takes its gradient along. So four times as much is allowed as the first backend's own
    float32 is away from its float64. (TF32 has 13 bits fewer: it is off a thousand times as far.)
    """
    first, *others = backends
    reference = _passes(made, first, "float64")
    own = _passes(made, first, "float32")
    rounding = _apart(own, reference)
    found: dict[str, tuple[float, float]] = {}
    for other in others:
        apart = _apart(_passes(made, other, "float32"), own)
        for what, d in apart.items():
            found[f"{other} {what}"] = d, max(FLOAT32[what.split()[-1]], 4 * rounding[what])
    return found


def _passes(made: Case, backend: str, dtype: Dtype) -> tuple[np.ndarray, Trained]:
    """What a net returns in evaluation, and its pass in training without dropout."""
    quiet = without_dropout(made.graph)
    return (
        running.evaluate(backend, made.graph, made.weights, made.x, dtype),
        running.train(backend, quiet, made.weights, made.x, made.labels, dtype),
    )


def _apart(
    found: tuple[np.ndarray, Trained], other: tuple[np.ndarray, Trained]
) -> dict[str, float]:
    logits = zip(found[1].logits, other[1].logits, strict=True)
    return {
        "forward": difference(found[0], other[0]),
        "training forward": max(difference(a, b) for a, b in logits),
        "gradient": gradients_differ(found[1], other[1]),
    }


def gradients_differ(found: Trained, expected: Trained, faint: float = FAINT) -> float:
    """The largest difference of any array's gradient, the input's among them."""
    if found.gradients.keys() != expected.gradients.keys():
        return float("inf")
    pairs = [(found.gradients[name], array) for name, array in expected.gradients.items()]
    pairs.append((found.input_gradient, expected.input_gradient))
    least = max(1e-10, faint * max(_largest(array) for _, array in pairs))
    return max(difference(a, b, least) for a, b in pairs)


def _against(passed: Trained, reference: slope.Trained) -> dict[str, float]:
    """A training-mode pass against the oracle's; gradients apart."""
    if len(passed.logits) != len(reference.logits):
        return {"heads": float("inf")}
    pairs = zip(passed.logits, reference.logits, strict=True)
    found = {
        "training forward": max(difference(a, b) for a, b in pairs),
        "loss": difference(np.array(passed.loss), np.array(reference.loss)),
    }
    if reference.statistics:
        least = FAINT * max(_largest(array) for array in reference.statistics.values())
        found["statistics"] = max(
            difference(passed.statistics[name], array, least)
            for name, array in reference.statistics.items()
        )
    return found


def _direction(passed: Trained) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """A random direction in which every array counts for about as much as any other.

    It is scaled by a gradient that may be wrong: any direction will do. Terms of its product with
    that gradient are about 1.
    """
    rng = np.random.default_rng(1)
    arrays = [*passed.gradients.values(), passed.input_gradient]
    least = max(1e-10, FAINT * max(_largest(array) for array in arrays))

    def step(array: np.ndarray) -> np.ndarray:
        return rng.normal(size=array.shape) / max(least, _largest(array))

    return {name: step(array) for name, array in passed.gradients.items()}, step(
        passed.input_gradient
    )


def _largest(array: np.ndarray) -> float:
    return float(np.abs(array).max(initial=0.0))
