"""Batches of a split, in the order and with the chance that (seed, epoch) fix.

Every image draws from a generator of its own, seeded by (seed, epoch, index): threads, processes,
the batch size and a continued run change nothing about what it becomes. Images that are in memory
are made when they are asked for, others ahead, by `archc.data.reading`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from functools import partial
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from archc.data.dataset import Split
from archc.data.pipeline import Pipeline
from archc.data.reading import THREADS, AbandonedError, Stop, read
from archc.diagnostics import fail
from archc.errors.data import InputSizeDiffers
from archc.runtime.pixels import Pixels

CACHE_BYTES = 256 * 2**20
"""How much of a small set's fixed steps is kept in memory."""

AHEAD_BYTES = 2**30
"""How much memory the batches decoded early may take."""

# NumPy pads a seed with zeros, so the purpose stands where padding cannot imitate it.
_ORDER, _IMAGE = 1, 2


class Batch(NamedTuple):
    """`images` is `(N, C, H, W)` float32, or `(N, views, C, H, W)` where the pipeline makes
    several views; `labels` is `(N,)` int64; `indices` are the images' numbers in the split.

    Of several processes each has its share of a batch of `size` images, which may be none.
    """

    images: NDArray[np.float32]
    labels: NDArray[np.int64]
    indices: NDArray[np.intp]
    size: int


Share = Callable[[int], slice]
"""Which part of a batch of so many images is wanted."""


def all_of(count: int) -> slice:
    """A batch whole, as one process alone has it."""
    return slice(count)


class _Piece(NamedTuple):
    """A process's share of a batch of `size` images."""

    indices: NDArray[np.intp]
    size: int


class Loader:
    """Batches of one split through one pipeline. `shape` is the net's input, (C, H, W).

    `workers` processes read a split that is not in memory; without any, threads of this one do.
    """

    def __init__(
        self,
        split: Split,
        pipeline: Pipeline,
        shape: tuple[int, int, int],
        *,
        batch: int,
        seed: int,
        workers: int = 0,
    ) -> None:
        self.split = split
        self.pipeline = pipeline
        self.shape = shape
        self.seed = seed
        self._workers = workers
        self._fixed: list[Pixels] | None = None
        self._ready: NDArray[np.float32] | None = None
        self.views = prod(step.views for step in pipeline.steps)
        # Views share a batch, so that evaluating needs no more memory than training.
        self._most = batch
        self.batch = max(1, batch // self.views)
        if split.in_memory:
            self._keep()

    def _keep(self) -> None:
        """Keep what the fixed steps make of every image, where that is small."""
        first = self.pipeline.fixed(self.split.image(0), self.split.name(0))
        if first.nbytes * len(self.split) > CACHE_BYTES:
            return
        images = self.split.named()
        if self.pipeline.is_fixed:
            self._ready = np.stack(
                [self._checked(self.pipeline.fixed(image, name), name) for name, image in images]
            )
        else:
            self._fixed = [self.pipeline.fixed(image, name) for name, image in images]

    @property
    def batches(self) -> int:
        """How many batches an epoch has, a smaller last one counted."""
        return -(-len(self.split) // self.batch)

    def most(self, height: int, width: int) -> int:
        """How many images of that size, which is the net's, a prediction may hold."""
        return self._most

    def epoch(self, number: int, *, start: int = 0, share: Share = all_of) -> Generator[Batch]:
        """A share of each batch of an epoch from batch `start` on, counted from 0, shuffled. The
        last batch is smaller where the images do not come out even: every image is seen once an
        epoch.

        Raises `DiagnosticError` at the batch with an image that cannot be read (E0706).
        """
        order = np.random.default_rng((self.seed, number, _ORDER)).permutation(len(self.split))
        return self._batches(order[start * self.batch :], number, share)

    def in_order(self, *, share: Share = all_of) -> Generator[Batch]:
        """Every image once, in the order of the split. Raises as `epoch` does."""
        return self._batches(np.arange(len(self.split)), 0, share)

    def _batches(self, order: NDArray[np.intp], epoch: int, share: Share) -> Generator[Batch]:
        pieces: list[_Piece] = []
        for first in range(0, len(order), self.batch):
            batch = order[first : first + self.batch]
            pieces.append(_Piece(batch[share(len(batch))], len(batch)))
        gather = partial(self._gather, pieces, epoch)
        if self.split.in_memory:
            yield from map(partial(gather, Stop()), range(len(pieces)))
            return
        most = max((len(piece.indices) for piece in pieces), default=0)
        batch_bytes = 4 * max(1, most) * self.views * prod(self.shape)
        depth = max(1, min(max(THREADS, 2 * self._workers) + 1, AHEAD_BYTES // batch_bytes))
        yield from read(gather, len(pieces), depth=depth, workers=self._workers)

    def _gather(self, pieces: Sequence[_Piece], epoch: int, stop: Stop, number: int) -> Batch:
        indices, size = pieces[number]
        labels = self.split.labels[indices]
        if self._ready is not None:
            return Batch(self._ready[indices], labels, indices, size)
        views = (self.views,) if self.views > 1 else ()
        images = np.empty((len(indices), *views, *self.shape), np.float32)
        for target, index in zip(images, indices, strict=True):
            if stop.asked:
                raise AbandonedError
            target[...] = self.sample(int(index), epoch)
        return Batch(images, labels, indices, size)

    def sample(self, index: int, epoch: int) -> NDArray[np.float32]:
        """One image as the net sees it in an epoch: `(C, H, W)`, or `(views, C, H, W)`.

        Raises `DiagnosticError` where its size is not the net's input (E0709).
        """
        name = self.split.name(index)
        if self._fixed is not None:
            image = self._fixed[index]
        else:
            image = self.pipeline.fixed(self.split.image(index), name)
        if not self.pipeline.is_fixed:
            rng = np.random.default_rng((self.seed, epoch, _IMAGE, index))
            image = self.pipeline.rest(image, name, rng)
        return self._checked(image, name)

    def _checked(self, image: Pixels, name: str) -> NDArray[np.float32]:
        """The image with its channels first, if it is of the net's size."""
        # Half the time of np.moveaxis, which small images feel.
        moved = image.transpose(2, 0, 1) if image.ndim == 3 else image.transpose(0, 3, 1, 2)
        if moved.shape[-3:] != self.shape:
            fail(
                InputSizeDiffers(
                    where=self.pipeline.where,
                    image=name,
                    got="x".join(map(str, moved.shape[-3:])),
                    wanted="x".join(map(str, self.shape)),
                )
            )
        return moved
