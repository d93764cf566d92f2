"""DenseNet-121 (Huang et al. 2016, Table 1), growth rate k

Compiled by archc 0.1.0 from densenet121.arch (sha256 2de784354f1db3b2).
7,978,856 parameters;
2.834 G multiply-adds at 3x224x224.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Composite(nn.Module):
    """H, with a bottleneck, beside its input (Huang et al. 2016, Section 3)

    composite(k)  --  densenet121.arch:31

    (N, in_channels, H, W) -> (N, in_channels + k, H, W)
    """

    def __init__(self, in_channels: int, k: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, 4 * k, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(4 * k)
        self.conv2 = nn.Conv2d(4 * k, k, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(x))
        return torch.cat([x, self.conv2(F.relu(self.bn2(self.conv1(out))))], dim=1)


class Transition(nn.Module):
    """Transition layer, with compression 0.5 (Huang et al. 2016, Section 3)

    transition()  --  densenet121.arch:39

    (N, in_channels, H, W) -> (N, in_channels // 2, H_out, W_out)
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, in_channels // 2, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(x))
        x = self.conv1(x)
        return F.avg_pool2d(x, 2)


class DenseNet121(nn.Module):
    """DenseNet-121 (Huang et al. 2016, Table 1), growth rate k

    (N, 3, 224, 224) -> (N, classes)
    """

    def __init__(self, classes: int = 1000, k: int = 32) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 2 * k, 7, stride=2, padding=3, bias=False)  # line 9
        self.bn1 = nn.BatchNorm2d(2 * k)  # line 9
        # line 11
        self.dense1 = nn.Sequential(*(Composite(2 * k + i * k, k) for i in range(6)))
        self.transition1 = Transition(2 * k + 6 * k)  # line 11
        # line 12
        self.dense2 = nn.Sequential(
            *(Composite((2 * k + 6 * k) // 2 + i * k, k) for i in range(12))
        )
        self.transition2 = Transition((2 * k + 6 * k) // 2 + 12 * k)  # line 12
        # line 13
        self.dense3 = nn.Sequential(
            *(
                Composite(((2 * k + 6 * k) // 2 + 12 * k) // 2 + i * k, k)
                for i in range(24)
            ),
        )
        # line 13
        self.transition3 = Transition(((2 * k + 6 * k) // 2 + 12 * k) // 2 + 24 * k)
        # line 14
        self.dense4 = nn.Sequential(
            *(
                Composite(
                    (((2 * k + 6 * k) // 2 + 12 * k) // 2 + 24 * k) // 2 + i * k, k
                )
                for i in range(16)
            ),
        )
        # line 15
        self.bn2 = nn.BatchNorm2d(
            (((2 * k + 6 * k) // 2 + 12 * k) // 2 + 24 * k) // 2 + 16 * k
        )
        # line 16
        self.fc1 = nn.Linear(
            (((2 * k + 6 * k) // 2 + 12 * k) // 2 + 24 * k) // 2 + 16 * k, classes
        )
        self.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # 64x112x112
        x = F.max_pool2d(x, 3, stride=2, padding=1)  # 64x56x56
        x = self.transition1(self.dense1(x))  # 128x28x28
        x = self.transition2(self.dense2(x))  # 256x14x14
        x = self.transition3(self.dense3(x))  # 512x7x7
        x = F.relu(self.bn2(self.dense4(x)))  # 1024x7x7
        x = F.adaptive_avg_pool2d(x, 1)  # 1024x1x1
        return self.fc1(x.flatten(1))

    @torch.no_grad()
    def predict(self, x: Tensor) -> Tensor:
        """(N, 3, 224, 224) -> class probabilities (N, classes); call eval() first."""
        return torch.softmax(self(x), dim=1)

    def reset_parameters(self) -> None:
        """conv, fc: glorot, bias 0 (archc's default)."""
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                nn.init.xavier_uniform_(layer.weight)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)


if __name__ == "__main__":
    model = DenseNet121().eval()
    outputs = model(torch.zeros(1, 3, 224, 224))
    count = sum(parameter.numel() for parameter in model.parameters())
    print(f"{tuple(outputs.shape)}, {count:,} parameters")
