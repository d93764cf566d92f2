"""Training in a process of its own, which is watched and started again.

    launcher   archc train lenet --backend jax --device cpu:4
    worker     the same command line, with ARCHC_LAUNCHER set: it trains

The worker is started again from the newest checkpoint when a signal killed it, when it crashed,
and when it is silent for too long; not when it says itself what is wrong, or when somebody asked
to stop. torchrun's agent does the same for PyTorch's workers; this is for a backend that runs as
one process on a machine.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from types import FrameType, TracebackType

from rich.console import Console

from archc.diagnostics import DiagnosticError, fail
from archc.errors.training import WorkerLost
from archc.train import heartbeat
from archc.train.heartbeat import Pulse
from archc.train.orphan import leave_with
from archc.train.progress import say
from archc.train.scratch import scratch

COMMAND = (sys.executable, "-m", "archc")
"""What a worker is started by."""

LAUNCHER = "ARCHC_LAUNCHER"
"""The environment variable that makes a process a worker: its launcher's process number."""

RESTART = "ARCHC_RESTART"
"""Why a worker was started again, for the log of the run."""

CRASHED = 70
"""A worker's exit status for an exception that is no diagnostic (EX_SOFTWARE)."""

RESTARTS = 3
"""Where nothing is said."""

STALL = 600.0
"""Seconds without a step, where nothing is said."""

INTERRUPTED = 130

_LEFT = (0, 1, 2, INTERRUPTED, 141)
"""With these a worker has said why it left (see `archc.cli.main`): another would do the same."""

_LOOK = 0.1
"""Seconds between two looks at the worker."""

_PEEK = os.WEXITED | os.WNOHANG | os.WNOWAIT


@dataclass(frozen=True)
class Limits:
    """How long a worker may be silent, and how often it is started again."""

    restarts: int = RESTARTS
    stall: float = STALL


def is_worker() -> bool:
    """Whether this process was started by a launcher."""
    return LAUNCHER in os.environ


def why_restarted() -> str | None:
    """Why this worker was started in the place of another; None where it is the first."""
    return os.environ.get(RESTART) or None


def work(train: Callable[[], int]) -> int:
    """What a worker does; its exit status. It will not outlive its launcher.

    Raises what `archc.cli.main` explains.
    """
    leave_with(int(os.environ[LAUNCHER]))
    try:
        return train()
    except (DiagnosticError, BrokenPipeError):
        raise
    except Exception:  # Whatever a framework or a device has come up with.
        # To where the framework complains too.
        traceback.print_exc(file=sys.__stderr__)
        return CRASHED


def supervise(words: Sequence[str], run: str | None, limits: Limits) -> int:
    """Run `archc WORDS` as a worker, restarts included; its exit status.

    Ctrl-C and SIGTERM are handed on, and end it. Raises `DiagnosticError` (E0830) where the worker
    is lost once more than it may be started again.
    """
    reason = ""
    with scratch() as folder, _handing_on() as orders:
        for restart in range(limits.restarts + 1):
            if restart:
                text = f"warning: {reason}; restart {restart} of {limits.restarts}"
                # Said also where only the last line is wanted.
                say(Console(stderr=True), text)
            with _Worker(words, folder, limits.stall, reason) as worker:
                orders.go_to(worker)
                status = worker.watched()
            orders.go_to(None)
            if isinstance(status, int):
                return status
            if orders.given:
                return INTERRUPTED
            reason = status
    fail(WorkerLost(run=run, reason=reason, restarts=limits.restarts))


class _Worker(AbstractContextManager["_Worker"]):
    """A worker and whatever processes it starts; all of them are gone on leaving.

    It leads a process group of its own, so that a Ctrl-C reaches it once, through the launcher.
    """

    def __init__(self, words: Sequence[str], folder: Path, stall: float, reason: str) -> None:
        self._process = subprocess.Popen(  # noqa: S603
            [*COMMAND, *words],
            env={
                **os.environ,
                LAUNCHER: str(os.getpid()),
                RESTART: reason,
                heartbeat.VARIABLE: str(folder),
            },
            process_group=0,
        )
        self._pulse = Pulse(folder, self._process.pid, stall)
        self._stall = stall

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def send(self, number: int) -> None:
        """A signal, if it still lives."""
        if self._process.returncode is None:
            # Popen's own method would reap one that has left, before `watched` has seen it leave.
            os.kill(self._process.pid, number)

    def watched(self) -> int | str:
        """Its exit status once it has left, or why another is to take its place."""
        while self._lives():
            if self._pulse.stopped():
                return f"the worker made no step in {self._stall:g} seconds and was killed"
            sleep(_LOOK)
        status = self._end()
        if status < 0:
            return f"the worker was killed by {signal.Signals(-status).name}"
        return status if status in _LEFT else f"the worker crashed with exit status {status}"

    def _lives(self) -> bool:
        # It is not reaped here: until it is, the number of its group is nobody else's.
        return os.waitid(os.P_PID, self._process.pid, _PEEK) is None

    def _end(self) -> int:
        if self._process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        return self._process.wait()


class _Orders:
    """Signals, handed on to whichever worker there is."""

    def __init__(self) -> None:
        self.given = False
        """Whether somebody asked to stop."""
        self._worker: _Worker | None = None

    def go_to(self, worker: _Worker | None) -> None:
        """From now on; what was asked while it was made is asked of it too."""
        missed = self.given
        self._worker = worker
        if missed and worker is not None:
            worker.send(signal.SIGTERM)

    def handle(self, number: int, _frame: FrameType | None) -> None:
        self.given = True
        if self._worker is not None:
            self._worker.send(number)


@contextmanager
def _handing_on() -> Generator[_Orders]:
    """Ctrl-C and SIGTERM are the worker's, not ours."""
    orders = _Orders()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number in before:
            signal.signal(number, orders.handle)
        yield orders
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
