"""ShuffleNet V2 1x by hand (Ma et al. 2018, Table 5 and Figure 3)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def pointwise(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]


def depthwise(channels: int, stride: int) -> list[nn.Module]:
    conv = nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False)
    return [conv, nn.BatchNorm2d(channels)]


def shuffled(x: Tensor) -> Tensor:
    """The channels of the two halves by turns."""
    n, c, h, w = x.shape
    return x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


class Unit(nn.Module):
    """Figure 3c; with a stride 3d."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        half = outputs // 2
        self.stride = stride
        self.left: nn.Module = nn.Identity()
        if stride > 1:
            self.left = nn.Sequential(*depthwise(inputs, stride), *pointwise(inputs, half))
        arriving = inputs if stride > 1 else half
        self.right = nn.Sequential(
            *pointwise(arriving, half), *depthwise(half, stride), *pointwise(half, half)
        )

    def forward(self, x: Tensor) -> Tensor:
        left, right = (x, x) if self.stride > 1 else torch.chunk(x, 2, 1)
        return shuffled(torch.cat([self.left(left), self.right(right)], 1))


class Reference(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(
            nn.Conv2d(3, 24, 3, 2, 1, bias=False), nn.BatchNorm2d(24), nn.ReLU()
        )
        units: list[nn.Module] = []
        inputs = 24
        for outputs, count in ((116, 4), (232, 8), (464, 4)):
            units.append(Unit(inputs, outputs, 2))
            units += [Unit(outputs, outputs, 1) for _ in range(count - 1)]
            inputs = outputs
        self.stages = nn.Sequential(*units)
        self.conv5 = nn.Sequential(*pointwise(464, 1024))
        self.fc = nn.Linear(1024, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stages(F.max_pool2d(self.conv1(x), 3, 2, 1))
        return self.fc(self.conv5(x).mean((2, 3)))
