"""What programs of one tower carry along: what is exchanged among the towers of a net.

A program runs in as many processes as the net has towers, or in a multiple of that:
replicas. Maps are (N, C, H, W), vectors (N, C); C is one tower's.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch import distributed as dist


@cache
def replica(towers: int) -> Any:
    """The processes with the towers of this one's net: so many ranks in a row."""
    return dist.new_subgroups(towers)[0]


def join_towers(x: Tensor, towers: int) -> Tensor:
    """The channels of all towers: (N, C, ...) -> (N, towers * C, ...)."""
    x = x.contiguous()
    parts = [torch.empty_like(x) for _ in range(towers)]
    dist.all_gather(parts, x, replica(towers))
    return torch.cat(parts, dim=1)


def own_part(x: Tensor, towers: int) -> Tensor:
    """This tower's channels: (N, towers * C, ...) -> (N, C, ...)."""
    return x.chunk(towers, dim=1)[dist.get_rank(replica(towers))]


class EnterTowers(torch.autograd.Function):
    """A map that all towers have, for this one: Megatron's f (Shoeybi et al. 2019).

    (N, C, ...) -> the same. Backward the gradients of all towers are summed.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, towers: int) -> Tensor:
        ctx.towers = towers
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        total = gradients[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total, group=replica(ctx.towers))
        return total, None


class CrossTowers(torch.autograd.Function):
    """The maps of all towers, for this one: (N, C, ...) -> (N, towers * C, ...).

    Backward the gradients of all towers are summed, and each keeps its own channels.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, towers: int) -> Tensor:
        ctx.towers = towers
        return join_towers(x, towers)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        parts = [part.contiguous() for part in gradients[0].chunk(ctx.towers, dim=1)]
        own = torch.empty_like(parts[0])
        dist.reduce_scatter(own, parts, group=replica(ctx.towers))
        return own, None


class LeaveTowers(torch.autograd.Function):
    """The maps of all towers, for what all compute alike: Megatron's g.

    (N, C, ...) -> (N, towers * C, ...). Backward each keeps its own channels.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, towers: int) -> Tensor:
        ctx.towers = towers
        return join_towers(x, towers)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return own_part(gradients[0], ctx.towers), None


def tower_dropout(x: Tensor, p: float, training: bool, towers: int) -> Tensor:
    """Dropout of this tower's maps: (N, C, ...) -> the same.

    Each tower draws the mask of all and takes its own part: together they drop what
    one device would. The processes of a replica begin with the same seed.
    """
    if not training:
        return x
    ones = x.new_ones(len(x), towers * x.shape[1], *x.shape[2:])
    return x * own_part(F.dropout(ones, p), towers)
