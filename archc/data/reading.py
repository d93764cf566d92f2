"""Pieces of data made ahead of their use, by grain: in threads, or in processes of their own.

Which pieces there are, in which order, and where to begin is settled before: a piece follows from
its number alone, so nothing here changes what comes out.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator
from functools import partial
from importlib import import_module
from types import FrameType
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from archc.diagnostics import fail
from archc.errors.data import ReaderUnavailable, WorkerEnded

T = TypeVar("T")

THREADS = max(1, min(8, os.cpu_count() or 1))
"""Threads that decode: decoders let go of the interpreter while they do."""

GRACE = 60.0
"""Seconds that a worker goes on after SIGTERM, in which the run may end its step and save."""


class AbandonedError(Exception):
    """Raised within a piece of work when nobody waits for it any more."""


class Stop:
    """Whether a piece is still waited for; a long one should look, and raise `AbandonedError`."""

    asked = False


Work = Callable[[Stop, int], T]
"""Makes the piece of a number. To be read by processes, it has to be one that pickle takes."""


def read(work: Work[T], count: int, *, depth: int = THREADS + 1, workers: int = 0) -> Generator[T]:
    """The pieces 0 to `count` - 1, in order, about `depth` of them begun early.

    `workers` processes make them, every so many-th each; without any, threads of this process
    do. What a piece raises is raised here. Closing the iterator, or an exception in its user,
    ends the work; no process outlives this one. Raises `DiagnosticError` (E0720 where grain is
    not installed, E0721 where a process was killed).
    """
    grain = library()
    stop = Stop()
    each = max(1, depth // max(1, workers))
    threads = max(1, THREADS // max(1, workers))
    options = grain.ReadOptions(num_threads=min(each, threads), prefetch_buffer_size=each)
    pieces = grain.MapDataset.range(count).map(partial(work, stop)).to_iter_dataset(options)
    if workers:
        # Grain has settings as flags of the command line, and asks for them before a fork.
        flags: Any = import_module("absl.flags").FLAGS
        if not flags.is_parsed():
            flags.mark_as_parsed()
        processes = import_module("grain.multiprocessing").MultiprocessingOptions(
            num_workers=min(workers, max(1, count))
        )
        pieces = pieces.mp_prefetch(processes, worker_init_fn=_begin_worker)
    iterator = iter(pieces)
    try:
        while True:
            try:
                piece = next(iterator)
            except StopIteration:
                return
            except RuntimeError as error:
                if workers and "terminated unexpectedly" in str(error):
                    fail(WorkerEnded(reason=str(error).partition(". ")[0]))
                raise
            if workers:
                piece = _owned(piece)
            yield piece
    finally:
        stop.asked = True
        iterator.close()
        if workers:
            # Its parts know each other, and hold the last pieces: shared memory.
            del iterator
            gc.collect()


def library() -> Any:  # Any: it is typed in part only
    """Grain, which is loaded only where it is used. Raises `DiagnosticError` (E0720)."""
    try:
        return import_module("grain")
    except ImportError as error:
        fail(ReaderUnavailable(reason=str(error)))


def _owned(piece: Any) -> Any:
    """A piece out of the memory that it came in, which is the other process's too and scarce."""
    if isinstance(piece, np.ndarray):
        return np.array(cast("NDArray[Any]", piece))
    if not isinstance(piece, tuple):
        return piece
    parts = map(_owned, cast("tuple[Any, ...]", piece))
    made: Any = type(cast("object", piece))
    return made(*parts) if hasattr(made, "_fields") else tuple(parts)


def _begin_worker(index: int, count: int) -> None:
    """What a decoding process does first."""
    from archc.train.orphan import leave_with

    # The run decides when to end. A signal to all of its processes must not take away the
    # batches that it needs to end well.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end_soon)
    parent = multiprocessing.parent_process()
    if parent is None or parent.pid is None:
        raise RuntimeError("a worker is started by another process")
    leave_with(parent.pid)


def _end_soon(number: int, frame: FrameType | None) -> None:
    timer = threading.Timer(GRACE, os._exit, [1])
    timer.daemon = True
    timer.start()
