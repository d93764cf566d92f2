"""U-Net (Ronneberger, Fischer & Brox 2015, Figure 1)

Compiled by archc 0.1.0 from unet.arch (sha256 4c54d6a7515efb19).
31,030,658 parameters;
150.4 G multiply-adds at 1x572x572.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def crop(x: Tensor, margin: int | tuple[int, int]) -> Tensor:
    """Cuts a margin off each side: one number, or (height, width).

    (N, C, H, W) -> (N, C, H - 2 * height, W - 2 * width)
    """
    top, left = (margin, margin) if isinstance(margin, int) else margin
    return x[:, :, top : x.shape[2] - top, left : x.shape[3] - left]


class Double(nn.Module):
    """Two unpadded 3x3 convolutions, each followed by a ReLU (Section 2)

    double(n)  --  unet.arch:38

    (N, in_channels, H, W) -> (N, n, H_out, W_out)
    """

    def __init__(self, in_channels: int, n: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, n, 3)
        self.conv2 = nn.Conv2d(n, n, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv1(x))
        return F.relu(self.conv2(x))


class UNet(nn.Module):
    """U-Net (Ronneberger, Fischer & Brox 2015, Figure 1)

    (N, 1, 572, 572) -> (N, classes, 388, 388)
    """

    def __init__(self, classes: int = 2) -> None:
        super().__init__()
        self.down1 = Double(1, 64)  # line 9
        self.down2 = Double(64, 128)  # line 10
        self.down3 = Double(128, 256)  # line 11
        self.double4 = Double(256, 512)  # line 13
        self.double5 = Double(512, 1024)  # line 15
        self.deconv1 = nn.ConvTranspose2d(1024, 512, 2, stride=2)  # line 16
        self.up4 = Double(1024, 512)  # line 16
        self.deconv2 = nn.ConvTranspose2d(512, 256, 2, stride=2)  # line 17
        self.up3 = Double(512, 256)  # line 17
        self.deconv3 = nn.ConvTranspose2d(256, 128, 2, stride=2)  # line 18
        self.up2 = Double(256, 128)  # line 18
        self.deconv4 = nn.ConvTranspose2d(128, 64, 2, stride=2)  # line 19
        self.up1 = Double(128, 64)  # line 19
        self.conv1 = nn.Conv2d(64, classes, 1)  # line 20
        self.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        x = self.down1(x)  # 64x568x568
        out = F.max_pool2d(x, 2)  # 64x284x284
        down2 = self.down2(out)  # 128x280x280
        out = F.max_pool2d(down2, 2)  # 128x140x140
        down3 = self.down3(out)  # 256x136x136
        out = F.max_pool2d(down3, 2)  # 256x68x68
        dropout1 = F.dropout(self.double4(out), 0.5, self.training)  # 512x64x64
        # 512x56x56
        deconv1 = self.deconv1(
            F.dropout(self.double5(F.max_pool2d(dropout1, 2)), 0.5, self.training)
        )
        out = self.up4(torch.cat([crop(dropout1, 4), deconv1], dim=1))  # 512x52x52
        # 256x100x100
        out = self.up3(torch.cat([crop(down3, 16), self.deconv2(out)], dim=1))
        # 128x196x196
        out = self.up2(torch.cat([crop(down2, 40), self.deconv3(out)], dim=1))
        x = torch.cat([crop(x, 88), self.deconv4(out)], dim=1)  # 128x392x392
        x = self.up1(x)  # 64x388x388
        return self.conv1(x)

    @torch.no_grad()
    def predict(self, x: Tensor) -> Tensor:
        """Class probabilities; call eval() first."""
        return torch.softmax(self(x), dim=1)

    def reset_parameters(self) -> None:
        """conv, deconv, fc: glorot, bias 0 (archc's default)."""
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                nn.init.xavier_uniform_(layer.weight)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)


if __name__ == "__main__":
    model = UNet().eval()
    outputs = model(torch.zeros(1, 1, 572, 572))
    count = sum(parameter.numel() for parameter in model.parameters())
    print(f"{tuple(outputs.shape)}, {count:,} parameters")
