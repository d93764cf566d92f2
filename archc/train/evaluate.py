"""How often a net is wrong on the images held out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from archc.backend import Engine
from archc.data.loader import Batch, Loader
from archc.diagnostics import fail
from archc.errors.training import ProbabilityNotFinite, WrongPrediction

TOP = 5


@dataclass(frozen=True)
class Score:
    """Wrong answers out of `total`; `wrong_top` counts those not among the five best
    guesses, None where there are no more than five classes.
    """

    wrong: int
    wrong_top: int | None
    total: int

    @property
    def error(self) -> float:
        """Top-1 error, from 0 to 1."""
        return self.wrong / self.total

    @property
    def error_top(self) -> float | None:
        """Top-5 error, from 0 to 1."""
        return None if self.wrong_top is None else self.wrong_top / self.total


@dataclass(frozen=True)
class Evaluator:
    """Measures an engine. Of several views the softmax outputs are averaged
    (AlexNet, section 4.1).
    """

    engine: Engine
    backend: str
    loader: Loader
    classes: int
    epoch: int
    best: str | None

    def score(self, stopped: Callable[[], bool]) -> Score | None:
        """The errors over the whole split, or None where `stopped` asked to leave.

        Raises `DiagnosticError` (E0706, E0709, E0803, E0807).
        """
        wrong, wrong_top = 0, 0
        with closing(self.loader.in_order()) as batches:
            for batch in batches:
                if stopped():
                    return None
                # Stable, so that equal probabilities rank in the order of the classes.
                ranked = np.argsort(-self._probabilities(batch), axis=1, kind="stable")
                hits = ranked == batch.labels[:, np.newaxis]
                wrong += int((~hits[:, 0]).sum())
                wrong_top += int((~hits[:, :TOP].any(axis=1)).sum())
        return Score(wrong, wrong_top if self.classes > TOP else None, len(self.loader.split))

    def _probabilities(self, batch: Batch) -> np.ndarray:
        """`(N, classes)`, the mean over the views."""
        images = batch.images
        flat = images.reshape(-1, *images.shape[-3:])
        # One image may have more views than a batch of training holds.
        pieces = [flat[i : i + self.loader.most] for i in range(0, len(flat), self.loader.most)]
        probabilities = np.concatenate([self.engine.predict(piece) for piece in pieces])
        wanted = (len(flat), self.classes)
        if probabilities.shape != wanted:
            fail(
                WrongPrediction(
                    backend=self.backend, got=str(probabilities.shape), wanted=str(wanted)
                )
            )
        mean = probabilities.reshape(len(images), -1, self.classes).mean(axis=1)
        finite = np.isfinite(mean).all(axis=1)
        if not finite.all():
            index = int(batch.indices[int(np.argmin(finite))])
            fail(
                ProbabilityNotFinite(
                    epoch=self.epoch, image=self.loader.split.name(index), best=self.best
                )
            )
        return mean
