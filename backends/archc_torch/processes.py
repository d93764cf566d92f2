"""The processes that train one net: the group that they form, and what they agree on.

One group for everything: small sums of NumPy's numbers on the CPU through gloo, and where there
are GPUs what lies on them through NCCL.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from archc.train.crew import Alone, Crew

LAUNCHED = "ARCHC_LAUNCHED"
"""In the environment of a process that `archc_torch.launcher` has started: the folder where it
leaves word of how it ended."""


def status_of(folder: Path, rank: int) -> Path:
    """The file in which a process leaves its exit status."""
    return folder / f"status-{rank}"


def log_of(folder: Path, start: int, rank: int) -> Path:
    """The file of what a process has complained of; the first start is number 0."""
    return folder / "logs" / f"start-{start}-worker-{rank}.txt"


def join(stall: float) -> None:
    """Form the group, by the words of torchrun's agent in the environment.

    Whoever waits for another longer than `stall` seconds gives up, with an exception.
    """
    limit = timedelta(seconds=stall)
    gpus = torch.cuda.is_available() and dist.is_nccl_available()
    kind = "cpu:gloo,cuda:nccl" if gpus else "gloo"
    if gpus:
        torch.cuda.set_device(local_rank() % torch.cuda.device_count())
    if LAUNCHED not in os.environ:
        dist.init_process_group(kind, timeout=limit)
        return
    # Our launcher has a store for each start of the workers, bound to where it was told to.
    store = dist.TCPStore(  # pyright: ignore[reportPrivateImportUsage]
        os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), is_master=False, timeout=limit
    )
    dist.init_process_group(
        kind,
        store=store,
        rank=int(os.environ["RANK"]),
        world_size=int(os.environ["WORLD_SIZE"]),
        timeout=limit,
    )


def limited(group: Any) -> Any:
    """A group whose processes wait for one another as long as those of the group of all do;
    PyTorch gives each new group half an hour."""
    # Any: what a group says of itself is private to PyTorch.
    everyone: Any = dist.group.WORLD
    group.set_timeout(everyone._get_backend(torch.device("cpu")).options._timeout)
    return group


def leave() -> None:
    """Dissolve the group, when all are done."""
    dist.destroy_process_group()


def joined() -> bool:
    """Whether this process is one of a group."""
    return dist.is_available() and dist.is_initialized()


def crew() -> Crew:
    """The group as the driver sees it."""
    return Group() if joined() else Alone()


def local_rank() -> int:
    """This process's number on its machine, from 0."""
    return int(os.environ["LOCAL_RANK"]) if "LOCAL_RANK" in os.environ else 0


def local_size() -> int:
    """How many processes of the group are on this machine."""
    return int(os.environ["LOCAL_WORLD_SIZE"]) if joined() else 1


class Group:
    """A `Crew`."""

    def __init__(self) -> None:
        self.rank: int = dist.get_rank()
        self.size: int = dist.get_world_size()

    def agreed(self, flag: int) -> int:
        flags = torch.tensor([flag], dtype=torch.int64)
        dist.all_reduce(flags, dist.ReduceOp.MAX)
        return int(flags)

    def summed(self, values: Sequence[float]) -> list[float]:
        sums = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(sums)
        found: list[float] = sums.tolist()
        return found


def gathered(mine: Tensor, group: Any = None) -> Tensor:
    """Tensors of the same shape from all processes of a group, `(size, *shape)`, by rank; None is
    the group of all."""
    if not joined():
        return mine.unsqueeze(0)
    every = [torch.empty_like(mine) for _ in range(dist.get_world_size(group))]
    dist.all_gather(every, mine.contiguous(), group)
    return torch.stack(every)
