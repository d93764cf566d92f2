"""Where the agents of several machines meet, and those of one: PyTorch's stores, bound to one
address.

PyTorch's own rendezvous listens on every interface of a machine. This one listens on loopback, or
where it is told to. It knows who is the first machine, which keeps the run, and gives each start of
the workers a store of its own, so that nothing of those before is left in it.
"""

from __future__ import annotations

import socket
from datetime import timedelta
from time import monotonic, sleep

import torch.distributed as dist
from torch.distributed.elastic.rendezvous import (
    RendezvousHandler,
    RendezvousInfo,
    RendezvousStoreInfo,
    RendezvousTimeoutError,
)
from typing_extensions import override

from archc.train.launch import Meeting

# Documented there, but not in the list of what the module exports.
TCPStore = dist.TCPStore  # pyright: ignore[reportPrivateImportUsage]
PrefixStore = dist.PrefixStore  # pyright: ignore[reportPrivateImportUsage]

LOOPBACK = "127.0.0.1"

_ARRIVED = "arrived"
"""A counter: for each start of the workers every machine arrives once."""

_LOOK = 0.2
"""Seconds between two looks."""


class Rendezvous(RendezvousHandler):
    """One machine's agent, seen by itself. `patience` seconds are waited for the others."""

    def __init__(self, meeting: Meeting | None, patience: float) -> None:
        self._meeting = meeting or Meeting(1, 0, LOOPBACK, 0)
        self._patience = timedelta(seconds=patience)
        self._round = -1
        self._closed = False
        self._workers_store: object = None
        self._store = self._meet()

    def _meet(self) -> TCPStore:
        meeting = self._meeting
        if meeting.host == 0:
            return _listening(meeting.address, meeting.port, self._patience)
        return TCPStore(meeting.address, meeting.port, is_master=False, timeout=self._patience)

    @override
    def get_backend(self) -> str:
        return "archc"

    @property
    @override
    def use_agent_store(self) -> bool:
        """The workers' store is ours."""
        return True

    @override
    def next_rendezvous(self) -> RendezvousInfo:
        """Wait until all machines are ready to start their workers."""
        meeting = self._meeting
        # Who comes anew joins the start that is being waited for.
        self._round = (self._store.add(_ARRIVED, 1) - 1) // meeting.hosts
        here = PrefixStore(f"start-{self._round}", self._store)
        if meeting.host == 0:
            store = _listening(meeting.address, 0, self._patience)
            # Kept: it goes when nobody has it.
            self._workers_store = store
            here.set("port", str(store.port))
        deadline = monotonic() + self._patience.total_seconds()
        while self._store.add(_ARRIVED, 0) < (self._round + 1) * meeting.hosts:
            if monotonic() > deadline:
                raise RendezvousTimeoutError
            sleep(_LOOK)
        port = int(here.get("port"))
        return RendezvousInfo(
            here, meeting.host, meeting.hosts, RendezvousStoreInfo(meeting.address, port)
        )

    @override
    def is_closed(self) -> bool:
        return self._closed

    @override
    def set_closed(self) -> None:
        self._closed = True

    @override
    def num_nodes_waiting(self) -> int:
        """How many machines wait for this one: their workers are lost, so ours start again too."""
        return max(0, self._store.add(_ARRIVED, 0) - (self._round + 1) * self._meeting.hosts)

    @override
    def get_run_id(self) -> str:
        return "archc"

    @override
    def shutdown(self) -> bool:
        self._closed = True
        return True


def _listening(address: str, port: int, patience: timedelta) -> TCPStore:
    """A store that listens on one address alone; on port 0, on one that is free."""
    family, kind, _, _, where = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(where)
        bound.listen()
        return TCPStore(
            address,
            bound.getsockname()[1],
            is_master=True,
            wait_for_workers=False,
            timeout=patience,
            # The store closes it.
            master_listen_fd=bound.detach(),
        )
