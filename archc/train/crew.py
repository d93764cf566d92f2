"""The processes that train one net together, and how they leave together.

A fault or a signal in one process alone would leave the others waiting for it for ever. So
whatever can fail in one of them is done by all as `Together.do`, which ends with one small sum:
each process tells whether it is well, and all go on or all leave.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from archc.diagnostics import DiagnosticError
from archc.errors.training import LossNotFinite, ProbabilityNotFinite
from archc.train.interrupt import Interrupt

T = TypeVar("T")

_SIGNALS = ("SIGTERM", "Ctrl-C")
"""What an interruption is told by: its place here, from 1."""


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


class ElsewhereError(Exception):
    """Another process has a fault, and says so; this one leaves."""

    def __init__(self, *, spoiled: bool) -> None:
        super().__init__("another process has a fault")
        self.spoiled = spoiled
        """Whether the weights are of no more use."""


class InterruptedTogetherError(Exception):
    """Somebody asked to stop, of all processes at this very place."""

    def __init__(self, by: str) -> None:
        super().__init__(by)
        self.by = by
        """`Ctrl-C` or `SIGTERM`."""


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
        return self._done(work, lambda: 0)

    def interruptible(self, work: Callable[[], T]) -> T:
        """`do`, but every process raises `InterruptedTogetherError` where one was asked to stop."""
        return self._done(work, self._asked)

    def _done(self, work: Callable[[], T], asked: Callable[[], int]) -> T:
        try:
            result = work()
        except DiagnosticError as error:
            code = self._code(error)
            found = self.crew.agreed(code)
            # Codes of ranks differ: who has the greatest is the one to say it.
            if found == code:
                raise
            raise ElsewhereError(spoiled=_spoiled(found)) from error
        found = self.crew.agreed(asked())
        if found > len(_SIGNALS):
            raise ElsewhereError(spoiled=_spoiled(found))
        if found:
            raise InterruptedTogetherError(_SIGNALS[found - 1])
        return result

    def _asked(self) -> int:
        if self._interrupt is None or self._interrupt.by is None:
            return 0
        return 1 + _SIGNALS.index(self._interrupt.by)

    def _code(self, error: DiagnosticError) -> int:
        """Above the signals, greater the lower the rank, odd where the weights are spoiled."""
        first = len(_SIGNALS) + len(_SIGNALS) % 2
        return first + 2 * (self.crew.size - self.crew.rank) + spoils(error)


def spoils(error: DiagnosticError) -> bool:
    """Whether a fault means that the weights are of no more use."""
    return isinstance(error.diagnostics[0], LossNotFinite | ProbabilityNotFinite)


def _spoiled(code: int) -> bool:
    return code % 2 == 1
