"""How often a net is wrong on the images held out."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from archc.backend import Engine
from archc.data.loader import Batch, Loader
from archc.data.whole import WholeBatch, WholeImages
from archc.diagnostics import fail
from archc.errors.training import ProbabilityNotFinite, WrongPrediction
from archc.train.crew import Together
from archc.train.heartbeat import Heart

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
    (AlexNet, section 4.1), and of a whole image, its mirror and its scales too (VGG, section 3.2).
    """

    engine: Engine
    backend: str
    loader: Loader | WholeImages
    classes: int
    epoch: int | None = None
    """After which the weights are; None where that is not known."""
    best: str | None = None
    heart: Heart = field(default_factory=Heart)

    def score(self, together: Together) -> Score:
        """The errors over the whole split, of which each process measures its share.

        Raises `InterruptedTogetherError`, and as `Together.do` does `DiagnosticError` (E0706,
        E0709, E0710, E0716, E0803, E0807).
        """
        mine = np.zeros(2, np.int64)
        with closing(self.loader.in_order(share=self.engine.share)) as batches:

            def measured() -> NDArray[np.int64] | None:
                batch = next(batches, None)
                return None if batch is None else self._wrong(batch)

            while (found := together.interruptible(measured)[0]) is not None:
                mine += found * self.engine.counts
        wrong, wrong_top = map(int, together.crew.summed(mine.tolist()))
        return Score(wrong, wrong_top if self.classes > TOP else None, len(self.loader.split))

    def _wrong(self, batch: Batch | WholeBatch) -> NDArray[np.int64]:
        """How many images of a share are wrong at the first guess, and at all of the best."""
        if len(batch.labels) == 0:
            return np.zeros(2, np.int64)
        # Stable, so that equal probabilities rank in the order of the classes.
        ranked = np.argsort(-self._probabilities(batch), axis=1, kind="stable")
        hits = ranked == batch.labels[:, np.newaxis]
        return np.array([(~hits[:, 0]).sum(), (~hits[:, :TOP].any(axis=1)).sum()])

    def _probabilities(self, batch: Batch | WholeBatch) -> np.ndarray:
        """`(N, classes)`, the mean over the views."""
        mean = self._of_whole(batch) if isinstance(batch, WholeBatch) else self._of_views(batch)
        finite = np.isfinite(mean).all(axis=1)
        if not finite.all():
            index = int(batch.indices[int(np.argmin(finite))])
            fail(
                ProbabilityNotFinite(
                    epoch=self.epoch, image=self.loader.split.name(index), best=self.best
                )
            )
        return mean

    def _of_views(self, batch: Batch) -> np.ndarray:
        flat = batch.images.reshape(-1, *batch.images.shape[-3:])
        found = self._predicted(flat)
        return found.reshape(len(batch.images), -1, self.classes).mean(axis=1)

    def _of_whole(self, batch: WholeBatch) -> np.ndarray:
        total = np.zeros((len(batch.labels), self.classes))
        views = 0
        for rows, images in batch.groups:
            flat = images.reshape(-1, *images.shape[-3:])
            for shown in (flat, np.ascontiguousarray(flat[..., ::-1])):
                found = self._predicted(shown).reshape(len(rows), -1, self.classes)
                # An image may be in a group more than once: two scales can give one size.
                np.add.at(total, rows, found.sum(axis=1, dtype=np.float64))
            views += 2 * len(flat)
        # Every image has as many views as every other.
        return total * (len(batch.labels) / views)

    def _predicted(self, images: np.ndarray) -> np.ndarray:
        """`(N, classes)`; no more images at once than a batch of training holds."""
        most = self.loader.most(*images.shape[-2:])
        pieces = [images[i : i + most] for i in range(0, len(images), most)]
        found = np.concatenate([self._answers(piece) for piece in pieces])
        wanted = (len(images), self.classes)
        if found.shape != wanted:
            fail(WrongPrediction(backend=self.backend, got=str(found.shape), wanted=str(wanted)))
        return found

    def _answers(self, images: np.ndarray) -> np.ndarray:
        self.heart.before("predict", images.shape)
        return self.engine.predict(images)
