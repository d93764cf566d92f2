"""What a backend is asked for that is to train in processes of its own."""

from __future__ import annotations

from dataclasses import dataclass, field

from archc.train.supervisor import Limits


@dataclass(frozen=True)
class Meeting:
    """Several machines, on each of which somebody gives the same command: this is machine number
    `host` of `hosts`, and all find one another at an address of the first."""

    hosts: int
    host: int
    address: str
    port: int


@dataclass(frozen=True, kw_only=True)
class Launch:
    """A command for the workers, and how they are watched."""

    words: tuple[str, ...]
    """The command line behind `archc`."""
    run: str | None = None
    """The folder of the run; None where nothing is written."""
    device: str
    """A word of `archc.devices`, for each machine."""
    limits: Limits = field(default_factory=Limits)
    meeting: Meeting | None = None
    """None: this machine alone, and nobody else can join."""
