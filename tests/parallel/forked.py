"""Processes of one group, forked, so that PyTorch is loaded once."""

from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import Callable


def in_group(size: int, work: Callable[[int], object]) -> int:
    """Have `work(rank)` done in each of so many processes that can join one group; the worst exit
    status."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    forked = multiprocessing.get_context("fork")
    members = [
        forked.Process(target=_member, args=(rank, size, port, work)) for rank in range(size)
    ]
    for each in members:
        each.start()
    for each in members:
        each.join()
    return max(abs(each.exitcode or 0) for each in members)


def _member(rank: int, size: int, port: int, work: Callable[[int], object]) -> None:
    numbers = {"RANK": rank, "WORLD_SIZE": size, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": size}
    os.environ.update({name: str(number) for name, number in numbers.items()})
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), GLOO_SOCKET_IFNAME="lo")
    work(rank)
