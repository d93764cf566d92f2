"""How often a checkpoint is written within an epoch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from time import monotonic


@dataclass(frozen=True)
class Steps:
    """After every so many steps of the run."""

    count: int

    def __str__(self) -> str:
        return str(self.count)


@dataclass(frozen=True)
class Minutes:
    """After the step at which so many minutes have passed since the last one."""

    count: int

    def __str__(self) -> str:
        return f"{self.count}m"


Every = Steps | Minutes

EVERY = Minutes(10)
"""Where nothing is said."""


def parsed(text: str) -> Every:
    """`500` steps, `10m` for minutes. Raises `ValueError`."""
    found = re.fullmatch(r"0*([1-9][0-9]{0,8})(m?)", text, re.ASCII)
    if found is None:
        raise ValueError(f"'{text}' is neither a number of steps, such as 500, nor 10m for minutes")
    return Minutes(int(found[1])) if found[2] else Steps(int(found[1]))


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
