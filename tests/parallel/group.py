"""A group of forked processes that go through some cases: `python -m tests.parallel.group SIZE
FOLDER NAME...` leaves `FOLDER/NAME-RANK.safetensors`."""

from __future__ import annotations

import multiprocessing
import os
import socket
import sys
from pathlib import Path

from archc_torch.processes import join, leave
from safetensors.numpy import save_file

from tests.parallel.cases import CASES


def member(rank: int, size: int, port: int, folder: Path, names: list[str]) -> None:
    numbers = {"RANK": rank, "WORLD_SIZE": size, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": size}
    os.environ.update({name: str(number) for name, number in numbers.items()})
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), GLOO_SOCKET_IFNAME="lo")
    join(60.0)
    for name in names:
        work, case = CASES[name]
        save_file(work(case), folder / f"{name}-{rank}.safetensors")
    leave()


def main(size: int, folder: Path, names: list[str]) -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # Forked, so that PyTorch is loaded once.
    forked = multiprocessing.get_context("fork")
    members = [
        forked.Process(target=member, args=(rank, size, port, folder, names))
        for rank in range(size)
    ]
    for each in members:
        each.start()
    for each in members:
        each.join()
    return max(abs(each.exitcode or 0) for each in members)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
