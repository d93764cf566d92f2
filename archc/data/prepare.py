"""From the name of a data set and a recipe to batches, everything checked first."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from typing_extensions import override

from archc.data.dataset import Dataset, Split
from archc.data.dense import Dense
from archc.data.loader import Loader
from archc.data.pipeline import Named, Pipeline, Statistics, learn
from archc.data.reading import Stop, library, read
from archc.data.sources import open_source
from archc.data.transforms import Transform, Where, misplaced
from archc.data.whole import Check, WholeImages
from archc.diagnostics import Sink, fail
from archc.errors.data import ChannelsUnsupported, ClassCountDiffers
from archc.runtime.pixels import Pixels


@dataclass(frozen=True)
class Prepared:
    """A data set that fits a net, ready to give batches."""

    dataset: Dataset
    train: Loader
    held_out: Loader | WholeImages
    statistics: Statistics
    """What the transforms learned from the training set."""


def prepare(
    source: str,
    *,
    shape: tuple[int, int, int],
    classes: int,
    augment: tuple[Transform, ...],
    evaluate: tuple[Transform, ...],
    whole: tuple[Dense, Check] | None = None,
    batch: int,
    seed: int,
    statistics: Statistics | None = None,
    workers: int = 0,
) -> Prepared:
    """Open a data set and fit it to a net with input `shape` (C, H, W) and `classes`.

    Checks run from the cheap to the dear: the recipe, the folder, one image of each split
    through all its steps; only then are the training images read for what the transforms
    learn. `statistics` of an earlier run are used as they are. With `whole` the images held out
    are evaluated whole: how, and what checks that the net takes a size. `workers` processes
    read image files; without any, threads of this process do. Raises `DiagnosticError` (E07).
    """
    pipelines: dict[Where, tuple[Transform, ...]] = {"augment": augment, "evaluate": evaluate}
    sink = Sink()
    for where, steps in pipelines.items():
        for step in steps:
            if fault := misplaced(step, where):
                sink.add(fault)
    sink.raise_if_failed()
    channels = shape[0]
    if channels not in (1, 3):
        fail(ChannelsUnsupported(channels=channels))
    dataset = open_source(source, shape=shape, classes=classes)
    if len(dataset.classes) != classes:
        fail(ClassCountDiffers(data=source, has=len(dataset.classes), net=classes))
    if not (dataset.train.in_memory and dataset.held_out.in_memory):
        library()

    def loaders(
        known: Statistics, train: Split, held_out: Split
    ) -> tuple[Loader, Loader | WholeImages]:
        augmented = Pipeline("augment", augment, known, channels)
        evaluated = Pipeline("evaluate", evaluate, known, channels)
        trained = Loader(train, augmented, shape, batch=batch, seed=seed, workers=workers)
        if whole is None:
            measured = Loader(held_out, evaluated, shape, batch=batch, seed=seed, workers=workers)
            return trained, measured
        dense, check = whole
        return trained, WholeImages(
            held_out, evaluated, dense, shape, batch=batch, check=check, workers=workers
        )

    first = _First(dataset.train), _First(dataset.held_out)
    trial = statistics or learn(pipelines, first[0].named, channels)
    train, held_out = loaders(trial, *first)
    train.sample(0, 0)
    if isinstance(held_out, WholeImages):
        held_out.sample(0)
    else:
        held_out.sample(0, 0)
    if statistics is None:
        statistics = learn(pipelines, partial(_images, dataset.train, workers), channels)
    return Prepared(dataset, *loaders(statistics, dataset.train, dataset.held_out), statistics)


class _First(Split):
    """The first image of a split alone, to try a recipe on."""

    in_memory = False

    def __init__(self, split: Split) -> None:
        self.labels = split.labels[:1]
        self._image = split.image(0)
        self._name = split.name(0)

    @override
    def image(self, index: int) -> Pixels:
        return self._image

    @override
    def name(self, index: int) -> str:
        return self._name


def _images(split: Split, workers: int) -> Named:
    """Every image with its name, in order; files are decoded ahead."""
    if split.in_memory:
        return split.named()
    return read(partial(_image, split), len(split), workers=workers)


def _image(split: Split, stop: Stop, index: int) -> tuple[str, Pixels]:
    return split.name(index), split.image(index)
