"""Inception-v3 by hand (Szegedy et al. 2015), in the widths of torchvision's definition."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Conv(nn.Module):
    """A convolution with batch normalisation and a ReLU behind it."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        size: int | tuple[int, int],
        stride: int = 1,
        pad: int | tuple[int, int] = 0,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, stride, pad, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


def flat(inputs: int, outputs: int) -> Conv:
    """1x7: one high, seven wide."""
    return Conv(inputs, outputs, (1, 7), pad=(0, 3))


def tall(inputs: int, outputs: int) -> Conv:
    return Conv(inputs, outputs, (7, 1), pad=(3, 0))


def average(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, kernel_size=3, stride=1, padding=1, count_include_pad=True)


class InceptionA(nn.Module):
    def __init__(self, inputs: int, pool: int) -> None:
        super().__init__()
        self.one = Conv(inputs, 64, 1)
        self.five = nn.Sequential(Conv(inputs, 48, 1), Conv(48, 64, 5, pad=2))
        self.doubled = nn.Sequential(
            Conv(inputs, 64, 1), Conv(64, 96, 3, pad=1), Conv(96, 96, 3, pad=1)
        )
        self.pool = Conv(inputs, pool, 1)

    def forward(self, x: Tensor) -> Tensor:
        branches = [self.one(x), self.five(x), self.doubled(x), self.pool(average(x))]
        return torch.cat(branches, 1)


class InceptionB(nn.Module):
    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.three = Conv(inputs, 384, 3, 2)
        self.doubled = nn.Sequential(
            Conv(inputs, 64, 1), Conv(64, 96, 3, pad=1), Conv(96, 96, 3, 2)
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.three(x), self.doubled(x), F.max_pool2d(x, 3, 2)], 1)


class InceptionC(nn.Module):
    def __init__(self, inputs: int, n: int) -> None:
        super().__init__()
        self.one = Conv(inputs, 192, 1)
        self.seven = nn.Sequential(Conv(inputs, n, 1), flat(n, n), tall(n, 192))
        self.doubled = nn.Sequential(
            Conv(inputs, n, 1), tall(n, n), flat(n, n), tall(n, n), flat(n, 192)
        )
        self.pool = Conv(inputs, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        branches = [self.one(x), self.seven(x), self.doubled(x), self.pool(average(x))]
        return torch.cat(branches, 1)


class InceptionD(nn.Module):
    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.three = nn.Sequential(Conv(inputs, 192, 1), Conv(192, 320, 3, 2))
        self.seven = nn.Sequential(
            Conv(inputs, 192, 1), flat(192, 192), tall(192, 192), Conv(192, 192, 3, 2)
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.three(x), self.seven(x), F.max_pool2d(x, 3, 2)], 1)


class InceptionE(nn.Module):
    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.one = Conv(inputs, 320, 1)
        self.three1 = Conv(inputs, 384, 1)
        self.three2a = Conv(384, 384, (1, 3), pad=(0, 1))
        self.three2b = Conv(384, 384, (3, 1), pad=(1, 0))
        self.double1 = Conv(inputs, 448, 1)
        self.double2 = Conv(448, 384, 3, pad=1)
        self.double3a = Conv(384, 384, (1, 3), pad=(0, 1))
        self.double3b = Conv(384, 384, (3, 1), pad=(1, 0))
        self.pool = Conv(inputs, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        three = self.three1(x)
        double = self.double2(self.double1(x))
        branches = [
            self.one(x),
            self.three2a(three),
            self.three2b(three),
            self.double3a(double),
            self.double3b(double),
            self.pool(average(x)),
        ]
        return torch.cat(branches, 1)


class Aux(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv0, self.conv1 = Conv(768, 128, 1), Conv(128, 768, 5)
        self.fc = nn.Linear(768, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(self.conv0(F.avg_pool2d(x, 5, 3)))
        return self.fc(x.mean((2, 3)))


class Reference(nn.Module):
    """Its logits; in training those of the auxiliary classifier too."""

    def __init__(self) -> None:
        super().__init__()
        self.stem1 = nn.Sequential(Conv(3, 32, 3, 2), Conv(32, 32, 3), Conv(32, 64, 3, pad=1))
        self.stem2 = nn.Sequential(Conv(64, 80, 1), Conv(80, 192, 3))
        self.before = nn.Sequential(
            InceptionA(192, 32),
            InceptionA(256, 64),
            InceptionA(288, 64),
            InceptionB(288),
            InceptionC(768, 128),
            InceptionC(768, 160),
            InceptionC(768, 160),
            InceptionC(768, 192),
        )
        self.aux = Aux()
        self.behind = nn.Sequential(InceptionD(768), InceptionE(1280), InceptionE(2048))
        self.fc = nn.Linear(2048, 1000)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        x = F.max_pool2d(self.stem1(x), 3, 2)
        x = self.before(F.max_pool2d(self.stem2(x), 3, 2))
        logits = self.fc(F.dropout(self.behind(x).mean((2, 3)), 0.5, self.training))
        return (logits, self.aux(x)) if self.training else logits
