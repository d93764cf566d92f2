"""Programs run for tests: the one place that knows in what the backends differ.

Whatever the backend, arrays are NumPy's in the canonical layout: maps `(N, C, H, W)`, weights
OIHW and (out, in), by canonical name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Literal, Protocol

import numpy as np

from archc.backend import Program
from archc.ir import Graph
from archc.passes import MergeTowers
from archc.passes import run as run_passes

NAMES = ("torch", "jax")
"""The backends, the one that others are compared with first."""

Dtype = Literal["float32", "float64"]
Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Trained:
    """What a training-mode pass gave, forward and backward.

    `logits` `(N, K, H, W)` of the net and of each aux head; the loss, which is the mean
    cross-entropy of every place plus the heads' times their weights (of a net that does not
    classify, the mean square of its output); its gradient by every parameter and by the input;
    the running statistics after the pass.
    """

    logits: list[np.ndarray]
    loss: float
    gradients: dict[str, np.ndarray]
    input_gradient: np.ndarray
    statistics: dict[str, np.ndarray]


class Runner(Protocol):
    """What a module `running_NAME` of this package has."""

    def emit(self, graph: Graph) -> Program:
        """The program of a graph without towers."""
        ...

    def evaluate(
        self, program: Program, weights: Arrays, x: np.ndarray, dtype: Dtype
    ) -> np.ndarray:
        """What the program returns in evaluation mode, `(N, K, H, W)`."""
        ...

    def train(
        self, program: Program, weights: Arrays, x: np.ndarray, labels: np.ndarray, dtype: Dtype
    ) -> Trained:
        """One pass in training mode, forward and backward."""
        ...

    def forget(self) -> None:
        """Drop what the framework keeps of the programs that ran: memory, in a long run."""
        ...


def runner(backend: str) -> Runner:
    return import_module(f"{__package__}.running_{backend}")  # pyright: ignore[reportReturnType]


def emitted(backend: str, graph: Graph) -> Program:
    """The program that `archc compile` prints."""
    return runner(backend).emit(run_passes([MergeTowers()], graph))


def evaluate(
    backend: str, graph: Graph, weights: Arrays, x: np.ndarray, dtype: Dtype = "float64"
) -> np.ndarray:
    return runner(backend).evaluate(emitted(backend, graph), weights, x, dtype)


def train(
    backend: str,
    graph: Graph,
    weights: Arrays,
    x: np.ndarray,
    labels: np.ndarray,
    dtype: Dtype = "float64",
) -> Trained:
    return runner(backend).train(emitted(backend, graph), weights, x, labels, dtype)


def as_map(logits: np.ndarray) -> np.ndarray:
    """`(N, K)` as `(N, K, 1, 1)`; a map as it is."""
    return logits.reshape(*logits.shape, 1, 1) if logits.ndim == 2 else logits
