"""Weights measured on the images held out, without training."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from rich.console import Console

from archc.data.pipeline import Statistics
from archc.data.prepare import prepare
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
    `KeyboardInterrupt` after Ctrl-C.
    """
    job.check()
    arrays = read_tensors(weights)
    data = prepare(
        job.data,
        shape=job.input,
        classes=job.classes,
        augment=job.recipe.augment,
        evaluate=job.recipe.evaluate,
        whole=job.whole,
        batch=job.batch,
        seed=job.seed,
        statistics=statistics,
        workers=job.workers,
    )
    engine = job.make_engine()
    engine.load_weights(arrays)
    measured = engine
    if job.dense is not None:
        measured = job.dense.make_engine()
        job.dense.load(measured, engine)
    dataset = data.dataset
    console = Console()
    if not job.quiet:
        say(
            console,
            f"{job.name} on {dataset.name}: {len(dataset.held_out)} images held out for "
            f"{dataset.held_out_name}, {len(dataset.classes)} classes; {engine.device}; "
            f"{weights}",
        )
        for note in dataset.notes:
            say(console, f"note: {note}")
    evaluator = Evaluator(
        engine=measured, backend=job.backend, loader=data.held_out, classes=job.classes
    )
    with listening() as interrupt:
        score = evaluator.score(interrupt.asked)
    if score is None:
        raise KeyboardInterrupt
    say(console, line(score, dataset.held_out_name))
    return score


def line(score: Score, held_out: Literal["test", "validation"]) -> str:
    """`test error 0.56% (2 of 360), top-5 0.00% (0 of 360)`."""
    said = f"{held_out} error {score.error:.2%} ({score.wrong} of {score.total})"
    if score.error_top is None:
        return said
    return f"{said}, top-{TOP} {score.error_top:.2%} ({score.wrong_top} of {score.total})"
