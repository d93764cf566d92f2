"""Workers on the devices of a machine, started, watched and started again by torchrun's agent."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from inspect import signature
from pathlib import Path
from threading import Event, Thread
from typing import Any

import torch
from rich.console import Console
from torch.distributed.elastic.agent.server.api import RunResult, WorkerGroup, WorkerSpec
from torch.distributed.elastic.agent.server.local_elastic_agent import LocalElasticAgent
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
from torch.distributed.elastic.rendezvous import RendezvousError
from typing_extensions import override

from archc.devices import choose
from archc.diagnostics import fail
from archc.errors.training import CannotMeet, WorkerLost
from archc.train import heartbeat
from archc.train.heartbeat import Pulse
from archc.train.launch import Launch
from archc.train.progress import say
from archc.train.scratch import scratch
from archc.train.supervisor import INTERRUPTED, LAUNCHER, RESTART
from archc_torch.interfaces import interface_to
from archc_torch.processes import LAUNCHED, log_of
from archc_torch.rendezvous import LOOPBACK, Rendezvous

PATIENCE = 900.0
"""Seconds that one machine waits for the others."""

SAVING = 120
"""Seconds that workers have to save and leave when they are asked to."""

SHOWN = 20
"""Lines of a lost worker's last words."""


def launch(asked: Launch) -> int:
    """Train on all devices that were asked for; the exit status.

    Raises `DiagnosticError` (E0603, E0607) where there are no such devices, (E0830) where workers
    are lost once more than they may be started again, (E0832) where the machines do not find one
    another.
    """
    count = choose(asked.device, torch.cuda.device_count).count
    with scratch() as folder, _quiet(), _unchanged_environment():
        for name in ("logs", "beats"):
            (folder / name).mkdir()
        _set_environment(asked, count, folder)
        try:
            watch = _Watch(folder / "beats", asked.limits.stall)
            agent = _Agent(asked, count, folder, watch)
            with watch:
                # Any: torch has a decorator without types around its methods.
                result: Any = agent.run()
        except SignalException:
            return INTERRUPTED
        except (RendezvousError, torch.distributed.DistError, OSError) as error:
            fail(CannotMeet(where=_where(asked), reason=str(error).partition("\n")[0]))
        finally:
            _keep_logs(folder / "logs", asked.run)
        if result.is_failed():
            sys.stderr.write(agent.last_words())
            fail(WorkerLost(run=asked.run, reason=agent.reason, restarts=asked.limits.restarts))
        return max(int(path.read_text("ascii")) for path in folder.glob("status-*"))


def _where(asked: Launch) -> str:
    meeting = asked.meeting
    return f"{meeting.address}:{meeting.port}" if meeting else LOOPBACK


@contextmanager
def _quiet() -> Generator[None]:
    """What the agent has to say is said by us, in a line."""
    before = logging.root.manager.disable
    logging.disable()
    try:
        yield
    finally:
        logging.disable(before)


@contextmanager
def _unchanged_environment() -> Generator[None]:
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _set_environment(asked: Launch, count: int, folder: Path) -> None:
    """What the workers find in their environment, which is ours."""
    cores = max(1, (os.cpu_count() or 1) // count)
    address = asked.meeting.address if asked.meeting else LOOPBACK
    interface = interface_to(address)
    usual = {"OMP_NUM_THREADS": str(cores), "TORCH_CPP_LOG_LEVEL": "ERROR"}
    if interface is not None:
        usual |= {"GLOO_SOCKET_IFNAME": interface, "NCCL_SOCKET_IFNAME": interface}
    for name, value in usual.items():
        os.environ.setdefault(name, value)
    os.environ[LAUNCHED] = str(folder)
    os.environ[LAUNCHER] = str(os.getpid())
    os.environ[heartbeat.VARIABLE] = str(folder / "beats")
    os.environ[RESTART] = ""


def _keep_logs(logs: Path, run: str | None) -> None:
    """Put what workers have complained of into the run's folder, where there is one."""
    if run is None or not Path(run).is_dir():
        return
    kept = Path(run) / "workers"
    for log in sorted(logs.iterdir()):
        if log.stat().st_size:
            # Nothing to be lost for: a full disk may be what it is about.
            with suppress(OSError):
                kept.mkdir(exist_ok=True)
                shutil.copy(log, kept)


class _Agent(LocalElasticAgent):
    """torchrun's agent, which says in our words why it starts the workers again."""

    def __init__(self, asked: Launch, count: int, folder: Path, watch: _Watch) -> None:
        spec = WorkerSpec(
            role="worker",
            local_world_size=count,
            entrypoint=sys.executable,
            args=("-m", "archc_torch", *asked.words),
            rdzv_handler=Rendezvous(asked.meeting, PATIENCE),
            max_restarts=asked.limits.restarts,
        )
        # Any: an option that older versions lack; they give the workers 30 seconds.
        more: dict[str, Any] = {}
        if "shutdown_timeout" in signature(LocalElasticAgent.__init__).parameters:
            more["shutdown_timeout"] = SAVING
        super().__init__(spec, DefaultLogsSpecs(log_dir=str(folder / "agent")), **more)
        self.reason = ""
        """Why the workers were lost, or are started again."""
        self._restarts = asked.limits.restarts
        self._start = 0
        """How often they were started again."""
        self._folder = folder
        self._watch = watch
        self._culprit = 0

    @override
    def _monitor_workers(self, worker_group: WorkerGroup) -> RunResult:  # pyright: ignore[reportIncompatibleVariableOverride]
        result: RunResult = super()._monitor_workers(worker_group)  # pyright: ignore[reportCallIssue, reportAssignmentType]
        if result.is_failed() and result.failures:
            self._culprit = min(result.failures, key=lambda rank: self._order(result, rank))
            self.reason = f"worker {self._culprit} {self._how(result)}"
            if self._start < self._restarts:
                self._start += 1
                os.environ[RESTART] = self.reason
                text = f"warning: {self.reason}; restart {self._start} of {self._restarts}"
                # Said also where only the last line is wanted.
                say(Console(stderr=True), text)
        return result

    def _how(self, result: RunResult) -> str:
        failure = result.failures[self._culprit]
        if failure.pid in self._watch.killed:
            return f"made no step in {self._watch.stall:g} seconds and was killed"
        if failure.exitcode < 0:
            return f"was killed by {signal.Signals(-failure.exitcode).name}"
        return f"crashed with exit status {failure.exitcode}"

    def _order(self, result: RunResult, rank: int) -> tuple[bool, bool, float]:
        """Who was killed comes first, then who complained first: that it was gone is what the
        others complain of. Last come those that the agent itself has ended because of it."""
        log = self._log(rank)
        complained = log.stat().st_mtime if log.exists() else 0.0
        status = result.failures[rank].exitcode
        return status == -signal.SIGTERM, status >= 0, complained

    def last_words(self) -> str:
        """The end of what the worker that was lost has complained of."""
        log = self._log(self._culprit)
        if not log.exists():
            return ""
        lines = log.read_text("utf-8", errors="replace").splitlines(keepends=True)
        return "".join(lines[-SHOWN:])

    def _log(self, rank: int) -> Path:
        return log_of(self._folder, self._start, rank)


class _Watch:
    """Kills workers that have been silent for too long; the agent then starts all of them again."""

    def __init__(self, folder: Path, stall: float) -> None:
        self.stall = stall
        self.killed: set[int] = set()
        """Their process numbers."""
        self._folder = folder
        self._pulses: dict[int, Pulse] = {}
        self._over = Event()
        self._thread = Thread(target=self._look, name="archc-stall", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.2):
            for path in self._folder.iterdir():
                worker = int(path.name)
                pulse = self._pulses.setdefault(worker, Pulse(self._folder, worker, self.stall))
                if _is_ours(worker) and pulse.stopped():
                    self.killed.add(worker)
                    os.kill(worker, signal.SIGKILL)


def _is_ours(worker: int) -> bool:
    """Whether a number is that of a child of ours that lives: no other process can have it."""
    with suppress(ChildProcessError):
        return os.waitid(os.P_PID, worker, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    return False
