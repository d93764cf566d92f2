"""The processes that train one net together, and how they leave together.

A fault or a signal in one process alone would leave the others waiting for it for ever. So
whatever can fail in one of them is done by all as `Together.do`, which ends with one small sum:
each process tells whether it is well, and all go on or all leave.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Protocol, TypeVar

from archc.diagnostics import DiagnosticError
from archc.errors.training import CannotWrite, LossNotFinite, ProbabilityNotFinite
from archc.train.interrupt import Interrupt

T = TypeVar("T")


class Crew(Protocol):
    """The processes of a run, seen from one of them. Every method is called by all of them."""

    @property
    def rank(self) -> int:
        """This process's number, from 0; the first one writes the run's folder and prints."""
        ...

    @property
    def size(self) -> int:
        """How many processes there are."""
        ...

    def agreed(self, flag: int) -> int:
        """The greatest of all processes' flags, which are 0 or more."""
        ...

    def summed(self, values: Sequence[float]) -> list[float]:
        """The sums of all processes' values, the same on all of them."""
        ...


class Alone:
    """One process, which agrees with itself."""

    rank = 0
    size = 1

    def agreed(self, flag: int) -> int:
        return flag

    def summed(self, values: Sequence[float]) -> list[float]:
        return list(values)


class Harm(IntEnum):
    """What a fault leaves of a run."""

    NONE = 0
    SPOILED = 1
    """The weights are of no more use."""
    FULL = 2
    """Nothing can be written any more."""


def harm(error: DiagnosticError) -> Harm:
    """What a fault leaves of a run."""
    match error.diagnostics[0]:
        case LossNotFinite() | ProbabilityNotFinite():
            return Harm.SPOILED
        case CannotWrite():
            return Harm.FULL
        case _:
            return Harm.NONE


class ElsewhereError(Exception):
    """Another process has a fault, and says so; this one leaves."""

    def __init__(self, done: Harm) -> None:
        super().__init__("another process has a fault")
        self.harm = done


class InterruptedTogetherError(Exception):
    """Somebody asked to stop, of all processes at this very place."""

    def __init__(self, by: str) -> None:
        super().__init__(by)
        self.by = by
        """`Ctrl-C` or `SIGTERM`."""


_WISH = 1
_SIGNALS = {"SIGTERM": 2, "Ctrl-C": 3}
"""What an interruption is agreed on by."""
_FAULTS = 4
"""Above it are the faults: greater the lower the rank, with the harm in the last two bits."""


class Together:
    """Work that all processes of a crew do at the same time, and whose end they agree on."""

    def __init__(self, crew: Crew, interrupt: Interrupt | None = None) -> None:
        self.crew = crew
        self._interrupt = interrupt

    def do(self, work: Callable[[], T]) -> T:
        """Do it in every process; what it gives where all of them are well.

        Else every process raises: `DiagnosticError` the first one with a fault, so that it is
        said once, and `ElsewhereError` the others. Any other exception is a crash of this process
        and not agreed on.
        """
        return self._done(work, lambda: 0)[0]

    def interruptible(self, work: Callable[[], T], *, wish: bool = False) -> tuple[T, bool]:
        """`do`, and whether one of the processes has a wish; but every process raises
        `InterruptedTogetherError` where one was asked to stop."""
        result, found = self._done(work, lambda: self._signal() or int(wish))
        for by, code in _SIGNALS.items():
            if found == code:
                raise InterruptedTogetherError(by)
        return result, found == _WISH

    def _done(self, work: Callable[[], T], flag: Callable[[], int]) -> tuple[T, int]:
        try:
            result = work()
        except DiagnosticError as error:
            code = _FAULTS * (self.crew.size - self.crew.rank) + harm(error)
            found = self.crew.agreed(code)
            # Codes of ranks differ: who has the greatest is the one to say it.
            if found == code:
                raise
            raise ElsewhereError(Harm(found % _FAULTS)) from error
        found = self.crew.agreed(flag())
        if found >= _FAULTS:
            raise ElsewhereError(Harm(found % _FAULTS))
        return result, found

    def _signal(self) -> int:
        if self._interrupt is None or self._interrupt.by is None:
            return 0
        return _SIGNALS[self._interrupt.by]
