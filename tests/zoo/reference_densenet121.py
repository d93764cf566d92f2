"""DenseNet-121 by hand (Huang et al. 2016, Table 1), with the BN and ReLU before the pooling."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

GROWTH = 32


class DenseLayer(nn.Module):
    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, 4 * GROWTH, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(4 * GROWTH)
        self.conv2 = nn.Conv2d(4 * GROWTH, GROWTH, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv1(F.relu(self.norm1(x)))
        return self.conv2(F.relu(self.norm2(out)))


class Transition(nn.Module):
    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(inputs)
        self.conv = nn.Conv2d(inputs, inputs // 2, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(self.conv(F.relu(self.norm(x))), 2, 2)


class Reference(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.norm0 = nn.BatchNorm2d(64)
        # Dense layers and, between the blocks of them, transitions, as they follow one another.
        self.layers = nn.ModuleList()
        channels = 64
        for block, count in enumerate((6, 12, 24, 16)):
            for _ in range(count):
                self.layers.append(DenseLayer(channels))
                channels += GROWTH
            if block < 3:
                self.layers.append(Transition(channels))
                channels //= 2
        self.norm5 = nn.BatchNorm2d(channels)
        self.classifier = nn.Linear(channels, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.norm0(self.conv0(x))), 3, 2, 1)
        for layer in self.layers:
            x = torch.cat([x, layer(x)], 1) if isinstance(layer, DenseLayer) else layer(x)
        return self.classifier(F.relu(self.norm5(x)).mean((2, 3)))
