"""Where a run starts: anew, from a file of weights, or where it was left."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from archc.backend import Engine
from archc.data.pipeline import Statistics
from archc.diagnostics import DiagnosticError, fail
from archc.errors.training import RunFinished, StillRunning
from archc.train import checkpoint
from archc.train.checkpoint import BrokenError, Checkpoint, Position
from archc.train.files import read_header, read_tensors, write_tensors
from archc.train.job import Job
from archc.train.metrics import EpochMetrics, Running, best_of
from archc.train.progress import say
from archc.train.record import is_locked
from archc.train.settings import is_finished, read_statistics
from archc.train.warm_start import warm, weight_file


@dataclass(frozen=True)
class Start:
    """What a run goes on from; all of it empty where it begins."""

    checkpoint: Checkpoint | None = None
    statistics: Statistics | None = None
    """What the transforms learned, where that is known."""

    @property
    def position(self) -> Position | None:
        return self.checkpoint.position if self.checkpoint else None

    @property
    def running(self) -> Running:
        """The epoch that was under way."""
        return self.checkpoint.running if self.checkpoint else Running()

    @property
    def history(self) -> tuple[EpochMetrics, ...]:
        return self.checkpoint.history if self.checkpoint else ()


def found(job: Job) -> Start:
    """What there is to go on from. Raises `DiagnosticError` (E0808, E0809, E0811, E0831)."""
    if not job.resume:
        return Start()
    with suppress(OSError):
        # Where they cannot be read, opening them to go on will say so.
        if is_locked(job.run_dir / "metrics.jsonl"):
            fail(StillRunning(run=str(job.run_dir)))
    newest, broken = checkpoint.newest(job.run_dir)
    # In the middle of an epoch beyond them, its weights are not those of the errors measured.
    beyond = newest.running.batches > 0 or is_finished(job.run_dir)
    if newest.epoch >= job.epochs and beyond:
        fail(RunFinished(run=str(job.run_dir), epochs=newest.epoch))
    for name, fault in broken if job.crew.rank == 0 else ():
        # Said also where only the last line is wanted.
        say(Console(stderr=True), f"warning: checkpoint {name} is left out: {fault}")
    return Start(newest, read_statistics(job.run_dir))


def begin(engine: Engine, start: Start, job: Job) -> list[str]:
    """Bring the engine there; what the reader should know about it, a line each.

    Raises `DiagnosticError` where the weights are of another net (E0604) or cannot be read
    (E0809), or have no layer to start from (E0812, E0813).
    """
    if start.checkpoint is None:
        if job.init_from is not None:
            path = weight_file(job.init_from)
            started = warm(engine.weights(), read_tensors(path), job.layers, str(path))
            engine.load_weights(started.weights)
            return started.notes
        if job.weights is None:
            return []
        engine.load_weights(read_tensors(job.weights))
        return [f"the weights start as {job.weights} has them"]
    here = start.checkpoint
    engine.load_weights(here.weights)
    engine.load_optimizer_state(here.optimizer)
    batches = here.running.batches
    notes = [
        f"going on in epoch {here.epoch + 1}, after batch {batches}"
        if batches
        else f"going on after epoch {here.epoch}"
    ]
    shapes = {name: array.shape for name, array in engine.rng_state().items()}
    if here.backend == job.backend and shapes == {n: a.shape for n, a in here.rng.items()}:
        engine.load_rng_state(here.rng)
    elif here.backend != job.backend:
        notes.append(
            f"the run comes from {here.backend}: chance in {job.backend} (dropout) starts anew"
        )
    else:
        notes.append("the devices are others: chance on them (dropout) starts anew")
    if job.crew.rank == 0:
        if here.devices != engine.devices:
            # Said also where only the last line is wanted.
            text = f"warning: the run comes from {_devices(here.devices)} and goes on with "
            text += f"{_devices(engine.devices)}: sums are rounded in another order"
            say(Console(stderr=True), text)
        notes += _restore_best(job, here)
    return notes


def _devices(count: int) -> str:
    """`1 device`, `4 devices`."""
    return f"{count} device" if count == 1 else f"{count} devices"


def _restore_best(job: Job, here: Checkpoint) -> list[str]:
    """Make `best.safetensors` that of the history again, where the run had gone further."""
    best = best_of(here.history)
    path = job.run_dir / "best.safetensors"
    if best is None or _epochs_of(path) == str(best.epoch):
        return []
    try:
        place = (best.epoch, 0)
        kept = here if place == here.position else checkpoint.load(job.run_dir, place)
    except BrokenError as error:
        return [f"{path} is not of epoch {best.epoch}, the best so far, whose checkpoint: {error}"]
    write_tensors(path, kept.weights, {"net": job.name, "epochs": str(best.epoch)})
    return []


def _epochs_of(path: Path) -> str | None:
    """The full epochs that the header of a weight file tells; None where it tells none."""
    try:
        return read_header(path).get("epochs")
    except DiagnosticError:
        return None
