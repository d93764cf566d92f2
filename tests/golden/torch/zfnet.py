"""ZFNet (Zeiler & Fergus 2013, Figure 3)

Compiled by archc 0.1.0 from zfnet.arch (sha256 64097235426a25f0).
62,357,608 parameters;
1.168 G multiply-adds at 3x224x224.
"""

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


class ZFNet(nn.Module):
    """ZFNet (Zeiler & Fergus 2013, Figure 3)

    (N, 3, 224, 224) -> (N, classes)
    """

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 96, 7, stride=2, padding=1)  # line 11
        self.conv2 = nn.Conv2d(96, 256, 5, stride=2)  # line 12
        self.conv3 = nn.Conv2d(256, 384, 3, padding=1)  # line 13
        self.conv4 = nn.Conv2d(384, 384, 3, padding=1)  # line 14
        self.conv5 = nn.Conv2d(384, 256, 3, padding=1)  # line 15
        self.fc6 = nn.Linear(256 * 6 * 6, 4096)  # line 16
        self.fc7 = nn.Linear(4096, 4096)  # line 17
        self.fc8 = nn.Linear(4096, classes)  # line 18
        self.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv1(x))  # 96x110x110
        x = F.max_pool2d(x, 3, stride=2, ceil_mode=True)  # 96x55x55
        x = lrn(x, n=5, k=2.0, alpha=0.0001, beta=0.75)  # 96x55x55
        x = F.relu(self.conv2(x))  # 256x26x26
        x = F.max_pool2d(x, 3, stride=2, ceil_mode=True)  # 256x13x13
        x = lrn(x, n=5, k=2.0, alpha=0.0001, beta=0.75)  # 256x13x13
        x = F.relu(self.conv3(x))  # 384x13x13
        x = F.relu(self.conv4(x))  # 384x13x13
        x = F.relu(self.conv5(x))  # 256x13x13
        x = F.max_pool2d(x, 3, stride=2, ceil_mode=True)  # 256x6x6
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
    model = ZFNet().eval()
    outputs = model(torch.zeros(1, 3, 224, 224))
    count = sum(parameter.numel() for parameter in model.parameters())
    print(f"{tuple(outputs.shape)}, {count:,} parameters")
