"""Leaving cleanly on Ctrl-C and on SIGTERM."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType


class Interrupt:
    """Whether somebody asked to stop. The training loop looks after every step."""

    def __init__(self) -> None:
        self.by: str | None = None
        """`Ctrl-C` or `SIGTERM`, once asked."""

    def asked(self) -> bool:
        return self.by is not None

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """The first signal asks; a second one does not wait for the step to end."""
        if self.by is not None:
            raise KeyboardInterrupt
        self.by = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name


@contextmanager
def listening() -> Generator[Interrupt]:
    """Turns Ctrl-C and SIGTERM into a flag, and puts the handlers back after.

    Python takes signals in its main thread only; in another one nothing is installed and
    the flag stays down.
    """
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number in before:
            signal.signal(number, interrupt.handle)
        yield interrupt
    finally:
        for number, handler in before.items():
            # None: a handler that was not set from Python and cannot be put back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
