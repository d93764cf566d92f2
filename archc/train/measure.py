"""Weights measured on the images held out, without training."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from rich.console import Console

from archc.backend import Engine
from archc.data.pipeline import Statistics
from archc.data.prepare import Prepared, prepare
from archc.train.crew import ElsewhereError, Harm, InterruptedTogetherError, Together
from archc.train.evaluate import TOP, Evaluator, Score
from archc.train.files import read_tensors
from archc.train.interrupt import listening
from archc.train.job import Job
from archc.train.progress import say


def measure(job: Job, weights: Path, statistics: Statistics | None = None) -> Score:
    """Print the error of a file's weights, and return it.

    `statistics` are what the transforms learned in the run that the weights are from; without
    them they learn from the training images. Nothing is written. Raises `DiagnosticError` (E07
    for the data, E0604 and E0809 for the weights, E0803 where answers are no numbers), and
    `KeyboardInterrupt` after Ctrl-C. Of several processes the first one prints, and only one
    raises `DiagnosticError`: the others `ElsewhereError`.
    """
    job.check()
    with listening() as interrupt:
        together = Together(job.crew, interrupt)
        arrays = together.do(lambda: read_tensors(weights))
        data = together.do(
            lambda: prepare(
                job.data,
                shape=job.input,
                classes=job.classes,
                augment=job.recipe.augment,
                evaluate=job.recipe.evaluate,
                whole=job.whole,
                batch=job.batch,
                seed=job.seed,
                statistics=statistics,
                workers=job.upkeep.workers,
            )
        )
        engine = together.do(lambda: _engine(job, arrays))
        return _measured(job, data, engine, together, weights)


def _engine(job: Job, weights: dict[str, np.ndarray]) -> Engine:
    """The engine that measures weights: that of the dense form, where the recipe has one."""
    engine = job.make_engine()
    engine.load_weights(weights)
    if job.dense is None:
        return engine
    measured = job.dense.make_engine()
    job.dense.load(measured, engine)
    return measured


def _measured(job: Job, data: Prepared, engine: Engine, together: Together, weights: Path) -> Score:
    dataset = data.dataset
    console = Console()
    first = job.crew.rank == 0
    if first and not job.quiet:
        say(
            console,
            f"{job.name} on {dataset.name}: {len(dataset.held_out)} images held out for "
            f"{dataset.held_out_name}, {len(dataset.classes)} classes; {engine.device}; "
            f"{weights}",
        )
        for note in dataset.notes:
            say(console, f"note: {note}")
    evaluator = Evaluator(
        engine=engine, backend=job.backend, loader=data.held_out, classes=job.classes
    )
    try:
        score = evaluator.score(together)
    except InterruptedTogetherError as interrupted:
        if first:
            raise KeyboardInterrupt from interrupted
        raise ElsewhereError(Harm.NONE) from interrupted
    if first:
        say(console, line(score, dataset.held_out_name))
    return score


def line(score: Score, held_out: Literal["test", "validation"]) -> str:
    """`test error 0.56% (2 of 360), top-5 0.00% (0 of 360)`."""
    said = f"{held_out} error {score.error:.2%} ({score.wrong} of {score.total})"
    if score.error_top is None:
        return said
    return f"{said}, top-{TOP} {score.error_top:.2%} ({score.wrong_top} of {score.total})"
