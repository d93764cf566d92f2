"""Checkpoints: all that a run needs to go on, each one whole or not there.

    checkpoints/epoch-00007/
      weights.safetensors     every parameter and statistic
      optimizer.safetensors   what the optimiser remembers
      rng.safetensors         where the engine's sources of chance stood
      state.json              the epochs so far
      commit.json             the SHA-256 of each file above; written last

A checkpoint is filled in a folder beside, everything in it is synced, and then it is renamed.
Data and schedule have no state: batches follow from (seed, epoch), rates from the history.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from archc.diagnostics import DiagnosticError, fail
from archc.errors.training import NoCheckpoint
from archc.train.evaluate import Score
from archc.train.files import read_tensors, sync, write_tensors, write_text, writing
from archc.train.metrics import EpochMetrics, best_of

FORMAT = 1
"""Raised when what is written could not be read by what was here before."""

LAST = 2
"""How many of the newest are kept, each with the best of its history."""

_TENSORS = ("weights", "optimizer", "rng")


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A run after a full epoch. Arrays are as `archc.backend.Engine` gives them."""

    backend: str
    """Whose `rng` it is; the rest is the same for all."""
    weights: Mapping[str, np.ndarray]
    optimizer: Mapping[str, np.ndarray]
    rng: Mapping[str, np.ndarray]
    history: tuple[EpochMetrics, ...]

    @property
    def epoch(self) -> int:
        """Full epochs trained; 0 before the first."""
        return len(self.history)


class BrokenError(Exception):
    """A checkpoint is not what was written. Its text says what is wrong."""


def save(run_dir: Path, checkpoint: Checkpoint) -> None:
    """Add a checkpoint to a run, then drop those that are no longer needed.

    Raises `DiagnosticError` (E0805); what was there before is there still.
    """
    path = _path(run_dir, checkpoint.epoch)
    beside = path.with_name(f".{path.name}.part")
    with writing(path):
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
    try:
        for name in _TENSORS:
            write_tensors(beside / f"{name}.safetensors", getattr(checkpoint, name), {})
        state = {
            "format": FORMAT,
            "backend": checkpoint.backend,
            "history": [dataclasses.asdict(metrics) for metrics in checkpoint.history],
        }
        write_text(beside / "state.json", json.dumps(state, allow_nan=False))
        with writing(path):
            digests = {file.name: _digest(file) for file in sorted(beside.iterdir())}
        write_text(beside / "commit.json", json.dumps({"sha256": digests}, indent=2) + "\n")
        with writing(path):
            if path.exists():
                # A broken one of the same epoch: a run that went on from before it.
                shutil.rmtree(path)
            beside.rename(path)
            sync(path.parent)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    _prune(run_dir, checkpoint.history)


def newest(run_dir: Path) -> tuple[Checkpoint, list[tuple[str, str]]]:
    """The newest checkpoint that is whole, and (name, fault) of those that are newer.

    Raises `DiagnosticError` (E0808) where none is whole.
    """
    broken: list[tuple[str, str]] = []
    for epoch in sorted(_epochs(run_dir), reverse=True):
        try:
            return load(run_dir, epoch), broken
        except BrokenError as error:
            broken.append((_path(run_dir, epoch).name, str(error)))
    fail(NoCheckpoint(run=str(run_dir), broken=tuple(broken)))


def load(run_dir: Path, epoch: int) -> Checkpoint:
    """The checkpoint of an epoch. Raises `BrokenError` unless it is as it was written."""
    path = _path(run_dir, epoch)
    try:
        _check(path)
        state: Any = json.loads((path / "state.json").read_text("utf-8"))
        if state["format"] != FORMAT:
            raise BrokenError(f"it is of format {state['format']}, this archc knows {FORMAT}")
        history = tuple(_metrics(row) for row in state["history"])
        tensors = {name: read_tensors(path / f"{name}.safetensors") for name in _TENSORS}
        return Checkpoint(backend=state["backend"], history=history, **tensors)
    except OSError as error:
        raise BrokenError(error.strerror or str(error)) from error
    except DiagnosticError as error:
        raise BrokenError(error.diagnostics[0].message()) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BrokenError("it is no checkpoint of archc") from error


def _metrics(row: dict[str, Any]) -> EpochMetrics:
    return EpochMetrics(score=Score(**row.pop("score")), **row)


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


def _prune(run_dir: Path, history: Sequence[EpochMetrics]) -> None:
    """Keep the newest, and of each of them the best epoch so far: whichever of them a run goes
    on from, its best weights are at hand."""
    there = sorted(_epochs(run_dir))
    kept = set(there[-LAST:])
    for epoch in there[-LAST:]:
        best = best_of(history[:epoch])
        if best is not None:
            kept.add(best.epoch)
    for epoch in set(there) - kept:
        shutil.rmtree(_path(run_dir, epoch), ignore_errors=True)


def _epochs(run_dir: Path) -> list[int]:
    folder = run_dir / "checkpoints"
    if not folder.is_dir():
        return []
    found = (re.fullmatch(r"epoch-([0-9]{5,9})", path.name) for path in folder.iterdir())
    return [int(match[1]) for match in found if match]


def _path(run_dir: Path, epoch: int) -> Path:
    return run_dir / "checkpoints" / f"epoch-{epoch:05d}"
