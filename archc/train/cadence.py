"""How often a checkpoint is written within an epoch."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic


@dataclass(frozen=True)
class Steps:
    """After every so many steps of the run."""

    count: int


@dataclass(frozen=True)
class Minutes:
    """After the step at which so many minutes have passed since the last one."""

    count: int


Every = Steps | Minutes

EVERY = Minutes(10)
"""Where nothing is said."""


class Due:
    """When the next one is to be written."""

    def __init__(self, every: Every) -> None:
        self._every = every
        self._last = monotonic()

    def after(self, step: int) -> bool:
        """Whether one is to be written after this step of the run, counted from 1."""
        match self._every:
            case Steps(count):
                return step % count == 0
            case Minutes(count):
                return monotonic() - self._last >= 60 * count

    def written(self) -> None:
        """One was written just now, for whatever reason."""
        self._last = monotonic()
