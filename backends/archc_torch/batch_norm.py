"""Batch norm over the batch of all processes.

PyTorch's own `SyncBatchNorm` does it on GPUs only, and knows no process without images.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from typing_extensions import override

from archc_torch.processes import gathered


@dataclass
class Present:
    """Whether the images that a process computes are of the batch. Where it has none, it computes
    one that does not count, so that it takes part in what all do."""

    value: bool = True


class GlobalBatchNorm(nn.modules.batchnorm._BatchNorm):  # pyright: ignore[reportPrivateUsage]
    """nn.BatchNorm1d and nn.BatchNorm2d, with the statistics of the images of all processes.

    Maps (N, C, ...) -> the same. Like theirs, the running variance is the unbiased one. Parameters
    and statistics are those of the module that it replaces.
    """

    def __init__(
        self, replaced: nn.BatchNorm1d | nn.BatchNorm2d, present: Present, group: Any = None
    ) -> None:
        super().__init__(replaced.num_features, replaced.eps, replaced.momentum)
        self.weight: nn.Parameter = replaced.weight
        self.bias: nn.Parameter = replaced.bias
        for name, buffer in replaced.named_buffers():
            setattr(self, name, buffer)
        self._present = present
        self._group = group

    @override
    def _check_input_dim(self, input: Tensor) -> None:
        """Every number of axes: the module that this one replaces has told them apart."""

    @override
    def forward(self, input: Tensor) -> Tensor:
        """Normalise by the batch in training, by the running statistics else."""
        if not self.training:
            return super().forward(input)
        present = self._present.value
        count, mean, squares = _statistics(input, present=present, group=self._group)
        # Where all have one value at most; asked only then, since asking waits for the GPU.
        if input.numel() == input.shape[1] and count < 2:
            raise ValueError("batch norm needs more than one value a channel in training")
        variance = squares / count
        self._keep(mean, squares / (count - 1))
        normalised: Tensor = _Normalise.apply(
            input,
            self.weight,
            self.bias,
            mean.to(self.weight.dtype),
            (variance + self.eps).rsqrt().to(self.weight.dtype),
            count,
            present,
            self._group,
        )
        return normalised

    @torch.no_grad()
    def _keep(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics."""
        momentum = self.momentum
        if momentum is None or self.running_mean is None or self.running_var is None:
            raise ValueError("emitted programs have running statistics, and a momentum for them")
        self.running_mean.lerp_(mean.to(self.running_mean), momentum)
        self.running_var.lerp_(variance.to(self.running_var), momentum)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)


@torch.no_grad()
def _statistics(x: Tensor, *, present: bool, group: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Of the images of all processes of a group: how many values a channel has `()`, their means
    `(C,)`, and the sums of the squares of their differences from these `(C,)`, in float64.

    Each process's own are combined by the rule of Chan, Golub and LeVeque (1979), which loses no
    digits where the mean is far from zero.
    """
    axes = [0, *range(2, x.dim())]
    wide = x if x.dtype == torch.float64 else x.float()
    variance, mean = torch.var_mean(wide, axes, correction=0)
    count = x.numel() // x.shape[1] if present else 0
    mine = torch.stack([torch.full_like(mean, count), mean, variance]).double()
    # (processes, C) each
    counts, means, variances = gathered(mine if present else mine.zero_(), group).unbind(1)
    total = counts.sum(0)
    mean = (counts * means).sum(0) / total
    squares = (counts * (variances + (means - mean).square())).sum(0)
    return total[0], mean, squares


class _Normalise(torch.autograd.Function):
    """(x - mean) / deviation * weight + bias, where mean and deviation follow from x."""

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        mean: Tensor,
        inverse: Tensor,
        count: Tensor,
        present: bool,
        group: Any,
    ) -> Tensor:
        ctx.save_for_backward(x, weight, mean, inverse, count)
        ctx.present = present
        ctx.group = group
        scale = weight * inverse
        return (x * _wide(scale, x) + _wide(bias - mean * scale, x)).to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, weight, mean, inverse, count = ctx.saved_tensors
        axes = [0, *range(2, x.dim())]
        wide = gradient.to(weight.dtype)
        normalised = (x - _wide(mean, x)) * _wide(inverse, x)
        mine = torch.stack([wide.sum(axes), (wide * normalised).sum(axes)])
        if not ctx.present:
            mine.zero_()
        total = mine.clone()
        dist.all_reduce(total, group=ctx.group)
        along = (_wide(total[0], x) + normalised * _wide(total[1], x)) / count
        of_x = (wide - along) * _wide(weight * inverse, x) * float(ctx.present)
        return of_x.to(x.dtype), mine[1], mine[0], None, None, None, None, None


def _wide(channels: Tensor, x: Tensor) -> Tensor:
    """`(C,)` as it is combined with (N, C, ...)."""
    return channels.reshape(1, -1, *[1] * (x.dim() - 2))


def make_global(model: nn.Module, present: Present, group: Any = None) -> None:
    """Replace every batch norm in a net by one over the processes of a group; None: over all."""
    for name, child in model.named_children():
        if isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d):
            setattr(model, name, GlobalBatchNorm(child, present, group))
        else:
            make_global(child, present, group)
