"""What `--device` and `--gpus` ask for, held against what a framework finds."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from archc.diagnostics import fail
from archc.errors.backends import NoDevice, TooFewDevices

MOST_WORKERS = max(64, os.cpu_count() or 1)
"""Workers on the CPU. More than there are cores serve to try what many devices do, and each takes
its memory, so a slip of the keys must not start thousands."""


@dataclass(frozen=True)
class Devices:
    """Devices of one kind: `count` of them, from number `first`, share one global batch."""

    kind: Literal["cpu", "gpu"]
    count: int = 1
    first: int = 0


def asked_for(device: str) -> int:
    """How many devices a word asks for: 4 of `cpu:4` and `gpus:4`, else one."""
    match = re.fullmatch(r"(cpu|gpus):([0-9]{1,4})", device)
    if match is None or (match[1] == "cpu" and int(match[2]) > MOST_WORKERS):
        return 1
    return int(match[2])


def choose(device: str, count_gpus: Callable[[], int]) -> Devices:
    """The devices that a word names on a machine with so many GPUs.

    `auto` (a GPU where there is one), `cpu`, `cpu:4` (four workers on the CPU), `cuda`, `cuda:1`
    (the GPU of that number), and `gpus:4`, which is how `--gpus 4` is handed on. GPUs are only
    counted where they matter: it can start the framework. Raises `DiagnosticError` where there
    is no such device, more than `MOST_WORKERS` of the CPU among them, (E0603) or not so many GPUs
    (E0607).
    """
    match = re.fullmatch(r"(auto|cpu|cuda|gpus)(?::([0-9]{1,4}))?", device)
    word, number = (match[1], int(match[2]) if match[2] else None) if match else (device, None)
    if word == "cpu" and (number is None or 0 < number <= MOST_WORKERS):
        return Devices("cpu", number or 1)
    gpus = count_gpus()
    present = ("cpu", *(f"cuda:{i}" for i in range(gpus)))
    match (word, number):
        case ("auto", None):
            return Devices("gpu" if gpus else "cpu")
        case ("cuda", _) if (number or 0) < gpus:
            return Devices("gpu", first=number or 0)
        case ("gpus", int(count)) if 0 < count <= gpus:
            return Devices("gpu", count)
        case ("gpus", int(count)) if count > gpus:
            fail(TooFewDevices(count=count, present=present))
        case _:
            fail(NoDevice(name=device, present=present))
