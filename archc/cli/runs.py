"""`archc runs`: the runs in a folder."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from archc.diagnostics import printable

if TYPE_CHECKING:
    from archc.train.record import Record

_EPILOG = """\
A run is finished when its recipe says so, running while its process lives, failed where an error
ended it, and interrupted otherwise: archc train --resume RUN goes on with it. Changed is when
its last epoch was written down.

examples:
  archc runs
  archc runs experiments --json
"""

_HEAD = ("run", "net", "backend", "device", "epochs", "best", "last", "changed", "state")
_FIGURES = ("epochs", "best", "last")


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    parser.description = "List the runs in a folder with their errors, by name."
    parser.epilog = _EPILOG
    parser.add_argument(
        "folder", metavar="DIR", nargs="?", default="runs", help="where the runs are (runs)"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON list instead")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the list; 1 where a run in it cannot be read, after the others."""
    from archc.diagnostics import DiagnosticError
    from archc.train.record import read_record, runs_in

    folder = Path(arguments.folder)
    found: list[Record] = []
    broken: list[DiagnosticError] = []
    for path in runs_in(folder):
        try:
            found.append(read_record(path))
        except DiagnosticError as error:
            broken.append(error)
    if arguments.json:
        print(json.dumps([_as_json(record) for record in found], indent=2))
    elif found:
        print(_as_text(found))
    elif not broken:
        print(printable(f"no runs in {folder}"))
    for error in broken:
        print(error, file=sys.stderr)
    return 1 if broken else 0


def _as_text(found: Sequence[Record]) -> str:
    from archc.analysis.table import table

    return table(
        _HEAD, [[printable(cell) for cell in _row(run)] for run in found], figures=_FIGURES
    )


def _row(run: Record) -> Sequence[str]:
    best, last = run.best, run.tested[-1] if run.tested else None
    return (
        run.path.resolve().name,
        run.net,
        run.backend,
        run.device,
        f"{len(run.rows)}/{run.epochs}",
        "-" if best is None else f"{best.error:.2%}",
        "-" if last is None else f"{last.error:.2%}",
        f"{run.changed:%Y-%m-%d %H:%M}",
        run.state,
    )


def _as_json(run: Record) -> dict[str, object]:
    best, last = run.best, run.rows[-1] if run.rows else None
    tested = run.tested[-1] if run.tested else None
    return {
        "run": str(run.path),
        "net": run.net,
        "backend": run.backend,
        "device": run.device,
        "data": run.data,
        "epochs": len(run.rows),
        "epochs_asked": run.epochs,
        "measured_on": run.held_out,
        "best_error": None if best is None else best.error,
        "best_epoch": None if best is None else best.epoch,
        "last_error": None if tested is None else tested.error,
        "last_train_error": None if last is None else last.train_error,
        "last_loss": None if last is None else last.loss,
        "changed": run.changed.isoformat(timespec="seconds"),
        "state": run.state,
    }
