"""ResNet-50 (He et al. 2015, Table 1, column 50-layer)

Compiled by archc 0.1.0 from resnet50.arch (sha256 b0c64cbafad27d97).
25,557,032 parameters;
4.089 G multiply-adds at 3x224x224.
"""

from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array, lax


class BatchNorm(nnx.Module):
    """Batch normalisation (Ioffe & Szegedy 2015): (N, ..., C) -> the same.

    As in the paper's Algorithm 2, the variance that is kept is the unbiased estimate;
    nnx.BatchNorm keeps the biased. `momentum` weighs the new batch. In float32 at
    least.
    """

    def __init__(
        self, channels: int, *, momentum: float = 0.1, epsilon: float = 1e-5
    ) -> None:
        self.momentum = momentum
        self.epsilon = epsilon
        self.use_running_average = False
        self.scale = nnx.Param(jnp.ones(channels))
        self.bias = nnx.Param(jnp.zeros(channels))
        self.mean = nnx.BatchStat(jnp.zeros(channels))
        self.var = nnx.BatchStat(jnp.ones(channels))

    def __call__(self, x: Array) -> Array:
        wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        if self.use_running_average:
            mean, var = self.mean[...], self.var[...]
        else:
            axes = tuple(range(x.ndim - 1))
            mean, var = wide.mean(axes), wide.var(axes)
            n = x.size // x.shape[-1]
            if n < 2:
                raise ValueError("batch norm learns from two values a channel or more")
            self.mean[...] += self.momentum * (mean - self.mean[...])
            self.var[...] += self.momentum * (var * (n / (n - 1)) - self.var[...])
        factor = self.scale[...] * lax.rsqrt(var + self.epsilon)
        return ((wide - mean) * factor + self.bias[...]).astype(x.dtype)


# conv, fc: he, bias 0.
Conv = partial(
    nnx.Conv, kernel_init=nnx.initializers.variance_scaling(2.0, "fan_in", "normal")
)
Linear = partial(
    nnx.Linear, kernel_init=nnx.initializers.variance_scaling(2.0, "fan_in", "normal")
)


class Bottleneck(nnx.Module):
    """Bottleneck block (He et al. 2015, Figure 5, right)

    bottleneck(n, out, stride, groups)  --  residual.arch:12

    (N, H, W, in_channels) -> (N, H_out, W_out, out)
    """

    def __init__(
        self,
        in_channels: int,
        n: int,
        out: int,
        stride: int,
        groups: int,
        *,
        rngs: nnx.Rngs,
    ) -> None:
        self.conv1 = Conv(in_channels, n, (1, 1), use_bias=False, rngs=rngs)
        self.bn1 = BatchNorm(n)
        self.conv2 = Conv(
            n,
            n,
            (3, 3),
            strides=stride,
            padding=1,
            feature_group_count=groups,
            use_bias=False,
            rngs=rngs,
        )
        self.bn2 = BatchNorm(n)
        self.conv3 = Conv(n, out, (1, 1), use_bias=False, rngs=rngs)
        self.bn3 = BatchNorm(out)
        self.has_conv4 = in_channels != out or stride != 1
        if self.has_conv4:
            self.conv4 = Conv(
                in_channels, out, (1, 1), strides=stride, use_bias=False, rngs=rngs
            )
            self.bn4 = BatchNorm(out)

    def __call__(self, x: Array) -> Array:
        out = nnx.relu(self.bn1(self.conv1(x)))
        out = nnx.relu(self.bn2(self.conv2(out)))
        x = self.bn4(self.conv4(x)) if self.has_conv4 else x
        return nnx.relu(self.bn3(self.conv3(out)) + x)


class Stage(nnx.Module):
    """A row of the table: bottleneck blocks, the stride at the first

    stage(n, out, times, stride, groups)  --  residual.arch:24

    (N, H, W, in_channels) -> (N, H_out, W_out, out)
    """

    def __init__(
        self,
        in_channels: int,
        n: int,
        out: int,
        times: int,
        stride: int,
        groups: int,
        *,
        rngs: nnx.Rngs,
    ) -> None:
        self.bottleneck1 = Bottleneck(in_channels, n, out, stride, groups, rngs=rngs)
        self.repeat1 = nnx.Sequential(
            *(Bottleneck(out, n, out, 1, groups, rngs=rngs) for _ in range(times - 1))
        )

    def __call__(self, x: Array) -> Array:
        x = self.bottleneck1(x)
        return self.repeat1(x)


class ResNet50(nnx.Module):
    """ResNet-50 (He et al. 2015, Table 1, column 50-layer)

    (N, 224, 224, 3) -> (N, classes)
    """

    def __init__(self, classes: int = 1000, *, rngs: nnx.Rngs) -> None:
        # line 11
        self.conv1 = Conv(
            3, 64, (7, 7), strides=2, padding=3, use_bias=False, rngs=rngs
        )
        self.bn1 = BatchNorm(64)  # line 11
        self.conv2_x = Stage(64, 64, 256, 3, 1, 1, rngs=rngs)  # line 13
        self.conv3_x = Stage(256, 128, 512, 4, 2, 1, rngs=rngs)  # line 14
        self.conv4_x = Stage(512, 256, 1024, 6, 2, 1, rngs=rngs)  # line 15
        self.conv5_x = Stage(1024, 512, 2048, 3, 2, 1, rngs=rngs)  # line 16
        self.fc1 = Linear(2048, classes, rngs=rngs)  # line 17

    def __call__(self, x: Array) -> Array:
        x = nnx.relu(self.bn1(self.conv1(x)))  # 112x112x64
        x = nnx.pool(x, -jnp.inf, lax.max, (3, 3), (2, 2), [(1, 1), (1, 1)])  # 56x56x64
        x = self.conv2_x(x)  # 56x56x256
        x = self.conv3_x(x)  # 28x28x512
        x = self.conv4_x(x)  # 14x14x1024
        x = self.conv5_x(x)  # 7x7x2048
        x = x.mean(axis=(1, 2), keepdims=True)  # 1x1x2048
        return self.fc1(x.squeeze((1, 2)))

    def predict(self, x: Array) -> Array:
        """(N, 224, 224, 3) -> class probabilities (N, classes); call eval() first."""
        return nnx.softmax(self(x))


if __name__ == "__main__":
    model = ResNet50(rngs=nnx.Rngs(0))
    model.eval()
    outputs = model(jnp.zeros((1, 224, 224, 3)))
    parameters = jax.tree.leaves(nnx.state(model, nnx.Param))
    count = sum(parameter.size for parameter in parameters)
    print(f"{outputs.shape}, {count:,} parameters")
