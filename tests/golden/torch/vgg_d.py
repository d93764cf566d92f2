"""VGG-D (Simonyan & Zisserman 2014, Table 1, column D)

Compiled by archc 0.1.0 from vgg_d.arch (sha256 76c0c561bc84ff23).
138,357,544 parameters;
15.47 G multiply-adds at 3x224x224.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class C3(nn.Module):
    """c3(n)  --  vgg_d.arch:33

    (N, in_channels, H, W) -> (N, n, H, W)
    """

    def __init__(self, in_channels: int, n: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, n, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv1(x))


class VGGD(nn.Module):
    """VGG-D (Simonyan & Zisserman 2014, Table 1, column D)

    (N, 3, 224, 224) -> (N, classes)
    """

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.c3_1 = C3(3, 64)  # line 8
        self.c3_2 = C3(64, 64)  # line 8
        self.c3_3 = C3(64, 128)  # line 9
        self.c3_4 = C3(128, 128)  # line 9
        self.c3_5 = C3(128, 256)  # line 10
        self.c3_6 = C3(256, 256)  # line 10
        self.c3_7 = C3(256, 256)  # line 10
        self.c3_8 = C3(256, 512)  # line 11
        self.c3_9 = C3(512, 512)  # line 11
        self.c3_10 = C3(512, 512)  # line 11
        self.c3_11 = C3(512, 512)  # line 12
        self.c3_12 = C3(512, 512)  # line 12
        self.c3_13 = C3(512, 512)  # line 12
        self.fc6 = nn.Linear(512 * 7 * 7, 4096)  # line 14
        self.fc7 = nn.Linear(4096, 4096)  # line 15
        self.fc8 = nn.Linear(4096, classes)  # line 16
        self.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        x = self.c3_2(self.c3_1(x))  # 64x224x224
        x = F.max_pool2d(x, 2)  # 64x112x112
        x = self.c3_4(self.c3_3(x))  # 128x112x112
        x = F.max_pool2d(x, 2)  # 128x56x56
        x = self.c3_7(self.c3_6(self.c3_5(x)))  # 256x56x56
        x = F.max_pool2d(x, 2)  # 256x28x28
        x = self.c3_10(self.c3_9(self.c3_8(x)))  # 512x28x28
        x = F.max_pool2d(x, 2)  # 512x14x14
        x = self.c3_13(self.c3_12(self.c3_11(x)))  # 512x14x14
        x = F.max_pool2d(x, 2)  # 512x7x7
        x = F.dropout(F.relu(self.fc6(x.flatten(1))), 0.5, self.training)  # 4096
        x = F.dropout(F.relu(self.fc7(x)), 0.5, self.training)  # 4096
        return self.fc8(x)

    @torch.no_grad()
    def predict(self, x: Tensor) -> Tensor:
        """(N, 3, 224, 224) -> class probabilities (N, classes); call eval() first."""
        return torch.softmax(self(x), dim=1)

    def reset_parameters(self) -> None:
        """conv, fc: normal(mean = 0.0, std = 0.01), bias 0."""
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                nn.init.normal_(layer.weight, 0.0, 0.01)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)


if __name__ == "__main__":
    model = VGGD().eval()
    outputs = model(torch.zeros(1, 3, 224, 224))
    count = sum(parameter.numel() for parameter in model.parameters())
    print(f"{tuple(outputs.shape)}, {count:,} parameters")
