"""One of several processes that train or evaluate: what torchrun starts.

    torchrun --nproc-per-node 4 -m archc_torch train lenet --device cpu:4 -o runs/lenet

The words are those of `archc`, which starts its own workers in the same way.
"""

from __future__ import annotations

import logging
import os
import sys
from argparse import Namespace
from contextlib import suppress
from pathlib import Path

from archc.cli import main, make_parser
from archc.cli.train import upkeep
from archc.diagnostics import DiagnosticError
from archc.train.heartbeat import COMPILING
from archc.train.orphan import leave_with
from archc.train.settings import read_settings
from archc.train.supervisor import CRASHED, LAUNCHER, RESTART, STALL
from archc_torch.processes import LAUNCHED, crew, join, leave, log_of, status_of


def work(words: list[str]) -> int:
    """Train or evaluate with the others; the exit status of this process."""
    folder = Path(os.environ[LAUNCHED]) if LAUNCHED in os.environ else None
    rank, start = int(os.environ["RANK"]), int(os.environ["TORCHELASTIC_RESTART_COUNT"])
    # torchrun's agent is watched as our launcher is.
    leave_with(int(os.environ.setdefault(LAUNCHER, str(os.getppid()))))
    words = [*words[:1], "--backend", "torch", *words[1:]]
    arguments = make_parser(set(words[:1])).parse_args(words)
    limit = _stall(arguments)
    if folder is not None:
        _write_to(log_of(folder, start, rank), first=rank == 0)
        # Our launcher finds out who has stalled; the others wait for it that long.
        limit += COMPILING
    join(limit)
    if crew().agreed(start) and not os.environ.get(RESTART):
        os.environ[RESTART] = "a worker was lost"
    try:
        status = main(words)
    except SystemExit as usage:
        status = usage.code if isinstance(usage.code, int) else 1
    if status == CRASHED:
        # Whatever the others are waiting for: at once.
        sys.stdout.flush()
        os._exit(CRASHED)
    leave()
    if folder is None:
        return status
    # To the agent all is well: another start would end in the same way.
    status_of(folder, rank).write_text(str(status), "ascii")
    return 0


def _stall(arguments: Namespace) -> float:
    """Seconds that one waits for another."""
    if not hasattr(arguments, "stall"):
        # archc evaluate has no such option.
        return STALL
    before = None
    with suppress(DiagnosticError):
        # What is no run is said by who goes on with it.
        before = read_settings(Path(arguments.resume)) if arguments.resume else None
    return upkeep(arguments, before).limits.stall


def _write_to(log: Path, *, first: bool) -> None:
    """What this process, its framework and its devices complain of goes to a file; what archc
    has to say still goes to where the launcher writes."""
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.dup2(handle, 2)
    os.close(handle)
    if not first:
        # Once is enough.
        logging.captureWarnings(capture=True)
        logging.getLogger("py.warnings").addHandler(logging.StreamHandler(sys.__stderr__))


if __name__ == "__main__":
    sys.exit(work(sys.argv[1:]))
