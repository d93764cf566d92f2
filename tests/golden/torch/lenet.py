"""LeNet-5 (LeCun et al. 1998, Figure 2)

Compiled by archc 0.1.0 from lenet.arch (sha256 9a281fab8cb68481).
61,706 parameters;
416.5 K multiply-adds at 1x32x32.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LeNet(nn.Module):
    """LeNet-5 (LeCun et al. 1998, Figure 2)

    (N, 1, 32, 32) -> (N, classes)
    """

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.c1 = nn.Conv2d(1, 6, 5)  # line 11
        self.c3 = nn.Conv2d(6, 16, 5)  # line 13
        self.c5 = nn.Conv2d(16, 120, 5)  # line 15
        self.f6 = nn.Linear(120, 84)  # line 16
        self.output = nn.Linear(84, classes)  # line 17
        self.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(self.c1(x))  # 6x28x28
        x = F.avg_pool2d(x, 2)  # 6x14x14
        x = torch.tanh(self.c3(x))  # 16x10x10
        x = F.avg_pool2d(x, 2)  # 16x5x5
        x = torch.tanh(self.c5(x))  # 120x1x1
        x = torch.tanh(self.f6(x.flatten(1)))  # 84
        return self.output(x)

    @torch.no_grad()
    def predict(self, x: Tensor) -> Tensor:
        """(N, 1, 32, 32) -> class probabilities (N, classes); call eval() first."""
        return torch.softmax(self(x), dim=1)

    def reset_parameters(self) -> None:
        """conv, fc: glorot, bias 0."""
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                nn.init.xavier_uniform_(layer.weight)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)


if __name__ == "__main__":
    model = LeNet().eval()
    outputs = model(torch.zeros(1, 1, 32, 32))
    count = sum(parameter.numel() for parameter in model.parameters())
    print(f"{tuple(outputs.shape)}, {count:,} parameters")
