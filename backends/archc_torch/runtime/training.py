"""What emitted programs carry along that train in several processes."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn


class GlobalSum(torch.autograd.Function):
    """The sum over all processes; so is the gradient, which each has a part of."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Tensor:
        return GlobalSum.forward(ctx, *grad_outputs)


def global_sum(x: Tensor) -> Tensor:
    """The sum over all processes, of which gradients can be taken."""
    total: Any = GlobalSum.apply(x)
    return total


class GlobalBatchNorm(nn.BatchNorm2d):
    """Batch normalisation over the images of all processes: (N, C, ...) -> the same."""

    def forward(self, input: Tensor) -> Tensor:
        running_mean, running_var = self.running_mean, self.running_var
        if running_mean is None or running_var is None or self.momentum is None:
            raise TypeError("it keeps statistics")
        if not self.training:
            weight, bias = self.weight, self.bias
            return F.batch_norm(
                input, running_mean, running_var, weight, bias, eps=self.eps
            )
        axes, shape = [0, *range(2, input.ndim)], [1, -1, *[1] * (input.ndim - 2)]
        count = global_sum(input.new_tensor(input.numel() / input.shape[1]))
        mean = global_sum(input.sum(axes)) / count
        centred = input - mean.view(shape)
        var = global_sum(centred.square().sum(axes)) / count
        with torch.no_grad():
            running_mean.lerp_(mean, self.momentum)
            running_var.lerp_(var * count / (count - 1), self.momentum)
        factor = self.weight * (var + self.eps).rsqrt()
        return centred * factor.view(shape) + self.bias.view(shape)


def synchronise(model: nn.Module) -> None:
    """Makes every batch normalisation within a net a global one."""
    for name, layer in model.named_children():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            norm = GlobalBatchNorm(layer.num_features, layer.eps, layer.momentum)
            norm.load_state_dict(layer.state_dict())
            setattr(model, name, norm.to(layer.weight.device))
        else:
            synchronise(layer)
