"""What a run's folder says about the run, for whoever goes on with it or measures it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archc.computing import PRECISIONS, Computing
from archc.data.pipeline import Statistics, unflatten
from archc.data.sources import from_here
from archc.diagnostics import fail
from archc.errors.training import NoRun
from archc.towers import Parallel
from archc.train.cadence import parsed
from archc.train.files import read_tensors
from archc.train.upkeep import Upkeep


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a run was started, apart from its spec."""

    backend: str
    device: str
    """As it was asked for: `auto`, `cpu:4`."""
    data: str
    seed: int
    batch: int
    epochs: int
    accumulate: int
    """In how many pieces a batch is computed."""
    test_every: int
    """After how many epochs the net is tested."""
    computing: Computing
    parallel: Parallel
    """What several devices share out."""
    upkeep: Upkeep


_NUMBERS = ("seed", "batch", "epochs", "accumulate", "test_every")


def is_run(path: Path) -> bool:
    """Whether a path is the folder of a run."""
    return (path / "run.json").is_file()


def read_settings(run_dir: Path) -> Settings:
    """The settings of a run. Raises `DiagnosticError` (E0810)."""
    path = run_dir / "run.json"
    try:
        # Any: whatever the file holds; what is used of it is checked.
        run: Any = json.loads(path.read_text("utf-8"))
        texts = {
            "backend": run["backend"],
            "device": run["requested_device"],
            "data": run["data"]["source"],
        }
        parallel = run["parallel"]
        numbers = {name: run[name] for name in _NUMBERS}
        flags = {name: run[name] for name in ("recompute", "compile")}
        precision = run["precision"]
        upkeep = _upkeep(run)
    except OSError as error:
        reason = f"run.json: {(error.strerror or str(error)).lower()}"
        fail(NoRun(path=str(run_dir), reason=reason))
    except (ValueError, KeyError, TypeError):
        fail(NoRun(path=str(run_dir), reason="run.json does not say what it should"))
    if (
        not all(isinstance(text, str) for text in texts.values())
        or not all(type(number) is int for number in numbers.values())
        or not all(type(flag) is bool for flag in flags.values())
        or parallel not in ("data", "towers")
        or precision not in PRECISIONS
    ):
        fail(NoRun(path=str(run_dir), reason="run.json does not say what it should"))
    return Settings(
        **{**texts, "data": from_here(texts["data"])},
        **numbers,
        parallel=parallel,
        upkeep=upkeep,
        computing=Computing(precision=precision, **flags),
    )


def _upkeep(run: Mapping[str, Any]) -> Upkeep:
    """Raises `ValueError`, `KeyError` or `TypeError` where it does not say what it should."""
    workers, restarts, stall = (run[name] for name in ("workers", "restarts", "stall"))
    for count, least in ((workers, 0), (restarts or 0, 0), (1 if stall is None else stall, 1)):
        if type(count) is not int or count < least:
            raise ValueError("it is no such number")
    return Upkeep(
        save_every=parsed(run["save_every"]), workers=workers, restarts=restarts, stall=stall
    )


def is_finished(run_dir: Path) -> bool:
    """Whether a run ended after its epochs, with its weights in place."""
    try:
        # Any: as above.
        run: Any = json.loads((run_dir / "run.json").read_text("utf-8"))
        return bool(run["status"] == "finished")
    except (OSError, ValueError, KeyError, TypeError):
        return False


def read_statistics(run_dir: Path) -> Statistics | None:
    """What the transforms of a run learned; None where they learned nothing."""
    path = run_dir / "statistics.safetensors"
    return unflatten(read_tensors(path)) if path.exists() else None
