"""A net that several processes train, each on its share of a batch: DistributedDataParallel."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from inspect import signature
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

# PyTorch calls the option by the second word up to 2.12. Any: for a type checker each option has
# a type of its own.
_NEW, _OLD = "forward_sync_buffers", "broadcast_buffers"
_UNSENT: dict[str, Any] = {
    _NEW if _NEW in signature(DistributedDataParallel.__init__).parameters else _OLD: False
}
"""Statistics are the same in all processes, which compute them together: they need no sending."""


def replica(
    model: nn.Module,
    device: torch.device,
    measured: Callable[[nn.Module], Tensor],
    group: Any = None,
) -> DistributedDataParallel:
    """The net of this process, whose gradients become the sums of all processes' of the group;
    None is that of all.

    PyTorch sums up gradients in buckets, which it sorts anew after the first backward, by the order
    in which gradients came; and what is summed up with what decides how sums are rounded. So that a
    run that goes on rounds as one that nothing came between, there is one forward and backward that
    counts for nothing, of the loss `measured`. It changes neither weights, nor statistics, nor
    chance.
    """
    made = DistributedDataParallel(
        model,
        device_ids=[device] if device.type == "cuda" else None,
        process_group=group,
        **_UNSENT,
    )
    # PyTorch compares annotations with its classes, and ours are texts.
    made.register_comm_hook(None, lambda _, bucket: _summed(bucket, group))
    with _unchanged(model, device):
        measured(made).backward()
    return made


def _summed(
    bucket: dist.GradBucket,  # pyright: ignore[reportPrivateImportUsage]
    group: Any,
) -> torch.futures.Future[Tensor]:
    """The sums of a bucket's gradients; PyTorch's own hook would take their means, which are wrong
    where shares are of different sizes."""
    # Any: this method is not in the types.
    work: Any = dist.all_reduce(bucket.buffer(), group=group, async_op=True)
    return work.get_future().then(lambda done: done.value()[0])


@contextmanager
def _unchanged(model: nn.Module, device: torch.device) -> Generator[None]:
    """Leaves no trace of what is computed within."""
    kept = {name: buffer.clone() for name, buffer in model.named_buffers()}
    gpus = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(gpus):
        yield
    for name, buffer in model.named_buffers():
        buffer.copy_(kept[name])
    for parameter in model.parameters():
        parameter.grad = None
