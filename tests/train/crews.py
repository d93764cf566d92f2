"""A crew of threads: what each sends is there for all once the last one has come."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds after which a process that waits for one that has left is broken off."""


class ThreadCrew:
    """One of `size` processes, each a thread."""

    def __init__(
        self, rank: int, size: int, barrier: threading.Barrier, sent: list[object]
    ) -> None:
        self.rank = rank
        self.size = size
        self._barrier = barrier
        self._sent = sent

    def agreed(self, flag: int) -> int:
        return max(self._gathered(flag))

    def summed(self, values: Sequence[float]) -> list[float]:
        return [sum(each) for each in zip(*self._gathered(values), strict=True)]

    def _gathered(self, sent: T) -> list[T]:
        self._sent[self.rank] = sent
        self._barrier.wait(PATIENCE)
        every = list(self._sent)
        self._barrier.wait(PATIENCE)
        return every  # pyright: ignore[reportReturnType]


def in_threads(size: int, work: Callable[[ThreadCrew], T]) -> list[T | BaseException]:
    """What each of a crew's members gives or raises."""
    barrier = threading.Barrier(size)
    sent: list[object] = [None] * size

    def done(rank: int) -> T | BaseException:
        try:
            return work(ThreadCrew(rank, size, barrier, sent))
        except Exception as error:
            return error

    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(done, range(size)))
