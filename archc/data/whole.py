"""Images held out, each whole and at several scales, for a net that takes any size."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from functools import partial
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from archc.data.dataset import Split
from archc.data.dense import Dense
from archc.data.loader import Share, all_of
from archc.data.pipeline import Pipeline
from archc.data.reading import THREADS, AbandonedError, Stop, read
from archc.diagnostics import fail
from archc.errors.data import TransformDoesNotFit
from archc.runtime.faults import DoesNotFitError
from archc.runtime.pixels import Pixels, resize

PIECE_BYTES = 2**27
"""How much memory the images of a batch may take, more than one of them."""

Check = Callable[[tuple[int, int, int], str], None]
"""Given (C, H, W) and an image's name: raises `DiagnosticError` where the net cannot take it."""


class Group(NamedTuple):
    """Images of one size: `images` is `(n, views, C, H, W)` float32, `rows` `(n,)` says which
    of the batch they show.
    """

    rows: NDArray[np.intp]
    images: NDArray[np.float32]


class WholeBatch(NamedTuple):
    """Some images at every scale. `labels` is `(N,)` int64, `indices` their numbers in the
    split.
    """

    groups: tuple[Group, ...]
    labels: NDArray[np.int64]
    indices: NDArray[np.intp]


class WholeImages:
    """Every image of a split once, in order, through one pipeline and at every scale.

    `batch` images of the net's input `shape` (C, H, W) are what a prediction may hold. `workers`
    processes read them; without any, threads of this one do.
    """

    def __init__(
        self,
        split: Split,
        pipeline: Pipeline,
        dense: Dense,
        shape: tuple[int, int, int],
        *,
        batch: int,
        check: Check,
        workers: int = 0,
    ) -> None:
        self.split = split
        self._images = _Images(split, pipeline, dense)
        self._workers = workers
        self._pixels = batch * prod(shape[1:])
        self._check = check
        # Twice the square: most pictures are not longer than that.
        views = prod(step.views for step in pipeline.steps)
        self._bytes = 4 * shape[0] * views * sum(2 * side * side for side in dense.sides)
        self.batch = max(1, min(batch, PIECE_BYTES // self._bytes))

    def most(self, height: int, width: int) -> int:
        """How many images of that size a prediction may hold: one at least."""
        return max(1, self._pixels // (height * width))

    def in_order(self, *, share: Share = all_of) -> Generator[WholeBatch]:
        """A share of each batch of the images, which come once, in the order of the split.

        Raises `DiagnosticError` at the batch with an image that cannot be read (E0706), that a
        step cannot take (E0710), or that the net cannot take (E0716).
        """
        order = np.arange(len(self.split))
        batches = (order[i : i + self.batch] for i in range(0, len(order), self.batch))
        pieces = [batch[share(len(batch))] for batch in batches]
        most = max((len(piece) for piece in pieces), default=0)
        depth = max(THREADS, 2 * self._workers) + 1
        depth = max(1, min(depth, 4 * PIECE_BYTES // (max(1, most) * self._bytes)))
        gather = partial(_gathered, self._images, pieces)
        with ExitStack() as stack:
            if self.split.in_memory:
                found = map(partial(gather, Stop()), range(len(pieces)))
            else:
                ahead = read(gather, len(pieces), depth=depth, workers=self._workers)
                found = stack.enter_context(closing(ahead))
            for batch in found:
                # Here and not where they are read: it takes the net.
                for rows, images in batch.groups:
                    for index in batch.indices[rows]:
                        self._checked(images.shape, self.split.name(int(index)))
                yield batch

    def sample(self, index: int) -> list[NDArray[np.float32]]:
        """One image at every scale, each `(views, C, H, W)`. Raises as `in_order` does."""
        found = self._images.sample(index)
        for image in found:
            self._checked(image.shape, self.split.name(index))
        return found

    def _checked(self, shape: Sequence[int], name: str) -> None:
        channels, height, width = shape[-3:]
        self._check((channels, height, width), name)


class _Images(NamedTuple):
    """What makes an image at every scale, in a process of its own too."""

    split: Split
    pipeline: Pipeline
    dense: Dense

    def sample(self, index: int) -> list[NDArray[np.float32]]:
        """An image of the split at every scale, each `(views, C, H, W)`."""
        name = self.split.name(index)
        image = self.pipeline.fixed(self.split.image(index), name)
        found: list[NDArray[np.float32]] = []
        for side in self.dense.sides:
            scaled = self._scaled(image, side, name)
            views = scaled.reshape(-1, *scaled.shape[-3:]).transpose(0, 3, 1, 2)
            found.append(np.ascontiguousarray(views))
        return found

    def _scaled(self, image: Pixels, side: int, name: str) -> Pixels:
        try:
            return resize(image, side)
        except DoesNotFitError as reason:
            fault = TransformDoesNotFit(
                where=self.pipeline.where,
                transform=str(self.dense),
                image=name,
                reason=str(reason),
            )
            fail(fault)


def _gathered(
    images: _Images, pieces: Sequence[NDArray[np.intp]], stop: Stop, number: int
) -> WholeBatch:
    indices = pieces[number]
    by_size: dict[tuple[int, ...], list[tuple[int, NDArray[np.float32]]]] = {}
    for row, index in enumerate(indices):
        if stop.asked:
            raise AbandonedError
        for image in images.sample(int(index)):
            by_size.setdefault(image.shape, []).append((row, image))
    groups = tuple(
        Group(np.array([row for row, _ in found]), np.stack([image for _, image in found]))
        for found in by_size.values()
    )
    return WholeBatch(groups, images.split.labels[indices], indices)
