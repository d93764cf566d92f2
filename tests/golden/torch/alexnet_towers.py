"""AlexNet (Krizhevsky, Sutskever & Hinton 2012, Figure 2)

Compiled by archc 0.1.0 from alexnet.arch (sha256 adabf5520c2c0a6e).

One of 2 towers, each on a device of its own. A device has
32,531,112 parameters;
364.3 M multiply-adds at 3x227x227.
"""

from functools import cache
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn


@cache
def replica(towers: int) -> Any:
    """The processes with the towers of this one's net: so many ranks in a row."""
    return dist.new_subgroups(towers)[0]


def join_towers(x: Tensor, towers: int) -> Tensor:
    """The channels of all towers: (N, C, ...) -> (N, towers * C, ...)."""
    x = x.contiguous()
    parts = [torch.empty_like(x) for _ in range(towers)]
    dist.all_gather(parts, x, replica(towers))
    return torch.cat(parts, dim=1)


def own_part(x: Tensor, towers: int) -> Tensor:
    """This tower's channels: (N, towers * C, ...) -> (N, C, ...)."""
    return x.chunk(towers, dim=1)[dist.get_rank(replica(towers))]


class CrossTowers(torch.autograd.Function):
    """The maps of all towers, for this one: (N, C, ...) -> (N, towers * C, ...).

    Backward the gradients of all towers are summed, and each keeps its own channels.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, towers: int) -> Tensor:
        ctx.towers = towers
        return join_towers(x, towers)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        parts = [part.contiguous() for part in gradients[0].chunk(ctx.towers, dim=1)]
        own = torch.empty_like(parts[0])
        dist.reduce_scatter(own, parts, group=replica(ctx.towers))
        return own, None


class LeaveTowers(torch.autograd.Function):
    """The maps of all towers, for what all compute alike: Megatron's g.

    (N, C, ...) -> (N, towers * C, ...). Backward each keeps its own channels.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, towers: int) -> Tensor:
        ctx.towers = towers
        return join_towers(x, towers)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return own_part(gradients[0], ctx.towers), None


def tower_dropout(x: Tensor, p: float, training: bool, towers: int) -> Tensor:
    """Dropout of this tower's maps: (N, C, ...) -> the same.

    Each tower draws the mask of all and takes its own part: together they drop what
    one device would. The processes of a replica begin with the same seed.
    """
    if not training:
        return x
    ones = x.new_ones(len(x), towers * x.shape[1], *x.shape[2:])
    return x * own_part(F.dropout(ones, p), towers)


def lrn(x: Tensor, n: int, k: float, alpha: float, beta: float) -> Tensor:
    """Local response normalisation (Krizhevsky et al. 2012, Section 3.3).

    (N, C, H, W) -> the same. The paper's alpha weighs the sum of n squares, PyTorch's
    their mean: hence alpha * n. In float32 at least: squares overflow in float16.
    """
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    return F.local_response_norm(wide, n, alpha=alpha * n, beta=beta, k=k).to(x.dtype)


class AlexNet(nn.Module):
    """AlexNet (Krizhevsky, Sutskever & Hinton 2012, Figure 2)

    (N, 3, 227, 227) -> (N, classes)
    """

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 48, 11, stride=4)  # line 11
        self.conv2 = nn.Conv2d(48, 128, 5, padding=2)  # line 12
        self.conv3 = nn.Conv2d(256, 192, 3, padding=1)  # line 15
        self.conv4 = nn.Conv2d(192, 192, 3, padding=1)  # line 16
        self.conv5 = nn.Conv2d(192, 128, 3, padding=1)  # line 17
        self.fc6 = nn.Linear(256 * 6 * 6, 2048)  # line 19
        self.fc7 = nn.Linear(4096, 2048)  # line 20
        self.fc8 = nn.Linear(4096, classes)  # line 21
        self.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv1(x))  # 48x55x55
        x = lrn(x, n=5, k=2.0, alpha=0.0001, beta=0.75)  # 48x55x55
        x = F.max_pool2d(x, 3, stride=2)  # 48x27x27
        x = F.relu(self.conv2(x))  # 128x27x27
        x = lrn(x, n=5, k=2.0, alpha=0.0001, beta=0.75)  # 128x27x27
        x = F.max_pool2d(x, 3, stride=2)  # 128x13x13
        x = CrossTowers.apply(x, 2)  # 256x13x13
        x = F.relu(self.conv3(x))  # 192x13x13
        x = F.relu(self.conv4(x))  # 192x13x13
        x = F.relu(self.conv5(x))  # 128x13x13
        x = F.max_pool2d(x, 3, stride=2)  # 128x6x6
        x = CrossTowers.apply(x, 2)  # 256x6x6
        x = tower_dropout(F.relu(self.fc6(x.flatten(1))), 0.5, self.training, 2)  # 2048
        x = CrossTowers.apply(x, 2)  # 4096
        x = tower_dropout(F.relu(self.fc7(x)), 0.5, self.training, 2)  # 2048
        x = LeaveTowers.apply(x, 2)  # 4096
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
    # torchrun --nproc-per-node 2 FILE
    dist.init_process_group("gloo")
    model = AlexNet().eval()
    outputs = model(torch.zeros(1, 3, 227, 227))
    count = sum(parameter.numel() for parameter in model.parameters())
    tower = dist.get_rank() % 2
    print(f"tower {tower}: {tuple(outputs.shape)}, {count:,} parameters")
    dist.destroy_process_group()
