"""GoogLeNet (Szegedy et al. 2014, Table 1)

Compiled by archc 0.1.0 from googlenet.arch (sha256 31403d556bc77485).
13,378,280 parameters (6,998,552 without the auxiliary heads);
1.583 G multiply-adds at 3x224x224.
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


class Inception(nn.Module):
    """Inception module with dimension reductions (Figure 2b)

    inception(n1, r3, n3, r5, n5, pp)  --  inception.arch:3

    (N, in_channels, H, W) -> (N, n1 + n3 + n5 + pp, H, W)
    """

    def __init__(
        self, in_channels: int, n1: int, r3: int, n3: int, r5: int, n5: int, pp: int
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, n1, 1)
        self.conv2 = nn.Conv2d(in_channels, r3, 1)
        self.conv3 = nn.Conv2d(r3, n3, 3, padding=1)
        self.conv4 = nn.Conv2d(in_channels, r5, 1)
        self.conv5 = nn.Conv2d(r5, n5, 5, padding=2)
        self.conv6 = nn.Conv2d(in_channels, pp, 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat(
            [
                F.relu(self.conv1(x)),
                F.relu(self.conv3(F.relu(self.conv2(x)))),
                F.relu(self.conv5(F.relu(self.conv4(x)))),
                F.relu(self.conv6(F.max_pool2d(x, 3, stride=1, padding=1))),
            ],
            dim=1,
        )


class AuxHead(nn.Module):
    """An auxiliary head  --  line 20

    (N, in_channels, H, W) -> (N, classes)
    """

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 128, 1)
        self.fc1 = nn.Linear(128 * 4 * 4, 1024)
        self.fc2 = nn.Linear(1024, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.avg_pool2d(x, 5, stride=3)
        x = F.relu(self.conv1(x))
        x = F.dropout(F.relu(self.fc1(x.flatten(1))), 0.7, self.training)
        return self.fc2(x)


class GoogLeNet(nn.Module):
    """GoogLeNet (Szegedy et al. 2014, Table 1)

    (N, 3, 224, 224) -> (N, classes)
    """

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3)  # line 10
        self.conv2 = nn.Conv2d(64, 64, 1)  # line 12
        self.conv3 = nn.Conv2d(64, 192, 3, padding=1)  # line 12
        self.i3a = Inception(192, 64, 96, 128, 16, 32, 32)  # line 16
        self.i3b = Inception(256, 128, 128, 192, 32, 96, 64)  # line 17
        self.i4a = Inception(480, 192, 96, 208, 16, 48, 64)  # line 19
        self.aux1 = AuxHead(512, classes)  # line 20
        self.i4b = Inception(512, 160, 112, 224, 24, 64, 64)  # line 21
        self.i4c = Inception(512, 128, 128, 256, 24, 64, 64)  # line 22
        self.i4d = Inception(512, 112, 144, 288, 32, 64, 64)  # line 23
        self.aux2 = AuxHead(528, classes)  # line 24
        self.i4e = Inception(528, 256, 160, 320, 32, 128, 128)  # line 25
        self.i5a = Inception(832, 256, 160, 320, 32, 128, 128)  # line 27
        self.i5b = Inception(832, 384, 192, 384, 48, 128, 128)  # line 28
        self.fc1 = nn.Linear(1024, classes)  # line 32
        self.reset_parameters()

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor, Tensor]:
        x = F.relu(self.conv1(x))  # 64x112x112
        x = F.max_pool2d(x, 3, stride=2, ceil_mode=True)  # 64x56x56
        x = lrn(x, n=5, k=2.0, alpha=0.0001, beta=0.75)  # 64x56x56
        x = F.relu(self.conv2(x))  # 64x56x56
        x = F.relu(self.conv3(x))  # 192x56x56
        x = lrn(x, n=5, k=2.0, alpha=0.0001, beta=0.75)  # 192x56x56
        x = F.max_pool2d(x, 3, stride=2, ceil_mode=True)  # 192x28x28
        x = self.i3a(x)  # 256x28x28
        x = self.i3b(x)  # 480x28x28
        x = F.max_pool2d(x, 3, stride=2, ceil_mode=True)  # 480x14x14
        i4a = self.i4a(x)  # 512x14x14
        x = self.i4b(i4a)  # 512x14x14
        x = self.i4c(x)  # 512x14x14
        i4d = self.i4d(x)  # 528x14x14
        x = self.i4e(i4d)  # 832x14x14
        x = F.max_pool2d(x, 3, stride=2, ceil_mode=True)  # 832x7x7
        x = self.i5a(x)  # 832x7x7
        x = self.i5b(x)  # 1024x7x7
        x = F.dropout(F.adaptive_avg_pool2d(x, 1), 0.4, self.training)  # 1024x1x1
        logits = self.fc1(x.flatten(1))
        if self.training:
            return logits, self.aux1(i4a), self.aux2(i4d)
        return logits

    @torch.no_grad()
    def predict(self, x: Tensor) -> Tensor:
        """(N, 3, 224, 224) -> class probabilities (N, classes); call eval() first."""
        return torch.softmax(self(x), dim=1)

    def reset_parameters(self) -> None:
        """conv, fc: glorot, bias 0.2; fc1, aux1.fc2, aux2.fc2: bias 0."""
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                nn.init.xavier_uniform_(layer.weight)
                if layer.bias is not None:
                    nn.init.constant_(layer.bias, 0.2)
        for name in ("fc1", "aux1.fc2", "aux2.fc2"):
            nn.init.zeros_(self.get_parameter(f"{name}.bias"))


LOSS_WEIGHTS = {"logits": 1.0, "aux1": 0.3, "aux2": 0.3}


if __name__ == "__main__":
    model = GoogLeNet().eval()
    outputs = model(torch.zeros(1, 3, 224, 224))
    count = sum(parameter.numel() for parameter in model.parameters())
    print(f"{tuple(outputs.shape)}, {count:,} parameters")
