"""The net as it is applied to whole images: an engine of its own, with the trained weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from archc.backend import Engine
from archc.diagnostics import fail
from archc.errors.data import ImageDoesNotFit
from archc.ir import Graph
from archc.ops.base import Shape, written
from archc.passes.dense import TooSmallError, check_input, dense_weights


@dataclass(frozen=True)
class DenseNet:
    """The dense form of a net that is trained: what `archc.passes.Dense` made of it."""

    graph: Graph
    make_engine: Callable[[], Engine]

    def check(self, shape: Shape, image: str) -> None:
        """Raise `DiagnosticError` (E0716) where the net cannot take an image `(C, H, W)`."""
        try:
            check_input(self.graph, shape)
        except TooSmallError as reason:
            fail(ImageDoesNotFit(image=image, size=written(shape), reason=str(reason)))

    def load(self, engine: Engine, trained: Engine) -> None:
        """Give an engine of the dense form the weights that another has trained."""
        engine.load_weights(dense_weights(self.graph, trained.weights()))
