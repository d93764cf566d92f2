"""VGG-A-LRN (Simonyan & Zisserman 2014, Table 1, column A-LRN)

Compiled by archc 0.1.0 from vgg_a_lrn.arch (sha256 f7a33cca24069f3e).
132,863,336 parameters;
7.609 G multiply-adds at 3x224x224.
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


class VGGALRN(nn.Module):
    """VGG-A-LRN (Simonyan & Zisserman 2014, Table 1, column A-LRN)

    (N, 3, 224, 224) -> (N, classes)
    """

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, padding=1)  # line 11
        self.conv2 = nn.Conv2d(64, 128, 3, padding=1)  # line 13
        self.conv3 = nn.Conv2d(128, 256, 3, padding=1)  # line 15
        self.conv4 = nn.Conv2d(256, 256, 3, padding=1)  # line 15
        self.conv5 = nn.Conv2d(256, 512, 3, padding=1)  # line 17
        self.conv6 = nn.Conv2d(512, 512, 3, padding=1)  # line 17
        self.conv7 = nn.Conv2d(512, 512, 3, padding=1)  # line 19
        self.conv8 = nn.Conv2d(512, 512, 3, padding=1)  # line 19
        self.fc1 = nn.Linear(512 * 7 * 7, 4096)  # line 21
        self.fc2 = nn.Linear(4096, 4096)  # line 22
        self.fc3 = nn.Linear(4096, classes)  # line 23
        self.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv1(x))  # 64x224x224
        x = lrn(x, n=5, k=2.0, alpha=0.0001, beta=0.75)  # 64x224x224
        x = F.max_pool2d(x, 2)  # 64x112x112
        x = F.relu(self.conv2(x))  # 128x112x112
        x = F.max_pool2d(x, 2)  # 128x56x56
        x = F.relu(self.conv3(x))  # 256x56x56
        x = F.relu(self.conv4(x))  # 256x56x56
        x = F.max_pool2d(x, 2)  # 256x28x28
        x = F.relu(self.conv5(x))  # 512x28x28
        x = F.relu(self.conv6(x))  # 512x28x28
        x = F.max_pool2d(x, 2)  # 512x14x14
        x = F.relu(self.conv7(x))  # 512x14x14
        x = F.relu(self.conv8(x))  # 512x14x14
        x = F.max_pool2d(x, 2)  # 512x7x7
        x = F.dropout(F.relu(self.fc1(x.flatten(1))), 0.5, self.training)  # 4096
        x = F.dropout(F.relu(self.fc2(x)), 0.5, self.training)  # 4096
        return self.fc3(x)

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
    model = VGGALRN().eval()
    outputs = model(torch.zeros(1, 3, 224, 224))
    count = sum(parameter.numel() for parameter in model.parameters())
    print(f"{tuple(outputs.shape)}, {count:,} parameters")
