"""What emitted programs carry along that train in several processes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce


class GlobalBatchNorm(nn.BatchNorm2d):
    """Batch normalisation over the images of all processes: (N, C, ...) -> the same."""

    def forward(self, input: Tensor) -> Tensor:
        mean, var = self.running_mean, self.running_var
        if mean is None or var is None:
            raise TypeError("it keeps running statistics")
        if self.training:
            axes = [0, *range(2, input.ndim)]
            shape = [1, -1, *[1] * (input.ndim - 2)]
            count = input.numel() / input.shape[1]
            total = all_reduce(torch.cat([input.sum(axes), input.new_tensor([count])]))
            count, own = total[-1].detach(), total[:-1] / total[-1].detach()
            centred = input - own.view(shape)
            spread = all_reduce(centred.square().sum(axes)) / count
            with torch.no_grad():
                mean.lerp_(own, self.momentum or 0.0)
                var.lerp_(spread * count / (count - 1), self.momentum or 0.0)
            factor = (spread + self.eps).rsqrt() * self.weight
            return centred * factor.view(shape) + self.bias.view(shape)
        return F.batch_norm(input, mean, var, self.weight, self.bias, eps=self.eps)


def synchronise(model: nn.Module) -> None:
    """Makes every batch normalisation within a net a global one."""
    for name, layer in model.named_children():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            momentum = layer.momentum
            norm = GlobalBatchNorm(layer.num_features, layer.eps, momentum)
            norm.load_state_dict(layer.state_dict())
            setattr(model, name, norm.to(layer.weight.device))
        else:
            synchronise(layer)
