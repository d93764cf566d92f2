"""The transforms of `augment { }` or `evaluate { }` as one function, with what they learned."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from archc.data.transforms import Given, LearningTransform, Transform, Where
from archc.diagnostics import fail
from archc.errors.data import TransformDoesNotFit
from archc.runtime.faults import DoesNotFitError
from archc.runtime.pixels import Pixels

Statistics = dict[str, dict[str, NDArray[np.float64]]]
"""What the transforms learned, by the transform and the pointwise steps before it."""

Named = Generator[tuple[str, Pixels]]
"""Images with the names that an error gives them."""

RAW_WHITE = 255.0


@dataclass(frozen=True)
class Pipeline:
    """Steps in order, ready to run. Everything before the first random step is `fixed`:
    the same in every epoch, so a loader may keep its result.
    """

    where: Where
    steps: tuple[Transform, ...]
    statistics: Mapping[str, Mapping[str, NDArray[np.float64]]]
    channels: int

    @cached_property
    def first_random(self) -> int:
        """The place of the first random step; the number of steps where there is none."""
        return next((i for i, step in enumerate(self.steps) if step.random), len(self.steps))

    @property
    def is_fixed(self) -> bool:
        return self.first_random == len(self.steps)

    @cached_property
    def _whites(self) -> list[tuple[float, ...]]:
        return whites_of(self.steps, self.channels)

    @cached_property
    def _keys(self) -> list[str]:
        return keys_of(self.steps)

    def fixed(self, image: Pixels, name: str) -> Pixels:
        """The steps before the first random one."""
        # Nothing draws from this: no random step is among them.
        return self._run(range(self.first_random), image, name, np.random.default_rng(0))

    def rest(self, image: Pixels, name: str, rng: np.random.Generator) -> Pixels:
        """The steps from the first random one on."""
        return self._run(range(self.first_random, len(self.steps)), image, name, rng)

    def _run(
        self, places: Iterable[int], image: Pixels, name: str, rng: np.random.Generator
    ) -> Pixels:
        for i in places:
            learned = self.statistics.get(self._keys[i], {})
            try:
                image = self.steps[i].apply(image, Given(rng, learned, self._whites[i]))
            except DoesNotFitError as reason:
                self._refuse(self.steps[i], name, reason)
        return image

    def _refuse(self, step: Transform, name: str, reason: DoesNotFitError) -> None:
        fail(
            TransformDoesNotFit(
                where=self.where, transform=str(step), image=name, reason=str(reason)
            )
        )


def learn(
    pipelines: Mapping[Where, Sequence[Transform]], images: Callable[[], Named], channels: int
) -> Statistics:
    """What the transforms learn from the training images.

    A step sees the images as the steps before it leave them, random ones left out. A step
    of `evaluate` that has its twin in `augment`, after the same pointwise steps, uses what
    that one learned: both must subtract the very same mean. `images` is called once for
    every step that learns. Raises `DiagnosticError` (E0710).
    """
    statistics: Statistics = {}
    for where, steps in pipelines.items():
        keys, whites = keys_of(steps), whites_of(steps, channels)
        for i, step in enumerate(steps):
            if not isinstance(step, LearningTransform) or keys[i] in statistics:
                continue
            before = tuple(s for s in steps[:i] if not s.random)
            # Closed at once: images read ahead must leave no thread where learning fails.
            with closing(images()) as source:
                seen = _Seen(Pipeline(where, before, statistics, channels), source)
                try:
                    learned = step.learn(seen, whites[i])
                except DoesNotFitError as reason:
                    fail(
                        TransformDoesNotFit(
                            where=where, transform=str(step), image=seen.name, reason=str(reason)
                        )
                    )
            statistics[keys[i]] = dict(learned)
    return statistics


class _Seen:
    """Images through a pipeline, remembering which one is being looked at."""

    def __init__(self, pipeline: Pipeline, images: Named) -> None:
        self.name = ""
        self._pipeline = pipeline
        self._images = images

    def __iter__(self) -> Iterator[Pixels]:
        for name, image in self._images:
            self.name = name
            yield self._pipeline.fixed(image, name)


def keys_of(steps: Sequence[Transform]) -> list[str]:
    """A name for each step that is the same where what it learns is the same."""
    return [
        " ".join(str(s) for s in (*(b for b in steps[:i] if b.pointwise), step))
        for i, step in enumerate(steps)
    ]


def whites_of(steps: Sequence[Transform], channels: int) -> list[tuple[float, ...]]:
    """How far black is from white before each step, a channel."""
    whites = [(RAW_WHITE,) * channels]
    for step in steps:
        whites.append(step.white(whites[-1]))
    return whites[:-1]


def flatten(statistics: Statistics) -> dict[str, NDArray[np.float64]]:
    """Statistics for a file: one array a name."""
    return {
        f"{step}/{name}": array
        for step, learned in statistics.items()
        for name, array in learned.items()
    }


def unflatten(arrays: Mapping[str, NDArray[np.float64]]) -> Statistics:
    """The inverse of `flatten`."""
    statistics: Statistics = {}
    for name, array in arrays.items():
        step, _, what = name.rpartition("/")
        statistics.setdefault(step, {})[what] = array
    return statistics
