"""A worker leaves with the process that started it.

Whoever kills the launcher, with SIGKILL even, shall find nothing left of the run.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from threading import Thread
from time import sleep

LOOK = 0.5
"""Seconds between two looks."""


_PR_SET_PDEATHSIG = 1
"""prctl(2): a signal for this process when its parent dies."""


def leave_with(parent: int) -> None:
    """Have this process killed, and its process group where it leads one, as soon as its parent
    is not `parent` any more. What it had not saved is lost: a second worker may be at work by
    then, in the same folder."""
    if sys.platform == "linux":
        # Should it be stopped when that happens, it has to wake up first.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGCONT)
    Thread(target=_watch, args=(parent,), name="archc-orphan", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        sleep(LOOK)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
