"""Work done ahead of its use, in threads, a bounded number of pieces at a time."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import TypeVar

T = TypeVar("T")

WORKERS = max(1, min(8, os.cpu_count() or 1))
"""Threads that decode: Pillow lets go of the interpreter while it does."""


class AbandonedError(Exception):
    """Raised within a piece of work when nobody waits for it any more."""


def ahead(
    work: Iterable[Callable[[Event], T]], *, workers: int = WORKERS, depth: int = WORKERS + 1
) -> Generator[T]:
    """The results of pieces of work, in order, at most `depth` of them begun early.

    Each piece is called with an event that is set when the iterator is closed; a long one
    should look at it and raise `AbandonedError`. What a piece raises is raised here. Closing the
    iterator, or an exception in its user, leaves no thread behind.
    """
    stop = Event()
    waiting: deque[Future[T]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="archc-data") as pool:
        try:
            for piece in work:
                waiting.append(pool.submit(piece, stop))
                if len(waiting) > depth:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
