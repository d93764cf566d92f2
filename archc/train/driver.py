"""Training from the first check to the last line, for any framework."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from time import perf_counter
from typing import Literal

from rich.console import Console

from archc.backend import Engine, Step
from archc.data.prepare import Prepared, prepare
from archc.diagnostics import Diagnostic, DiagnosticError, fail
from archc.errors.training import GradientNotFinite, LossNotFinite
from archc.lone import check_batches
from archc.recipe import Progress
from archc.train import checkpoint
from archc.train.cadence import Due
from archc.train.crew import ElsewhereError, Harm, InterruptedTogetherError, Together, harm
from archc.train.evaluate import Evaluator, Score
from archc.train.heartbeat import Heart
from archc.train.interrupt import listening
from archc.train.job import Job, Result
from archc.train.metrics import EpochMetrics, Running, Tested, best_of, tested
from archc.train.progress import Display, display, say
from archc.train.record import State
from archc.train.run_directory import BEST, WEIGHTS, RunDirectory
from archc.train.start import Start, begin, found


def train(job: Job) -> Result:
    """Train a net by its recipe and keep everything in a new folder, or go on with a run.

    All that can be checked is checked before the folder is made. Ctrl-C and SIGTERM save
    a checkpoint and the weights and give a `Result` that says so. Raises `DiagnosticError` (E07,
    E08); where training had begun, they are saved first, unless they are no numbers any more.

    Of several processes the first one writes and prints, and only one raises `DiagnosticError`:
    the others `ElsewhereError`.
    """
    job.check()
    with listening() as interrupt:
        together = Together(job.crew, interrupt)
        first = job.crew.rank == 0
        start = together.do(lambda: found(job))
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
                statistics=start.statistics,
                workers=job.upkeep.workers,
            )
        )
        images = len(data.dataset.train)
        together.do(lambda: check_batches(job.lone, images, job.batch, job.accumulate))
        # Made first: making an engine seeds the framework's chance, which training then draws from.
        for_whole = together.do(job.dense.make_engine) if job.dense else None
        engine = together.do(job.make_engine)
        notes = together.do(lambda: begin(engine, start, job))
        console = Console()
        seen = len(start.history) * images + start.running.images
        with ExitStack() as stack:
            run = together.do(
                lambda: (
                    stack.enter_context(
                        RunDirectory(job, data, engine, start.history, start.running.batches)
                    )
                    if first
                    else None
                )
            )
            shown = stack.enter_context(
                display(
                    console,
                    quiet=job.quiet or not first,
                    epochs=job.epochs,
                    images=images,
                    seen=seen,
                )
            )
            training = _Training(job, data, engine, for_whole, run, together, shown, start)
            training.introduce(notes)
            result = training.go()
    if first:
        say(console, last_line(result))
    return result


def last_line(result: Result) -> str:
    """`test error 1.39% (5 of 360)`, or what came in the way of it."""
    if result.wrong is None:
        return f"interrupted before an epoch was tested; weights saved in {result.run_dir}"
    error = (
        f"{result.held_out} error {result.wrong / result.total:.2%} "
        f"({result.wrong} of {result.total})"
    )
    if result.status == "interrupted":
        return f"interrupted; after epoch {result.tested_epoch} the {error}"
    return error


class _Training:
    """One run under way: its history and where to say and keep things."""

    def __init__(
        self,
        job: Job,
        data: Prepared,
        engine: Engine,
        for_whole: Engine | None,
        run: RunDirectory | None,
        together: Together,
        shown: Display,
        start: Start,
    ) -> None:
        self.job = job
        self.data = data
        self.engine = engine
        self.for_whole = for_whole
        self.run = run
        """The folder, of the process that writes it."""
        self.together = together
        self.shown = shown
        self.history = list(start.history)
        self.running = start.running
        """The epoch under way."""
        self.saved = start.position
        """Where the newest checkpoint stands; None before the first."""
        self.due = Due(job.upkeep.save_every)
        self.heart = Heart()
        self.best = best_of(start.history)

    def introduce(self, notes: list[str]) -> None:
        dataset = self.data.dataset
        self.shown.say(
            f"{self.job.name} on {dataset.name}: {len(dataset.train)} images to train, "
            f"{len(dataset.held_out)} held out for {dataset.held_out_name}, "
            f"{len(dataset.classes)} classes; {self.engine.device}; {self.job.run_dir}"
        )
        for note in (*dataset.notes, *notes):
            self.shown.say(f"note: {note}")

    def go(self) -> Result:
        """All epochs, then the weights and the curve."""
        try:
            status = self._epochs()
        except (DiagnosticError, ElsewhereError) as error:
            self._fail(error.harm if isinstance(error, ElsewhereError) else harm(error))
            raise
        self._end(status, save=True)
        measured = tested(self.history)
        last = measured[-1] if measured else None
        return Result(
            status=status,
            run_dir=self.job.run_dir,
            epochs=len(self.history),
            held_out=self.data.dataset.held_out_name,
            tested_epoch=last.epoch if last else None,
            wrong=last.score.wrong if last else None,
            total=len(self.data.dataset.held_out),
            best_epoch=self.best.epoch if self.best else None,
            best_wrong=self.best.score.wrong if self.best else None,
        )

    def _fail(self, done: Harm) -> None:
        """Save what a fault has left, and note that the run has failed."""
        if done is not Harm.FULL:
            if done is Harm.NONE:
                self._keep()
            self._end("failed", save=done is Harm.NONE)
        elif self.run is not None:
            # Nothing more can be written, perhaps not even that; the newest checkpoint is whole.
            with suppress(DiagnosticError):
                self.run.say("failed")

    def _end(self, state: State, *, save: bool) -> None:
        """The weights, where they are of use, the curve and how the run ended."""
        self.heart.before("end")
        if save:
            weights = self.engine.weights()
            self._write(lambda run: run.save(run.weights, weights, len(self.history)))
            self.shown.say(f"weights saved in {self.job.run_dir / WEIGHTS}")
        self._write(lambda run: run.draw(self.history))
        self._write(lambda run: run.say(state))

    def _write(self, write: Callable[[RunDirectory], object]) -> None:
        """Something that the process with the folder writes; the others wait whether it can."""
        self.together.do(lambda: None if self.run is None else write(self.run))

    def _epochs(self) -> Literal["finished", "interrupted"]:
        self._keep()
        for epoch in range(len(self.history) + 1, self.job.epochs + 1):
            if self._rate(0) is None:
                self.shown.say(
                    f"{self.job.recipe.schedule.word}: the error no longer improves, "
                    f"training ends after epoch {epoch - 1}"
                )
                return "finished"
            try:
                self._train(epoch)
                score = self._score(epoch) if self.job.is_tested(epoch) else None
            except InterruptedTogetherError as interrupted:
                self._keep()
                self.shown.say(f"{interrupted.by} in epoch {epoch}")
                return "interrupted"
            metrics = EpochMetrics.of(epoch, self.running, score)
            if self.running.skipped:
                self.shown.say(
                    f"note: {self.running.skipped} of {self.running.batches} steps of epoch "
                    f"{epoch} were left out: gradients overflowed float16"
                )
            self.history.append(metrics)
            self.running = Running()
            self._write(lambda run, made=metrics: run.record(made))
            if score and (self.best is None or score.wrong < self.best.score.wrong):
                weights = self.engine.weights()
                self._write(lambda run, made=weights, after=epoch: run.save(run.best, made, after))
                self.best = Tested(epoch, score)
            self._keep()
            self.shown.say(metrics.line(self.job.epochs, self.data.dataset.held_out_name))
        return "finished"

    def _keep(self) -> None:
        """A checkpoint of the run as it stands, unless there is one."""
        here = (len(self.history), self.running.batches)
        if self.saved == here:
            return
        self.heart.before("checkpoint")
        made = checkpoint.Checkpoint(
            backend=self.job.backend,
            devices=self.engine.devices,
            weights=self.engine.weights(),
            optimizer=self.engine.optimizer_state(),
            rng=self.engine.rng_state(),
            history=tuple(self.history),
            running=self.running,
        )
        self._write(lambda run: checkpoint.save(run.path, made))
        self.saved = here
        self.due.written()

    def _rate(self, step: int) -> float | None:
        """The learning rate of a step of the next epoch, None where the schedule ends training."""
        optimizer = self.job.recipe.optimizer
        if optimizer is None:
            raise ValueError("Job.check lets no job without an optimizer through")
        errors = [each.score.error for each in tested(self.history)]
        an_epoch = math.ceil(len(self.data.dataset.train) / self.job.batch)
        progress = Progress(
            step=len(self.history) * an_epoch + step,
            steps=self.job.epochs * an_epoch,
            epoch=len(self.history),
            epochs=self.job.epochs,
        )
        return self.job.recipe.schedule.rate(optimizer.lr, errors, progress)

    def _train(self, epoch: int) -> None:
        """Train what is left of an epoch. Raises `InterruptedTogetherError`."""
        first = (epoch - 1) * self.data.train.batches
        begun = self.running.batches
        with closing(self.data.train.epoch(epoch, start=begun, share=self.engine.share)) as batches:
            began = perf_counter()
            while True:
                batch, due = self.together.interruptible(
                    lambda: next(batches, None), wish=self.due.after(first + self.running.batches)
                )
                if due:
                    saving = perf_counter()
                    self._keep()
                    began += perf_counter() - saving
                if batch is None:
                    return
                rate = self._rate(self.running.batches)
                if rate is None:
                    raise ValueError("a schedule ends training between epochs, not in one")
                self.heart.before("step", batch.size)
                step = self.engine.step(batch.images, batch.labels, rate, batch.size)
                if step.fault is not None or not math.isfinite(step.loss):
                    self._refuse(step, epoch, self.running.batches + 1, rate)
                self.heart.before("batch")
                now = perf_counter()
                self.running = self.running.after(step, batch.size, rate, now - began)
                began = now
                self.shown.advance(epoch, self.running.mean_loss, self.running.error, batch.size)

    def _refuse(self, step: Step, epoch: int, number: int, lr: float) -> None:
        """Leave for what is not finite in a step, which all processes have seen."""
        fault = step.fault
        span, trace = (None, ()) if fault is None else (fault.span, fault.trace)
        if fault is not None and math.isfinite(step.loss):
            found: Diagnostic = GradientNotFinite(
                epoch=epoch,
                step=number,
                lr=lr,
                fault=fault,
                half=self.job.computing.precision == "fp16",
                span=span,
                trace=trace,
            )
        else:
            found = LossNotFinite(
                loss=step.loss,
                epoch=epoch,
                step=number,
                lr=lr,
                best=self._best_file(),
                fault=fault,
                span=span,
                trace=trace,
            )
        self.together.do(lambda: fail(found))

    def _score(self, epoch: int) -> Score:
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
            heart=self.heart,
        )
        return evaluator.score(self.together)

    def _best_file(self) -> str | None:
        return str(self.job.run_dir / BEST) if self.best else None
