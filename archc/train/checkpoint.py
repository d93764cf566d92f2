"""Checkpoints: all that a run needs to go on, each one whole or not there.

    checkpoints/epoch-00007/                  after 7 full epochs
    checkpoints/epoch-00007-batch-0000120/    and after 120 batches of the next
      weights.safetensors     every parameter and statistic
      optimizer.safetensors   what the optimiser remembers
      rng.safetensors         where the engine's sources of chance stood
      state.json              the epochs so far, and the sums of the one under way
      commit.json             the SHA-256 of each file above; written last

A checkpoint is filled in a folder beside, everything in it is synced, and then it is renamed.
Data and schedule have no state: batches follow from (seed, epoch), so the place in the data is
how many of them are done; rates follow from the history.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from archc.diagnostics import DiagnosticError, fail
from archc.errors.training import NoCheckpoint
from archc.train.evaluate import Score
from archc.train.files import read_tensors, sync, write_tensors, write_text, writing
from archc.train.metrics import EpochMetrics, Running, best_of

FORMAT = 2
"""Raised when what is written could not be read by what was here before."""

LAST = 2
"""How many of the newest are kept, each with the best of its history."""

_TENSORS = ("weights", "optimizer", "rng")


Position = tuple[int, int]
"""Full epochs, and batches of the next."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A run between two steps. Arrays are as `archc.backend.Engine` gives them."""

    backend: str
    """Whose `rng` it is; the rest is the same for all."""
    devices: int
    """How many trained the net."""
    weights: Mapping[str, np.ndarray]
    optimizer: Mapping[str, np.ndarray]
    rng: Mapping[str, np.ndarray]
    history: tuple[EpochMetrics, ...]
    running: Running = field(default_factory=Running)
    """The epoch under way; nothing of it between two epochs. It has all its batches where the
    evaluation is still to come."""

    @property
    def epoch(self) -> int:
        """Full epochs trained and evaluated; 0 before the first."""
        return len(self.history)

    @property
    def position(self) -> Position:
        return self.epoch, self.running.batches


class BrokenError(Exception):
    """A checkpoint is not what was written. Its text says what is wrong."""


def save(run_dir: Path, checkpoint: Checkpoint) -> None:
    """Add a checkpoint to a run, then drop those that are no longer needed.

    Raises `DiagnosticError` (E0805); what was there before is there still.
    """
    path = _path(run_dir, checkpoint.position)
    beside = path.with_name(f".{path.name}.part")
    with writing(path):
        # Of this save, or of one that was cut off.
        for unfinished in path.parent.glob(".*.part"):
            shutil.rmtree(unfinished, ignore_errors=True)
        beside.mkdir(parents=True)
    try:
        for name in _TENSORS:
            write_tensors(beside / f"{name}.safetensors", getattr(checkpoint, name), {})
        state = {
            "format": FORMAT,
            "backend": checkpoint.backend,
            "devices": checkpoint.devices,
            "history": [dataclasses.asdict(metrics) for metrics in checkpoint.history],
            "running": dataclasses.asdict(checkpoint.running),
        }
        write_text(beside / "state.json", json.dumps(state, allow_nan=False))
        with writing(path):
            digests = {file.name: _digest(file) for file in sorted(beside.iterdir())}
        write_text(beside / "commit.json", json.dumps({"sha256": digests}, indent=2) + "\n")
        with writing(path):
            if path.exists():
                # A broken one of the same place: a run that went on from before it.
                shutil.rmtree(path)
            beside.rename(path)
            sync(path.parent)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    _prune(run_dir, checkpoint)


def any_in(run_dir: Path) -> bool:
    """Whether a run has a checkpoint, whole or not."""
    return bool(_positions(run_dir))


def newest(run_dir: Path) -> tuple[Checkpoint, list[tuple[str, str]]]:
    """The newest checkpoint that is whole, and (name, fault) of those that are newer.

    Raises `DiagnosticError` (E0808) where none is whole.
    """
    broken: list[tuple[str, str]] = []
    for position in sorted(_positions(run_dir), reverse=True):
        try:
            return load(run_dir, position), broken
        except BrokenError as error:
            broken.append((_path(run_dir, position).name, str(error)))
    fail(NoCheckpoint(run=str(run_dir), broken=tuple(broken)))


def load(run_dir: Path, position: Position) -> Checkpoint:
    """The checkpoint of a place. Raises `BrokenError` unless it is as it was written."""
    path = _path(run_dir, position)
    try:
        _check(path)
        state: Any = json.loads((path / "state.json").read_text("utf-8"))
        if state["format"] != FORMAT:
            raise BrokenError(f"it is of format {state['format']}, this archc knows {FORMAT}")
        history = tuple(_metrics(row) for row in state["history"])
        tensors = {name: read_tensors(path / f"{name}.safetensors") for name in _TENSORS}
        running = Running(**state["running"])
        return Checkpoint(
            backend=state["backend"],
            devices=state["devices"],
            history=history,
            running=running,
            **tensors,
        )
    except OSError as error:
        raise BrokenError(error.strerror or str(error)) from error
    except DiagnosticError as error:
        raise BrokenError(error.diagnostics[0].message()) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BrokenError("it is no checkpoint of archc") from error


def _metrics(row: dict[str, Any]) -> EpochMetrics:
    score = row.pop("score")
    return EpochMetrics(score=None if score is None else Score(**score), **row)


def _check(path: Path) -> None:
    """Hold the files against the commit record."""
    commit = path / "commit.json"
    if not commit.exists():
        raise BrokenError("commit.json is missing")
    digests: dict[str, str] = json.loads(commit.read_text("utf-8"))["sha256"]
    if digests.keys() != {"state.json", *(f"{name}.safetensors" for name in _TENSORS)}:
        raise BrokenError("commit.json names other files")
    for name, digest in digests.items():
        if not (path / name).exists():
            raise BrokenError(f"{name} is missing")
        if _digest(path / name) != digest:
            raise BrokenError(f"{name} is not what was written (SHA-256 differs)")


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _prune(run_dir: Path, written: Checkpoint) -> None:
    """Keep the newest, and of each of them the best epoch so far: whichever of them a run goes
    on from, its best weights are at hand. What lies behind the one just written is of no use:
    the run went on from before it, since it was broken."""
    there = _positions(run_dir)
    newest = sorted(position for position in there if position <= written.position)[-LAST:]
    kept = set(newest)
    for epoch, _ in newest:
        best = best_of(written.history[:epoch])
        if best is not None:
            kept.add((best.epoch, 0))
    for position in there - kept:
        shutil.rmtree(_path(run_dir, position), ignore_errors=True)


_NAME = re.compile(r"epoch-([0-9]{5,9})(?:-batch-([0-9]{7,12}))?")


def _positions(run_dir: Path) -> set[Position]:
    folder = run_dir / "checkpoints"
    if not folder.is_dir():
        return set()
    found = (_NAME.fullmatch(path.name) for path in folder.iterdir())
    return {(int(match[1]), int(match[2] or 0)) for match in found if match}


def _path(run_dir: Path, position: Position) -> Path:
    epoch, batch = position
    within = f"-batch-{batch:07d}" if batch else ""
    return run_dir / "checkpoints" / f"epoch-{epoch:05d}{within}"
