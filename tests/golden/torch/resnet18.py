"""ResNet-18 (He et al. 2015, Table 1, column 18-layer)

Compiled by archc 0.1.0 from resnet18.arch (sha256 c7723db622745470).
11,689,512 parameters;
1.814 G multiply-adds at 3x224x224.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Basic(nn.Module):
    """Building block of ResNet-18 and -34 (He et al. 2015, Figure 5, left)

    basic(n, stride)  --  residual.arch:3

    (N, in_channels, H, W) -> (N, n, H_out, W_out)
    """

    def __init__(self, in_channels: int, n: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, n, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(n)
        self.conv2 = nn.Conv2d(n, n, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(n)
        self.has_conv3 = in_channels != n or stride != 1
        if self.has_conv3:
            self.conv3 = nn.Conv2d(in_channels, n, 1, stride=stride, bias=False)
            self.bn3 = nn.BatchNorm2d(n)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        x = self.bn3(self.conv3(x)) if self.has_conv3 else x
        return F.relu(self.bn2(self.conv2(out)) + x)


class ResNet18(nn.Module):
    """ResNet-18 (He et al. 2015, Table 1, column 18-layer)

    (N, 3, 224, 224) -> (N, classes)
    """

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)  # line 11
        self.bn1 = nn.BatchNorm2d(64)  # line 11
        self.basic1 = Basic(64, 64, 1)  # line 13
        self.basic2 = Basic(64, 64, 1)  # line 13
        self.basic3 = Basic(64, 128, 2)  # line 14
        self.basic4 = Basic(128, 128, 1)  # line 14
        self.basic5 = Basic(128, 256, 2)  # line 15
        self.basic6 = Basic(256, 256, 1)  # line 15
        self.basic7 = Basic(256, 512, 2)  # line 16
        self.basic8 = Basic(512, 512, 1)  # line 16
        self.fc1 = nn.Linear(512, classes)  # line 17
        self.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # 64x112x112
        x = F.max_pool2d(x, 3, stride=2, padding=1)  # 64x56x56
        x = self.basic2(self.basic1(x))  # 64x56x56
        x = self.basic4(self.basic3(x))  # 128x28x28
        x = self.basic6(self.basic5(x))  # 256x14x14
        x = self.basic8(self.basic7(x))  # 512x7x7
        x = F.adaptive_avg_pool2d(x, 1)  # 512x1x1
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
    model = ResNet18().eval()
    outputs = model(torch.zeros(1, 3, 224, 224))
    count = sum(parameter.numel() for parameter in model.parameters())
    print(f"{tuple(outputs.shape)}, {count:,} parameters")
