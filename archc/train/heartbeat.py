"""Signs of life of a process that trains, for the launcher that watches it.

A beat is a write to a file of the worker's own, which holds how many seconds more than the limit
may pass before the next. Nothing else goes from the worker to the launcher, so a worker that
hangs in a framework, or was stopped, is found out like one that loops.
"""

from __future__ import annotations

import os
from pathlib import Path
from time import monotonic

VARIABLE = "ARCHC_HEARTBEATS"
"""The environment variable that names the folder of these files."""

COMPILING = 1800.0
"""Seconds more that something may take the first time: it is compiled then."""


class Heart:
    """A worker's side. Without a launcher nothing is written."""

    def __init__(self) -> None:
        folder = os.environ.get(VARIABLE)
        self._path = Path(folder, str(os.getpid())) if folder else None
        self._begun: set[tuple[object, ...]] = set()

    def before(self, *work: object) -> None:
        """A beat, before work of some kind. The first of a kind (a step on a batch of another
        size, say) may take longer."""
        if self._path is None:
            return
        more = 0.0 if work in self._begun else COMPILING
        self._begun.add(work)
        self._path.write_text(str(more), "ascii")


class Pulse:
    """The launcher's side: one worker, which may be silent for `limit` seconds."""

    def __init__(self, folder: Path, worker: int, limit: float) -> None:
        self._path = folder / str(worker)
        self._limit = limit
        self._beat: int | None = None
        self._since = monotonic()

    def stopped(self) -> bool:
        """Whether the worker has been silent for too long. Before its first beat, while data are
        read and the net is made, it may take its time."""
        try:
            beat = self._path.stat().st_mtime_ns
            more = float(self._path.read_text("ascii") or 0)
        except FileNotFoundError:
            return False
        if beat != self._beat:
            self._beat, self._since = beat, monotonic()
        return monotonic() - self._since > self._limit + more
