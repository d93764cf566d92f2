"""ResNet-50 (He et al. 2015, Table 1, column 50-layer)

Compiled by archc 0.1.0 from resnet50.arch (sha256 b0c64cbafad27d97).
25,557,032 parameters;
4.089 G multiply-adds at 3x224x224.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Bottleneck(nn.Module):
    """Bottleneck block (He et al. 2015, Figure 5, right)

    bottleneck(n, out, stride, groups)  --  residual.arch:12

    (N, in_channels, H, W) -> (N, out, H_out, W_out)
    """

    def __init__(
        self, in_channels: int, n: int, out: int, stride: int, groups: int
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, n, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(n)
        self.conv2 = nn.Conv2d(
            n, n, 3, stride=stride, padding=1, groups=groups, bias=False
        )
        self.bn2 = nn.BatchNorm2d(n)
        self.conv3 = nn.Conv2d(n, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.has_conv4 = in_channels != out or stride != 1
        if self.has_conv4:
            self.conv4 = nn.Conv2d(in_channels, out, 1, stride=stride, bias=False)
            self.bn4 = nn.BatchNorm2d(out)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        x = self.bn4(self.conv4(x)) if self.has_conv4 else x
        return F.relu(self.bn3(self.conv3(out)) + x)


class Stage(nn.Module):
    """A row of the table: bottleneck blocks, the stride at the first

    stage(n, out, times, stride, groups)  --  residual.arch:24

    (N, in_channels, H, W) -> (N, out, H_out, W_out)
    """

    def __init__(
        self, in_channels: int, n: int, out: int, times: int, stride: int, groups: int
    ) -> None:
        super().__init__()
        self.bottleneck1 = Bottleneck(in_channels, n, out, stride, groups)
        self.repeat1 = nn.Sequential(
            *(Bottleneck(out, n, out, 1, groups) for _ in range(times - 1))
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.bottleneck1(x)
        return self.repeat1(x)


class ResNet50(nn.Module):
    """ResNet-50 (He et al. 2015, Table 1, column 50-layer)

    (N, 3, 224, 224) -> (N, classes)
    """

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)  # line 11
        self.bn1 = nn.BatchNorm2d(64)  # line 11
        self.conv2_x = Stage(64, 64, 256, 3, 1, 1)  # line 13
        self.conv3_x = Stage(256, 128, 512, 4, 2, 1)  # line 14
        self.conv4_x = Stage(512, 256, 1024, 6, 2, 1)  # line 15
        self.conv5_x = Stage(1024, 512, 2048, 3, 2, 1)  # line 16
        self.fc1 = nn.Linear(2048, classes)  # line 17
        self.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # 64x112x112
        x = F.max_pool2d(x, 3, stride=2, padding=1)  # 64x56x56
        x = self.conv2_x(x)  # 256x56x56
        x = self.conv3_x(x)  # 512x28x28
        x = self.conv4_x(x)  # 1024x14x14
        x = self.conv5_x(x)  # 2048x7x7
        x = F.adaptive_avg_pool2d(x, 1)  # 2048x1x1
        return self.fc1(x.flatten(1))

    @torch.no_grad()
    def predict(self, x: Tensor) -> Tensor:
        """(N, 3, 224, 224) -> class probabilities (N, classes); call eval() first."""
        return torch.softmax(self(x), dim=1)

    def reset_parameters(self) -> None:
        """conv, fc: he, bias 0."""
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)


if __name__ == "__main__":
    model = ResNet50().eval()
    outputs = model(torch.zeros(1, 3, 224, 224))
    count = sum(parameter.numel() for parameter in model.parameters())
    print(f"{tuple(outputs.shape)}, {count:,} parameters")
