"""MobileNetV3-Large (Howard et al. 2019, Table 1)

Compiled by archc 0.1.0 from mobilenet_v3_large.arch (sha256 4ecd72025e19d208).
5,483,032 parameters;
216.6 M multiply-adds at 3x224x224.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def glorot_(weight: Tensor, groups: int) -> None:
    """Uniform in +-sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio 2010, equation 16).

    The units that one input feeds are those of its own group or tower.
    """
    fan_in = weight[0].numel()
    fan_out = weight.numel() // weight.shape[1] // groups
    bound = math.sqrt(6 / (fan_in + fan_out))
    nn.init.uniform_(weight, -bound, bound)


class Inverted(nn.Module):
    """Expansion, depthwise convolution, linear projection

    inverted(k, exp, out, attention, act, s)  --  mobilenet_v3_large.arch:53

    (N, in_channels, H, W) -> (N, out, H_out, W_out)
    """

    def __init__(
        self,
        in_channels: int,
        k: int,
        exp: int,
        out: int,
        attention: Callable[[Tensor], Tensor],
        act: Callable[[Tensor], Tensor],
        s: int,
    ) -> None:
        super().__init__()
        self.act = act
        self.attention = attention
        self.has_conv1 = in_channels != exp
        if self.has_conv1:
            self.conv1 = nn.Conv2d(in_channels, exp, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(exp, eps=0.001, momentum=0.01)
        self.conv2 = nn.Conv2d(
            exp, exp, k, stride=s, padding=(k - 1) // 2, groups=exp, bias=False
        )
        self.bn2 = nn.BatchNorm2d(exp, eps=0.001, momentum=0.01)
        self.conv3 = nn.Conv2d(exp, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out, eps=0.001, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.bn1(self.conv1(x))) if self.has_conv1 else x
        x = self.attention(self.act(self.bn2(self.conv2(x))))
        return self.bn3(self.conv3(x))


class Bneck(nn.Module):
    """Bottleneck, squeeze-and-excite within (Howard et al. 2019, Figure 4)

    bneck(k, exp, out, attention, act, s)  --  mobilenet_v3_large.arch:44

    (N, in_channels, H, W) -> (N, out, H_out, W_out)
    """

    def __init__(
        self,
        in_channels: int,
        k: int,
        exp: int,
        out: int,
        attention: Callable[[Tensor], Tensor],
        act: Callable[[Tensor], Tensor],
        s: int,
    ) -> None:
        super().__init__()
        self.condition = s == 1 and in_channels == out
        self.inverted1 = Inverted(in_channels, k, exp, out, attention, act, s)

    def forward(self, x: Tensor) -> Tensor:
        return self.inverted1(x) + x if self.condition else self.inverted1(x)


class SqueezeExcite(nn.Module):
    """Squeeze-and-excitation (Hu et al. 2018, Figure 2), n channels

    squeeze_excite(squeezed, act, gate, n)  --  squeeze_excite.arch:3

    (N, in_channels, H, W) -> (N, in_channels, H, W)
    """

    def __init__(
        self,
        in_channels: int,
        squeezed: int,
        act: Callable[[Tensor], Tensor],
        gate: Callable[[Tensor], Tensor],
        n: int,
    ) -> None:
        super().__init__()
        self.act = act
        self.gate = gate
        self.conv1 = nn.Conv2d(in_channels, squeezed, 1)
        self.conv2 = nn.Conv2d(squeezed, n, 1)

    def forward(self, x: Tensor) -> Tensor:
        out = self.gate(self.conv2(self.act(self.conv1(F.adaptive_avg_pool2d(x, 1)))))
        return x * out


class Se(nn.Module):
    """Squeezed to a quarter of the expansion (Section 5.3), in eights

    se()  --  mobilenet_v3_large.arch:61

    (N, in_channels, H, W) -> (N, in_channels, H, W)
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.squeeze_excite1 = SqueezeExcite(
            in_channels,
            math.ceil(in_channels / 32) * 8,
            F.relu,
            lambda x: F.relu6(x + 3) / 6,
            in_channels,
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.squeeze_excite1(x)


class Inverted2(nn.Module):
    """Expansion, depthwise convolution, linear projection

    inverted(k, exp, out, attention, act, s)  --  mobilenet_v3_large.arch:53

    (N, in_channels, H, W) -> (N, out, H_out, W_out)
    """

    def __init__(
        self,
        in_channels: int,
        k: int,
        exp: int,
        out: int,
        act: Callable[[Tensor], Tensor],
        s: int,
    ) -> None:
        super().__init__()
        self.act = act
        self.conv1 = nn.Conv2d(in_channels, exp, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(exp, eps=0.001, momentum=0.01)
        self.conv2 = nn.Conv2d(
            exp, exp, k, stride=s, padding=(k - 1) // 2, groups=exp, bias=False
        )
        self.bn2 = nn.BatchNorm2d(exp, eps=0.001, momentum=0.01)
        self.se1 = Se(exp)
        self.conv3 = nn.Conv2d(exp, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out, eps=0.001, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.bn1(self.conv1(x)))
        x = self.act(self.bn2(self.conv2(x)))
        x = self.se1(x)
        return self.bn3(self.conv3(x))


class Bneck2(nn.Module):
    """Bottleneck, squeeze-and-excite within (Howard et al. 2019, Figure 4)

    bneck(k, exp, out, attention, act, s)  --  mobilenet_v3_large.arch:44

    (N, in_channels, H, W) -> (N, out, H_out, W_out)
    """

    def __init__(
        self,
        in_channels: int,
        k: int,
        exp: int,
        out: int,
        act: Callable[[Tensor], Tensor],
        s: int,
    ) -> None:
        super().__init__()
        self.condition = s == 1 and in_channels == out
        self.inverted1 = Inverted2(in_channels, k, exp, out, act, s)

    def forward(self, x: Tensor) -> Tensor:
        return self.inverted1(x) + x if self.condition else self.inverted1(x)


class MobileNetV3Large(nn.Module):
    """MobileNetV3-Large (Howard et al. 2019, Table 1)

    (N, 3, 224, 224) -> (N, classes)
    """

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, stride=2, padding=1, bias=False)  # line 12
        self.bn1 = nn.BatchNorm2d(16, eps=0.001, momentum=0.01)  # line 12
        self.row1 = Bneck(16, 3, 16, 16, nn.Identity(), F.relu, 1)  # line 14
        self.row2 = Bneck(16, 3, 64, 24, nn.Identity(), F.relu, 2)  # line 15
        self.row3 = Bneck(24, 3, 72, 24, nn.Identity(), F.relu, 1)  # line 16
        self.row4 = Bneck2(24, 5, 72, 40, F.relu, 2)  # line 17
        self.row5 = Bneck2(40, 5, 120, 40, F.relu, 1)  # line 18
        self.row6 = Bneck2(40, 5, 120, 40, F.relu, 1)  # line 19
        self.row7 = Bneck(40, 3, 240, 80, nn.Identity(), F.hardswish, 2)  # line 20
        self.row8 = Bneck(80, 3, 200, 80, nn.Identity(), F.hardswish, 1)  # line 21
        self.row9 = Bneck(80, 3, 184, 80, nn.Identity(), F.hardswish, 1)  # line 22
        self.row10 = Bneck(80, 3, 184, 80, nn.Identity(), F.hardswish, 1)  # line 23
        self.row11 = Bneck2(80, 3, 480, 112, F.hardswish, 1)  # line 24
        self.row12 = Bneck2(112, 3, 672, 112, F.hardswish, 1)  # line 25
        self.row13 = Bneck2(112, 5, 672, 160, F.hardswish, 2)  # line 26
        self.row14 = Bneck2(160, 5, 960, 160, F.hardswish, 1)  # line 27
        self.row15 = Bneck2(160, 5, 960, 160, F.hardswish, 1)  # line 28
        self.conv2 = nn.Conv2d(160, 960, 1, bias=False)  # line 29
        self.bn2 = nn.BatchNorm2d(960, eps=0.001, momentum=0.01)  # line 29
        self.fc1 = nn.Linear(960, 1280)  # line 31
        self.fc2 = nn.Linear(1280, classes)  # line 32
        self.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        x = F.hardswish(self.bn1(self.conv1(x)))  # 16x112x112
        x = self.row1(x)  # 16x112x112
        x = self.row2(x)  # 24x56x56
        x = self.row3(x)  # 24x56x56
        x = self.row4(x)  # 40x28x28
        x = self.row5(x)  # 40x28x28
        x = self.row6(x)  # 40x28x28
        x = self.row7(x)  # 80x14x14
        x = self.row8(x)  # 80x14x14
        x = self.row9(x)  # 80x14x14
        x = self.row10(x)  # 80x14x14
        x = self.row11(x)  # 112x14x14
        x = self.row12(x)  # 112x14x14
        x = self.row13(x)  # 160x7x7
        x = self.row14(x)  # 160x7x7
        x = self.row15(x)  # 160x7x7
        x = F.hardswish(self.bn2(self.conv2(x)))  # 960x7x7
        x = F.adaptive_avg_pool2d(x, 1)  # 960x1x1
        x = F.dropout(F.hardswish(self.fc1(x.flatten(1))), 0.2, self.training)  # 1280
        return self.fc2(x)

    @torch.no_grad()
    def predict(self, x: Tensor) -> Tensor:
        """(N, 3, 224, 224) -> class probabilities (N, classes); call eval() first."""
        return torch.softmax(self(x), dim=1)

    def reset_parameters(self) -> None:
        """conv, fc: glorot, bias 0 (archc's default)."""
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                glorot_(layer.weight, getattr(layer, "groups", 1))
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)


if __name__ == "__main__":
    model = MobileNetV3Large().eval()
    outputs = model(torch.zeros(1, 3, 224, 224))
    count = sum(parameter.numel() for parameter in model.parameters())
    print(f"{tuple(outputs.shape)}, {count:,} parameters")
