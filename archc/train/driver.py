"""Training from the first check to the last line, for any framework."""

from __future__ import annotations

import math
from contextlib import closing, suppress
from time import perf_counter
from typing import Literal, Never

from rich.console import Console

from archc.backend import Engine, Step
from archc.data.prepare import Prepared, prepare
from archc.diagnostics import DiagnosticError, fail
from archc.errors.training import (
    CannotWrite,
    GradientNotFinite,
    LossNotFinite,
    ProbabilityNotFinite,
)
from archc.recipe import Progress
from archc.train import checkpoint
from archc.train.cadence import Due
from archc.train.evaluate import Evaluator, Score
from archc.train.interrupt import Interrupt, listening
from archc.train.job import Job, Result
from archc.train.metrics import EpochMetrics, Running, best_of
from archc.train.progress import Display, display, say
from archc.train.run_directory import RunDirectory
from archc.train.start import Start, begin, found


def train(job: Job) -> Result:
    """Train a net by its recipe and keep everything in a new folder, or go on with a run.

    All that can be checked is checked before the folder is made. Ctrl-C and SIGTERM save
    a checkpoint and the weights and give a `Result` that says so. Raises `DiagnosticError` (E07,
    E08); where training had begun, they are saved first, unless they are no numbers any more.
    """
    job.check()
    start = found(job)
    data = prepare(
        job.data,
        shape=job.input,
        classes=job.classes,
        augment=job.recipe.augment,
        evaluate=job.recipe.evaluate,
        whole=job.whole,
        batch=job.batch,
        seed=job.seed,
        statistics=start.statistics,
    )
    # Made first: making an engine seeds the framework's chance, which training then draws from.
    for_whole = job.dense.make_engine() if job.dense else None
    engine = job.make_engine()
    notes = begin(engine, start, job)
    console = Console()
    images = len(data.dataset.train)
    seen = len(start.history) * images + start.running.images
    with (
        RunDirectory(job, data, engine, start.history, start.running.batches) as run,
        listening() as interrupt,
        display(console, quiet=job.quiet, epochs=job.epochs, images=images, seen=seen) as shown,
    ):
        training = _Training(job, data, engine, for_whole, run, interrupt, shown, start)
        training.introduce(notes)
        result = training.go()
    say(console, last_line(result))
    return result


def last_line(result: Result) -> str:
    """`test error 1.39% (5 of 360)`, or what came in the way of it."""
    if result.wrong is None:
        return f"interrupted before an epoch was finished; weights saved in {result.run_dir}"
    error = (
        f"{result.held_out} error {result.wrong / result.total:.2%} "
        f"({result.wrong} of {result.total})"
    )
    if result.status == "interrupted":
        return f"interrupted; after epoch {result.epochs} the {error}"
    return error


class _Training:
    """One run under way: its history and where to say and keep things."""

    def __init__(
        self,
        job: Job,
        data: Prepared,
        engine: Engine,
        for_whole: Engine | None,
        run: RunDirectory,
        interrupt: Interrupt,
        shown: Display,
        start: Start,
    ) -> None:
        self.job = job
        self.data = data
        self.engine = engine
        self.for_whole = for_whole
        self.run = run
        self.interrupt = interrupt
        self.shown = shown
        self.history = list(start.history)
        self.running = start.running
        """The epoch under way."""
        self.saved = start.position
        """Where the newest checkpoint stands; None before the first."""
        self.due = Due(job.save_every)
        self.best = best_of(start.history)

    def introduce(self, notes: list[str]) -> None:
        dataset = self.data.dataset
        self.shown.say(
            f"{self.job.name} on {dataset.name}: {len(dataset.train)} images to train, "
            f"{len(dataset.held_out)} held out for {dataset.held_out_name}, "
            f"{len(dataset.classes)} classes; {self.engine.device}; {self.run.path}"
        )
        for note in (*dataset.notes, *notes):
            self.shown.say(f"note: {note}")

    def go(self) -> Result:
        """All epochs, then the weights and the curve."""
        try:
            status = self._epochs()
        except DiagnosticError as error:
            if isinstance(error.diagnostics[0], CannotWrite):
                # Nothing more can be, perhaps not even that; the newest checkpoint is whole.
                with suppress(DiagnosticError):
                    self.run.say("failed")
                raise
            if not isinstance(error.diagnostics[0], LossNotFinite | ProbabilityNotFinite):
                self._keep()
                self._save_last()
            self.run.draw(self.history)
            self.run.say("failed")
            raise
        self._save_last()
        self.run.draw(self.history)
        self.run.say(status)
        last = self.history[-1] if self.history else None
        return Result(
            status=status,
            run_dir=self.run.path,
            epochs=len(self.history),
            held_out=self.data.dataset.held_out_name,
            wrong=last.score.wrong if last else None,
            total=len(self.data.dataset.held_out),
            best_epoch=self.best.epoch if self.best else None,
            best_wrong=self.best.score.wrong if self.best else None,
        )

    def _save_last(self) -> None:
        self.run.save(self.run.weights, self.engine.weights(), len(self.history))
        self.shown.say(f"weights saved in {self.run.weights}")

    def _epochs(self) -> Literal["finished", "interrupted"]:
        self._keep()
        for epoch in range(len(self.history) + 1, self.job.epochs + 1):
            if self._rate(0) is None:
                self.shown.say(
                    f"{self.job.recipe.schedule.word}: the error no longer improves, "
                    f"training ends after epoch {epoch - 1}"
                )
                return "finished"
            score = self._score(epoch) if self._trained(epoch) else None
            if score is None:
                self._keep()
                self.shown.say(f"{self.interrupt.by} in epoch {epoch}")
                return "interrupted"
            metrics = EpochMetrics.of(epoch, self.running, score)
            if self.running.skipped:
                self.shown.say(
                    f"note: {self.running.skipped} of {self.running.batches} steps of epoch "
                    f"{epoch} were left out: gradients overflowed float16"
                )
            self.history.append(metrics)
            self.running = Running()
            self.run.record(metrics)
            if self.best is None or metrics.score.wrong < self.best.score.wrong:
                self.run.save(self.run.best, self.engine.weights(), epoch)
                self.best = metrics
            self._keep()
            self.shown.say(metrics.line(self.job.epochs, self.data.dataset.held_out_name))
        return "finished"

    def _keep(self) -> None:
        """A checkpoint of the run as it stands, unless there is one."""
        here = (len(self.history), self.running.batches)
        if self.saved == here:
            return
        checkpoint.save(
            self.run.path,
            checkpoint.Checkpoint(
                backend=self.job.backend,
                weights=self.engine.weights(),
                optimizer=self.engine.optimizer_state(),
                rng=self.engine.rng_state(),
                history=tuple(self.history),
                running=self.running,
            ),
        )
        self.saved = here
        self.due.written()

    def _rate(self, step: int) -> float | None:
        """The learning rate of a step of the next epoch, None where the schedule ends training."""
        optimizer = self.job.recipe.optimizer
        if optimizer is None:
            raise ValueError("Job.check lets no job without an optimizer through")
        errors = [metrics.score.error for metrics in self.history]
        an_epoch = math.ceil(len(self.data.dataset.train) / self.job.batch)
        progress = Progress(
            step=len(errors) * an_epoch + step,
            steps=self.job.epochs * an_epoch,
            epochs=self.job.epochs,
        )
        return self.job.recipe.schedule.rate(optimizer.lr, errors, progress)

    def _trained(self, epoch: int) -> bool:
        """Train what is left of an epoch; False where that was interrupted."""
        first = (epoch - 1) * self.data.train.batches
        with closing(self.data.train.epoch(epoch, start=self.running.batches)) as batches:
            began = perf_counter()
            for number, batch in enumerate(batches, self.running.batches + 1):
                rate = self._rate(number - 1)
                if rate is None:
                    raise ValueError("a schedule ends training between epochs, not in one")
                step = self.engine.step(batch.images, batch.labels, rate)
                if step.fault is not None or not math.isfinite(step.loss):
                    self._stop(step, epoch, number, rate)
                size = len(batch.labels)
                now = perf_counter()
                self.running = self.running.after(step, size, rate, now - began)
                began = now
                self.shown.advance(epoch, self.running.mean_loss, self.running.error, size)
                if self.interrupt.asked():
                    return False
                if self.due.after(first + number):
                    self._keep()
                    began = perf_counter()
        return True

    def _stop(self, step: Step, epoch: int, number: int, lr: float) -> Never:
        """Say what was not finite in a step, and where it came from."""
        fault = step.fault
        span, trace = (None, ()) if fault is None else (fault.span, fault.trace)
        if fault is not None and math.isfinite(step.loss):
            fail(
                GradientNotFinite(
                    epoch=epoch,
                    step=number,
                    lr=lr,
                    fault=fault,
                    half=self.job.computing.precision == "fp16",
                    span=span,
                    trace=trace,
                )
            )
        fail(
            LossNotFinite(
                loss=step.loss,
                epoch=epoch,
                step=number,
                lr=lr,
                best=self._best_file(),
                fault=fault,
                span=span,
                trace=trace,
            )
        )

    def _score(self, epoch: int) -> Score | None:
        engine = self.engine
        if self.job.dense and self.for_whole:
            engine = self.for_whole
            self.job.dense.load(engine, self.engine)
        evaluator = Evaluator(
            engine=engine,
            backend=self.job.backend,
            loader=self.data.held_out,
            classes=self.job.classes,
            epoch=epoch,
            best=self._best_file(),
        )
        return evaluator.score(self.interrupt.asked)

    def _best_file(self) -> str | None:
        return str(self.run.best) if self.best else None
