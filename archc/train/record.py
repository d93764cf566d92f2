"""What a run's folder tells of the run, for lists and figures. Its files are untrusted."""

from __future__ import annotations

import fcntl
import json
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple, cast

from archc.diagnostics import fail
from archc.errors.data import FolderUnreadable
from archc.errors.training import BadMetrics, NoRun
from archc.train.settings import is_run

MAX_BYTES = 2**26
"""The largest file that is read; an epoch takes about 300 bytes."""

MAX_FIGURE = 1e300
"""Above this a figure cannot be drawn any more."""

State = Literal["running", "finished", "interrupted", "failed"]
_ENDED: tuple[State, ...] = ("finished", "interrupted", "failed")


@dataclass(frozen=True, slots=True)
class Row:
    """An epoch of `metrics.jsonl`. Errors are from 0 to 1."""

    epoch: int
    loss: float
    train_error: float
    error: float | None
    """On the images held out; None where they were not tested."""


class Tested(NamedTuple):
    """The error on the images held out, after an epoch."""

    epoch: int
    error: float


@dataclass(frozen=True, kw_only=True)
class Record:
    """A run as its folder tells it."""

    path: Path
    net: str
    backend: str
    device: str
    data: str
    held_out: str
    """What the error was measured on: `test` or `validation`."""
    epochs: int
    """Asked for; a schedule may end training before."""
    rows: tuple[Row, ...]
    """The full epochs, from 1."""
    state: State
    changed: datetime
    """When the last epoch was written down, or training began."""

    @property
    def best(self) -> Tested | None:
        """The epoch with the least error held out, the first of equals."""
        return min(self.tested, key=lambda each: each.error, default=None)

    @property
    def tested(self) -> Sequence[Tested]:
        """The epochs whose error held out was measured."""
        return [Tested(row.epoch, row.error) for row in self.rows if row.error is not None]


def read_record(run_dir: Path) -> Record:
    """A run. Raises `DiagnosticError` where the folder is no run's (E0810) and where its metrics
    cannot be read (E0820)."""
    metrics = run_dir / "metrics.jsonl"
    try:
        run = _object(_text(run_dir / "run.json"))
        data = _object(run.get("data"))
        held_out = "test" if "test_images" in data else "validation"
        about = {name: _string(run, name) for name in ("net", "backend", "device")}
        source, epochs = _string(data, "name"), _count(run, "epochs")
        changed = metrics.stat().st_mtime
    except OSError as error:
        reason = f"{Path(str(error.filename)).name}: {(error.strerror or str(error)).lower()}"
        fail(NoRun(path=str(run_dir), reason=reason))
    except _UnexpectedError as error:
        fail(NoRun(path=str(run_dir), reason=f"run.json: {error}"))
    rows = _rows(metrics, held_out)
    return Record(
        path=run_dir,
        data=source,
        held_out=held_out,
        epochs=epochs,
        rows=rows,
        state=_state(run.get("status"), metrics, complete=len(rows) >= epochs),
        changed=datetime.fromtimestamp(changed).astimezone(),
        **about,
    )


def runs_in(folder: Path) -> Iterator[Path]:
    """The runs in a folder, by name; the folder itself where it is one.

    Raises `DiagnosticError` (E0715).
    """
    if is_run(folder):
        yield folder
        return
    try:
        inside = sorted(folder.iterdir())
    except OSError as error:
        fail(FolderUnreadable(path=str(folder), reason=(error.strerror or str(error)).lower()))
    yield from (path for path in inside if is_run(path))


def lock(metrics: int) -> None:
    """Hold a run's metrics, by their file descriptor, for as long as this process trains.

    The system lets go of it whatever ends the process, so a run that was killed is not taken
    for one that goes on. Where a file system has no locks, one that goes on is taken for
    interrupted.
    """
    with suppress(OSError):
        fcntl.lockf(metrics, fcntl.LOCK_EX)


def _state(said: object, metrics: Path, *, complete: bool) -> State:
    for ended in _ENDED:
        if said == ended:
            return ended
    if is_locked(metrics):
        return "running"
    return "finished" if complete else "interrupted"


def is_locked(metrics: Path) -> bool:
    """Whether another process holds a run's metrics. Raises `OSError` where they cannot be read."""
    with metrics.open("rb") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return True
        except OSError:
            # The file system has no locks.
            return False
    return False


def _rows(path: Path, held_out: str) -> tuple[Row, ...]:
    number = 0
    try:
        # What stands behind the last line end was cut off while it was written.
        lines = _text(path).split("\n")[:-1]
        rows: list[Row] = []
        for number, line in enumerate(lines, 1):
            rows.append(_row(_object(line), number, held_out))
    except OSError as error:
        fail(BadMetrics(path=str(path), reason=(error.strerror or str(error)).lower()))
    except _UnexpectedError as error:
        where = f"line {number}: " if number else ""
        fail(BadMetrics(path=str(path), reason=f"{where}{error}"))
    return tuple(rows)


def _row(found: Mapping[str, object], number: int, held_out: str) -> Row:
    if found.get("epoch") != number:
        raise _UnexpectedError(f"it is not of epoch {number}")
    return Row(
        number,
        _figure(found, "loss", MAX_FIGURE),
        _figure(found, "train_error", 1),
        _figure(found, name, 1) if (name := f"{held_out}_error") in found else None,
    )


class _UnexpectedError(Exception):
    """A file holds something else than archc writes; its text says what."""


def _text(path: Path) -> str:
    """A plain file: opening a pipe of that name would wait for ever. Raises `OSError`."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise _UnexpectedError("it is no plain file")
    if found.st_size > MAX_BYTES:
        raise _UnexpectedError(f"it has {found.st_size:,} bytes, more than {MAX_BYTES:,}")
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise _UnexpectedError("it is not UTF-8") from error


def _object(value: object) -> Mapping[str, object]:
    """A JSON object, or the text of one."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise _UnexpectedError("it is not JSON") from error
    if not isinstance(value, dict):
        raise _UnexpectedError("it does not say what it should")
    return cast("dict[str, object]", value)


def _string(found: Mapping[str, object], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str):
        raise _UnexpectedError(f"it has no '{name}'")
    return value


def _count(found: Mapping[str, object], name: str) -> int:
    value = found.get(name)
    if type(value) is not int or value < 1:
        raise _UnexpectedError(f"it has no '{name}'")
    return value


def _figure(row: Mapping[str, object], name: str, most: float) -> float:
    """A number from 0 to `most`."""
    value = row.get(name)
    if type(value) not in (int, float):
        raise _UnexpectedError(f"it has no '{name}'")
    number = cast("int | float", value)
    if not 0 <= number <= most:
        raise _UnexpectedError(f"its '{name}' is no number that archc writes")
    return float(number)
