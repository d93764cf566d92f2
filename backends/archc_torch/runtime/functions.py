"""What emitted programs carry along: short functions that PyTorch lacks.

The emitter copies the source of those that a program needs, so what is tested here is
what users run.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def lrn(x: Tensor, n: int, k: float, alpha: float, beta: float) -> Tensor:
    """Local response normalisation (Krizhevsky et al. 2012, Section 3.3).

    (N, C, H, W) -> the same. The paper's alpha weighs the sum of n squares, PyTorch's
    their mean: hence alpha * n. In float32 at least: squares overflow in float16.
    """
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    return F.local_response_norm(wide, n, alpha=alpha * n, beta=beta, k=k).to(x.dtype)


def tower_lrn(
    x: Tensor, n: int, k: float, alpha: float, beta: float, towers: int
) -> Tensor:
    """Local response normalisation within each tower's own channels.

    (N, C, H, W) -> the same; a tower has C / towers channels. The paper's alpha weighs
    the sum of n squares, PyTorch's their mean: hence alpha * n. In float32 at least:
    squares overflow in float16.
    """
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    apart = wide.reshape(-1, x.shape[1] // towers, *x.shape[2:])
    apart = F.local_response_norm(apart, n, alpha=alpha * n, beta=beta, k=k)
    return apart.reshape(x.shape).to(x.dtype)


def tower_cat(maps: Sequence[Tensor], towers: int) -> Tensor:
    """Concatenation of channels within each tower: all of the first tower's come first.

    Maps (N, C_i, ...) -> (N, sum of C_i, ...).
    """
    apart = [x.unflatten(1, (towers, -1)) for x in maps]
    return torch.cat(apart, dim=2).flatten(1, 2)


def tower_softmax(x: Tensor, towers: int) -> Tensor:
    """Softmax over each tower's own channels: (N, C, ...) -> the same."""
    return x.unflatten(1, (towers, -1)).softmax(dim=2).flatten(1, 2)


def tower_tile(x: Tensor, copies: int, towers: int) -> Tensor:
    """Each tower's channels `copies` times: (N, C, ...) -> (N, C * copies, ...)."""
    return torch.cat([x.unflatten(1, (towers, -1))] * copies, dim=2).flatten(1, 2)


def tower_part(x: Tensor, index: int, of: int, towers: int) -> Tensor:
    """Part `index` of `of` equal parts of each tower's channels.

    (N, C, ...) -> (N, C / of, ...)
    """
    return x.unflatten(1, (towers, of, -1))[:, :, index].flatten(1, 2)


def shuffle(x: Tensor, groups: int, towers: int = 1) -> Tensor:
    """Channel c of group g goes to place c * groups + g (Zhang et al. 2017, 3.1).

    (N, C, ...) -> the same; within each tower's channels.
    """
    return x.unflatten(1, (towers, groups, -1)).transpose(2, 3).flatten(1, 3)


def crop(x: Tensor, margin: int | tuple[int, int]) -> Tensor:
    """Cuts a margin off each side: one number, or (height, width).

    (N, C, H, W) -> (N, C, H - 2 * height, W - 2 * width)
    """
    top, left = (margin, margin) if isinstance(margin, int) else margin
    return x[:, :, top : x.shape[2] - top, left : x.shape[3] - left]


def drop_path(x: Tensor, p: float, training: bool) -> Tensor:
    """Stochastic depth (Huang et al. 2016): drops samples with probability p.

    (N, ...) -> the same; in training, what is kept is scaled by 1 / (1 - p).
    """
    if not training:
        return x
    keep = torch.rand(len(x), *[1] * (x.ndim - 1), device=x.device) >= p
    return x * keep / (1 - p)


def glorot_(weight: Tensor, groups: int) -> None:
    """Uniform in +-sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio 2010, equation 16).

    The units that one input feeds are those of its own group or tower.
    """
    fan_in = weight[0].numel()
    fan_out = weight.numel() // weight.shape[1] // groups
    bound = math.sqrt(6 / (fan_in + fan_out))
    nn.init.uniform_(weight, -bound, bound)


def he_up_(weight: Tensor, groups: int) -> None:
    """N(0, sqrt(2 / fan_in)) of a transposed convolution (He et al. 2015, equation 10).

    Its weight is (in, out / groups, kh, kw), so that fan_in is on the first axis.
    """
    fan_in = weight.numel() // weight.shape[1] // groups
    nn.init.normal_(weight, 0.0, math.sqrt(2 / fan_in))


class GroupedLinear(nn.Module):
    """A fully connected layer in groups: each part of the input has its outputs.

    (N, in_features) -> (N, out_features); weight (out_features, in_features / groups).
    """

    def __init__(
        self, in_features: int, out_features: int, groups: int, bias: bool = True
    ) -> None:
        super().__init__()
        self.groups = groups
        self.weight = nn.Parameter(torch.empty(out_features, in_features // groups))
        self.bias = nn.Parameter(torch.empty(out_features)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight.unflatten(0, (self.groups, -1))
        x = torch.einsum("ngi,goi->ngo", x.unflatten(1, (self.groups, -1)), weight)
        x = x.flatten(1)
        return x if self.bias is None else x + self.bias.to(x.dtype)


def slide(layer: nn.Linear, x: Tensor, size: int | tuple[int, int] = 1) -> Tensor:
    """A fully connected layer over maps of a size, at every place of a larger one: the
    convolution that has the layer's weights (Simonyan & Zisserman 2014, Section 3.2).

    (N, C, H, W) -> (N, out_features, H - height + 1, W - width + 1)
    """
    kernel = (size, size) if isinstance(size, int) else size
    if x.shape[2:] == kernel:
        return layer(x.flatten(1))[:, :, None, None]
    return F.conv2d(x, layer.weight.unflatten(1, (-1, *kernel)), layer.bias)


def slide_grouped(
    layer: GroupedLinear, x: Tensor, size: int | tuple[int, int] = 1
) -> Tensor:
    """A fully connected layer in groups over maps of a size, at every place of a larger
    one: the convolution that has the layer's weights.

    (N, C, H, W) -> (N, out_features, H - height + 1, W - width + 1)
    """
    kernel = (size, size) if isinstance(size, int) else size
    if x.shape[2:] == kernel:
        return layer(x.flatten(1))[:, :, None, None]
    weight = layer.weight.unflatten(1, (-1, *kernel))
    return F.conv2d(x, weight, layer.bias, groups=layer.groups)


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of each place (Liu et al. 2022).

    (N, C, H, W) -> the same; within each tower's channels, in float32 at least.
    """

    def __init__(self, channels: int, eps: float, towers: int = 1) -> None:
        super().__init__()
        self.eps = eps
        self.towers = towers
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        apart = wide.unflatten(1, (self.towers, -1))
        variance, mean = torch.var_mean(apart, dim=2, correction=0, keepdim=True)
        wide = ((apart - mean) / torch.sqrt(variance + self.eps)).flatten(1, 2)
        wide = wide * self.weight[:, None, None] + self.bias[:, None, None]
        return wide.to(x.dtype)


class LayerScale(nn.Module):
    """A learned factor a channel (Touvron et al. 2021): (N, C, H, W) -> the same."""

    def __init__(self, channels: int, init: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((channels,), init))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight[:, None, None].to(x.dtype)
