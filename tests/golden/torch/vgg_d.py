"""VGG-D (Simonyan & Zisserman 2014, Table 1, column D)

Compiled by archc 0.1.0 from vgg_d.arch (sha256 bebc3fa575749d92).
138,357,544 parameters;
15.47 G multiply-adds at 3x224x224.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class VGGD(nn.Module):
    """VGG-D (Simonyan & Zisserman 2014, Table 1, column D)

    (N, 3, 224, 224) -> (N, classes)
    """

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, padding=1)  # line 11
        self.conv2 = nn.Conv2d(64, 64, 3, padding=1)  # line 11
        self.conv3 = nn.Conv2d(64, 128, 3, padding=1)  # line 13
        self.conv4 = nn.Conv2d(128, 128, 3, padding=1)  # line 13
        self.conv5 = nn.Conv2d(128, 256, 3, padding=1)  # line 15
        self.conv6 = nn.Conv2d(256, 256, 3, padding=1)  # line 15
        self.conv7 = nn.Conv2d(256, 256, 3, padding=1)  # line 15
        self.conv8 = nn.Conv2d(256, 512, 3, padding=1)  # line 17
        self.conv9 = nn.Conv2d(512, 512, 3, padding=1)  # line 17
        self.conv10 = nn.Conv2d(512, 512, 3, padding=1)  # line 17
        self.conv11 = nn.Conv2d(512, 512, 3, padding=1)  # line 19
        self.conv12 = nn.Conv2d(512, 512, 3, padding=1)  # line 19
        self.conv13 = nn.Conv2d(512, 512, 3, padding=1)  # line 19
        self.fc1 = nn.Linear(512 * 7 * 7, 4096)  # line 21
        self.fc2 = nn.Linear(4096, 4096)  # line 22
        self.fc3 = nn.Linear(4096, classes)  # line 23
        self.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv1(x))  # 64x224x224
        x = F.relu(self.conv2(x))  # 64x224x224
        x = F.max_pool2d(x, 2)  # 64x112x112
        x = F.relu(self.conv3(x))  # 128x112x112
        x = F.relu(self.conv4(x))  # 128x112x112
        x = F.max_pool2d(x, 2)  # 128x56x56
        x = F.relu(self.conv5(x))  # 256x56x56
        x = F.relu(self.conv6(x))  # 256x56x56
        x = F.relu(self.conv7(x))  # 256x56x56
        x = F.max_pool2d(x, 2)  # 256x28x28
        x = F.relu(self.conv8(x))  # 512x28x28
        x = F.relu(self.conv9(x))  # 512x28x28
        x = F.relu(self.conv10(x))  # 512x28x28
        x = F.max_pool2d(x, 2)  # 512x14x14
        x = F.relu(self.conv11(x))  # 512x14x14
        x = F.relu(self.conv12(x))  # 512x14x14
        x = F.relu(self.conv13(x))  # 512x14x14
        x = F.max_pool2d(x, 2)  # 512x7x7
        x = F.dropout(F.relu(self.fc1(x.flatten(1))), 0.5, self.training)  # 4096
        x = F.dropout(F.relu(self.fc2(x)), 0.5, self.training)  # 4096
        return self.fc3(x)

    @torch.no_grad()
    def predict(self, x: Tensor) -> Tensor:
        """(N, 3, 224, 224) -> class probabilities (N, classes); call eval() first."""
        return torch.softmax(self(x), dim=1)

    def reset_parameters(self) -> None:
        """conv, fc: glorot, bias 0."""
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                nn.init.xavier_uniform_(layer.weight)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)


if __name__ == "__main__":
    model = VGGD().eval()
    outputs = model(torch.zeros(1, 3, 224, 224))
    count = sum(parameter.numel() for parameter in model.parameters())
    print(f"{tuple(outputs.shape)}, {count:,} parameters")
