"""ResNet-50 by hand (He et al. 2015, Table 1), the stride at the 3x3 as in torchvision."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def conv(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)


class Bottleneck(nn.Module):
    def __init__(self, inputs: int, planes: int, stride: int, project: bool) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv(inputs, planes, 1), nn.BatchNorm2d(planes)
        self.conv2, self.bn2 = conv(planes, planes, 3, stride), nn.BatchNorm2d(planes)
        self.conv3, self.bn3 = conv(planes, 4 * planes, 1), nn.BatchNorm2d(4 * planes)
        self.downsample: nn.Module = nn.Identity()
        if project:
            self.downsample = nn.Sequential(
                conv(inputs, 4 * planes, 1, stride), nn.BatchNorm2d(4 * planes)
            )

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return F.relu(out + self.downsample(x))


class Reference(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv(3, 64, 7, 2), nn.BatchNorm2d(64)
        self.layer1 = self.layer(64, 64, 3, 1)
        self.layer2 = self.layer(256, 128, 4, 2)
        self.layer3 = self.layer(512, 256, 6, 2)
        self.layer4 = self.layer(1024, 512, 3, 2)
        self.fc = nn.Linear(2048, 1000)

    @staticmethod
    def layer(inputs: int, planes: int, count: int, stride: int) -> nn.Sequential:
        first = Bottleneck(inputs, planes, stride, project=True)
        rest = [Bottleneck(4 * planes, planes, 1, project=False) for _ in range(count - 1)]
        return nn.Sequential(first, *rest)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.mean(x, (2, 3)))
