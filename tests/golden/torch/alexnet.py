"""AlexNet (Krizhevsky, Sutskever & Hinton 2012, Figure 2)

Compiled by archc 0.1.0 from alexnet.arch (sha256 adabf5520c2c0a6e).
60,965,224 parameters;
724.4 M multiply-adds at 3x227x227.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def tower_lrn(
    x: Tensor, n: int, k: float, alpha: float, beta: float, towers: int
) -> Tensor:
    """Local response normalisation within each tower's own channels.

    (N, C, H, W) -> the same; a tower has C / towers channels. The paper's alpha weighs
    the sum of n squares, PyTorch's their mean: hence alpha * n. In float32 at least:
    squares overflow in float16.
    """
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    apart = wide.reshape(-1, x.shape[1] // towers, *x.shape[2:])
    apart = F.local_response_norm(apart, n, alpha=alpha * n, beta=beta, k=k)
    return apart.reshape(x.shape).to(x.dtype)


class AlexNet(nn.Module):
    """AlexNet (Krizhevsky, Sutskever & Hinton 2012, Figure 2)

    (N, 3, 227, 227) -> (N, classes)
    """

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 96, 11, stride=4)  # line 11
        self.conv2 = nn.Conv2d(96, 256, 5, padding=2, groups=2)  # line 12
        self.conv3 = nn.Conv2d(256, 384, 3, padding=1)  # line 15
        self.conv4 = nn.Conv2d(384, 384, 3, padding=1, groups=2)  # line 16
        self.conv5 = nn.Conv2d(384, 256, 3, padding=1, groups=2)  # line 17
        self.fc6 = nn.Linear(256 * 6 * 6, 4096)  # line 19
        self.fc7 = nn.Linear(4096, 4096)  # line 20
        self.fc8 = nn.Linear(4096, classes)  # line 21
        self.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv1(x))  # 96x55x55
        x = tower_lrn(x, n=5, k=2.0, alpha=0.0001, beta=0.75, towers=2)  # 96x55x55
        x = F.max_pool2d(x, 3, stride=2)  # 96x27x27
        x = F.relu(self.conv2(x))  # 256x27x27
        x = tower_lrn(x, n=5, k=2.0, alpha=0.0001, beta=0.75, towers=2)  # 256x27x27
        x = F.max_pool2d(x, 3, stride=2)  # 256x13x13
        x = F.relu(self.conv3(x))  # 384x13x13
        x = F.relu(self.conv4(x))  # 384x13x13
        x = F.relu(self.conv5(x))  # 256x13x13
        x = F.max_pool2d(x, 3, stride=2)  # 256x6x6
        x = F.dropout(F.relu(self.fc6(x.flatten(1))), 0.5, self.training)  # 4096
        x = F.dropout(F.relu(self.fc7(x)), 0.5, self.training)  # 4096
        return self.fc8(x)

    @torch.no_grad()
    def predict(self, x: Tensor) -> Tensor:
        """(N, 3, 227, 227) -> class probabilities (N, classes); call eval() first."""
        return torch.softmax(self(x), dim=1)

    def reset_parameters(self) -> None:
        """Initialise by the recipe.

        conv, fc: normal(mean = 0.0, std = 0.01), bias 0;
        conv2, conv4, conv5, fc6, fc7: bias 1.
        """
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                nn.init.normal_(layer.weight, 0.0, 0.01)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
        for name in ("conv2", "conv4", "conv5", "fc6", "fc7"):
            nn.init.ones_(self.get_parameter(f"{name}.bias"))


if __name__ == "__main__":
    model = AlexNet().eval()
    outputs = model(torch.zeros(1, 3, 227, 227))
    count = sum(parameter.numel() for parameter in model.parameters())
    print(f"{tuple(outputs.shape)}, {count:,} parameters")
