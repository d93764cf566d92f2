"""MobileNetV3-Large by hand (Howard et al. 2019, Table 1), rounded as torchvision rounds."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

# Kernel, expansion, output, squeeze-and-excite, h-swish, stride.
ROWS = (
    (3, 16, 16, False, False, 1),
    (3, 64, 24, False, False, 2),
    (3, 72, 24, False, False, 1),
    (5, 72, 40, True, False, 2),
    (5, 120, 40, True, False, 1),
    (5, 120, 40, True, False, 1),
    (3, 240, 80, False, True, 2),
    (3, 200, 80, False, True, 1),
    (3, 184, 80, False, True, 1),
    (3, 184, 80, False, True, 1),
    (3, 480, 112, True, True, 1),
    (3, 672, 112, True, True, 1),
    (5, 672, 160, True, True, 2),
    (5, 960, 160, True, True, 1),
    (5, 960, 160, True, True, 1),
)


def divisible(value: float, by: int = 8) -> int:
    """The nearest multiple of 8 that is not less than nine tenths of the value."""
    nearest = max(by, int(value + by / 2) // by * by)
    return nearest + by if nearest < 0.9 * value else nearest


def norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=0.001, momentum=0.01)


class SqueezeExcite(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = divisible(channels // 4)
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        scale = self.fc2(F.relu(self.fc1(x.mean((2, 3), keepdim=True))))
        return x * (F.relu6(scale + 3) / 6)


class Block(nn.Module):
    def __init__(
        self, inputs: int, size: int, wide: int, outputs: int, se: bool, hs: bool, stride: int
    ) -> None:
        super().__init__()
        activation = nn.Hardswish if hs else nn.ReLU
        layers: list[nn.Module] = []
        if wide != inputs:
            layers += [nn.Conv2d(inputs, wide, 1, bias=False), norm(wide), activation()]
        depthwise = nn.Conv2d(wide, wide, size, stride, size // 2, groups=wide, bias=False)
        layers += [depthwise, norm(wide), activation()]
        if se:
            layers.append(SqueezeExcite(wide))
        layers += [nn.Conv2d(wide, outputs, 1, bias=False), norm(outputs)]
        self.block = nn.Sequential(*layers)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block(x) if self.residual else self.block(x)


class Reference(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, 16, 3, 2, 1, bias=False), norm(16), nn.Hardswish()]
        inputs = 16
        for size, wide, outputs, se, hs, stride in ROWS:
            layers.append(Block(inputs, size, wide, outputs, se, hs, stride))
            inputs = outputs
        layers += [nn.Conv2d(160, 960, 1, bias=False), norm(960), nn.Hardswish()]
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Linear(960, 1280), nn.Hardswish(), nn.Dropout(0.2), nn.Linear(1280, 1000)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).mean((2, 3)))
