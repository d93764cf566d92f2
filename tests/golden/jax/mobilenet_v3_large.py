"""MobileNetV3-Large (Howard et al. 2019, Table 1)

Compiled by archc 0.1.0 from mobilenet_v3_large.arch (sha256 4ecd72025e19d208).
5,483,032 parameters;
216.6 M multiply-adds at 3x224x224.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array, lax


def glorot(groups: int) -> Callable[..., Array]:
    """Uniform in +-sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio 2010, equation 16).

    The units that one input feeds are those of its own group or tower.
    """

    def init(key: Array, shape: Sequence[int], dtype: Any = float) -> Array:
        place = math.prod(shape[:-2])
        bound = math.sqrt(6 / (place * (shape[-2] + shape[-1] // groups)))
        return jax.random.uniform(key, shape, dtype, -bound, bound)

    return init


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


# conv, fc: glorot, bias 0 (archc's default).
Conv = partial(nnx.Conv, kernel_init=nnx.initializers.glorot_uniform())
Linear = partial(nnx.Linear, kernel_init=nnx.initializers.glorot_uniform())


class Inverted(nnx.Module):
    """Expansion, depthwise convolution, linear projection

    inverted(k, exp, out, attention, act, s)  --  mobilenet_v3_large.arch:53

    (N, H, W, in_channels) -> (N, H_out, W_out, out)
    """

    def __init__(
        self,
        in_channels: int,
        k: int,
        exp: int,
        out: int,
        attention: Callable[[Array], Array],
        act: Callable[[Array], Array],
        s: int,
        *,
        rngs: nnx.Rngs,
    ) -> None:
        self.act = act
        self.attention = attention
        self.has_conv1 = in_channels != exp
        if self.has_conv1:
            self.conv1 = Conv(in_channels, exp, (1, 1), use_bias=False, rngs=rngs)
            self.bn1 = BatchNorm(exp, momentum=0.01, epsilon=0.001)
        self.conv2 = Conv(
            exp,
            exp,
            (k, k),
            strides=s,
            padding=(k - 1) // 2,
            feature_group_count=exp,
            use_bias=False,
            kernel_init=glorot(exp),
            rngs=rngs,
        )
        self.bn2 = BatchNorm(exp, momentum=0.01, epsilon=0.001)
        self.conv3 = Conv(exp, out, (1, 1), use_bias=False, rngs=rngs)
        self.bn3 = BatchNorm(out, momentum=0.01, epsilon=0.001)

    def __call__(self, x: Array) -> Array:
        x = self.act(self.bn1(self.conv1(x))) if self.has_conv1 else x
        x = self.attention(self.act(self.bn2(self.conv2(x))))
        return self.bn3(self.conv3(x))


class Bneck(nnx.Module):
    """Bottleneck, squeeze-and-excite within (Howard et al. 2019, Figure 4)

    bneck(k, exp, out, attention, act, s)  --  mobilenet_v3_large.arch:44

    (N, H, W, in_channels) -> (N, H_out, W_out, out)
    """

    def __init__(
        self,
        in_channels: int,
        k: int,
        exp: int,
        out: int,
        attention: Callable[[Array], Array],
        act: Callable[[Array], Array],
        s: int,
        *,
        rngs: nnx.Rngs,
    ) -> None:
        self.condition = s == 1 and in_channels == out
        self.inverted1 = Inverted(
            in_channels, k, exp, out, attention, act, s, rngs=rngs
        )

    def __call__(self, x: Array) -> Array:
        return self.inverted1(x) + x if self.condition else self.inverted1(x)


class SqueezeExcite(nnx.Module):
    """Squeeze-and-excitation (Hu et al. 2018, Figure 2), n channels

    squeeze_excite(squeezed, act, gate, n)  --  squeeze_excite.arch:3

    (N, H, W, in_channels) -> (N, H, W, in_channels)
    """

    def __init__(
        self,
        in_channels: int,
        squeezed: int,
        act: Callable[[Array], Array],
        gate: Callable[[Array], Array],
        n: int,
        *,
        rngs: nnx.Rngs,
    ) -> None:
        self.act = act
        self.gate = gate
        self.conv1 = Conv(in_channels, squeezed, (1, 1), rngs=rngs)
        self.conv2 = Conv(squeezed, n, (1, 1), rngs=rngs)

    def __call__(self, x: Array) -> Array:
        out = self.gate(
            self.conv2(self.act(self.conv1(x.mean(axis=(1, 2), keepdims=True))))
        )
        return x * out


class Se(nnx.Module):
    """Squeezed to a quarter of the expansion (Section 5.3), in eights

    se()  --  mobilenet_v3_large.arch:61

    (N, H, W, in_channels) -> (N, H, W, in_channels)
    """

    def __init__(self, in_channels: int, *, rngs: nnx.Rngs) -> None:
        self.squeeze_excite1 = SqueezeExcite(
            in_channels,
            math.ceil(in_channels / 32) * 8,
            nnx.relu,
            nnx.hard_sigmoid,
            in_channels,
            rngs=rngs,
        )

    def __call__(self, x: Array) -> Array:
        return self.squeeze_excite1(x)


class Inverted2(nnx.Module):
    """Expansion, depthwise convolution, linear projection

    inverted(k, exp, out, attention, act, s)  --  mobilenet_v3_large.arch:53

    (N, H, W, in_channels) -> (N, H_out, W_out, out)
    """

    def __init__(
        self,
        in_channels: int,
        k: int,
        exp: int,
        out: int,
        act: Callable[[Array], Array],
        s: int,
        *,
        rngs: nnx.Rngs,
    ) -> None:
        self.act = act
        self.conv1 = Conv(in_channels, exp, (1, 1), use_bias=False, rngs=rngs)
        self.bn1 = BatchNorm(exp, momentum=0.01, epsilon=0.001)
        self.conv2 = Conv(
            exp,
            exp,
            (k, k),
            strides=s,
            padding=(k - 1) // 2,
            feature_group_count=exp,
            use_bias=False,
            kernel_init=glorot(exp),
            rngs=rngs,
        )
        self.bn2 = BatchNorm(exp, momentum=0.01, epsilon=0.001)
        self.se1 = Se(exp, rngs=rngs)
        self.conv3 = Conv(exp, out, (1, 1), use_bias=False, rngs=rngs)
        self.bn3 = BatchNorm(out, momentum=0.01, epsilon=0.001)

    def __call__(self, x: Array) -> Array:
        x = self.act(self.bn1(self.conv1(x)))
        x = self.act(self.bn2(self.conv2(x)))
        x = self.se1(x)
        return self.bn3(self.conv3(x))


class Bneck2(nnx.Module):
    """Bottleneck, squeeze-and-excite within (Howard et al. 2019, Figure 4)

    bneck(k, exp, out, attention, act, s)  --  mobilenet_v3_large.arch:44

    (N, H, W, in_channels) -> (N, H_out, W_out, out)
    """

    def __init__(
        self,
        in_channels: int,
        k: int,
        exp: int,
        out: int,
        act: Callable[[Array], Array],
        s: int,
        *,
        rngs: nnx.Rngs,
    ) -> None:
        self.condition = s == 1 and in_channels == out
        self.inverted1 = Inverted2(in_channels, k, exp, out, act, s, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return self.inverted1(x) + x if self.condition else self.inverted1(x)


class MobileNetV3Large(nnx.Module):
    """MobileNetV3-Large (Howard et al. 2019, Table 1)

    (N, 224, 224, 3) -> (N, classes)
    """

    def __init__(self, classes: int = 1000, *, rngs: nnx.Rngs) -> None:
        # line 12
        self.conv1 = Conv(
            3, 16, (3, 3), strides=2, padding=1, use_bias=False, rngs=rngs
        )
        self.bn1 = BatchNorm(16, momentum=0.01, epsilon=0.001)  # line 12
        # line 14
        self.row1 = Bneck(16, 3, 16, 16, nnx.identity, nnx.relu, 1, rngs=rngs)
        # line 15
        self.row2 = Bneck(16, 3, 64, 24, nnx.identity, nnx.relu, 2, rngs=rngs)
        # line 16
        self.row3 = Bneck(24, 3, 72, 24, nnx.identity, nnx.relu, 1, rngs=rngs)
        self.row4 = Bneck2(24, 5, 72, 40, nnx.relu, 2, rngs=rngs)  # line 17
        self.row5 = Bneck2(40, 5, 120, 40, nnx.relu, 1, rngs=rngs)  # line 18
        self.row6 = Bneck2(40, 5, 120, 40, nnx.relu, 1, rngs=rngs)  # line 19
        # line 20
        self.row7 = Bneck(40, 3, 240, 80, nnx.identity, nnx.hard_swish, 2, rngs=rngs)
        # line 21
        self.row8 = Bneck(80, 3, 200, 80, nnx.identity, nnx.hard_swish, 1, rngs=rngs)
        # line 22
        self.row9 = Bneck(80, 3, 184, 80, nnx.identity, nnx.hard_swish, 1, rngs=rngs)
        # line 23
        self.row10 = Bneck(80, 3, 184, 80, nnx.identity, nnx.hard_swish, 1, rngs=rngs)
        self.row11 = Bneck2(80, 3, 480, 112, nnx.hard_swish, 1, rngs=rngs)  # line 24
        self.row12 = Bneck2(112, 3, 672, 112, nnx.hard_swish, 1, rngs=rngs)  # line 25
        self.row13 = Bneck2(112, 5, 672, 160, nnx.hard_swish, 2, rngs=rngs)  # line 26
        self.row14 = Bneck2(160, 5, 960, 160, nnx.hard_swish, 1, rngs=rngs)  # line 27
        self.row15 = Bneck2(160, 5, 960, 160, nnx.hard_swish, 1, rngs=rngs)  # line 28
        self.conv2 = Conv(160, 960, (1, 1), use_bias=False, rngs=rngs)  # line 29
        self.bn2 = BatchNorm(960, momentum=0.01, epsilon=0.001)  # line 29
        self.fc1 = Linear(960, 1280, rngs=rngs)  # line 31
        self.dropout1 = nnx.Dropout(0.2, rngs=rngs)  # line 31
        self.fc2 = Linear(1280, classes, rngs=rngs)  # line 32

    def __call__(self, x: Array) -> Array:
        x = nnx.hard_swish(self.bn1(self.conv1(x)))  # 112x112x16
        x = self.row1(x)  # 112x112x16
        x = self.row2(x)  # 56x56x24
        x = self.row3(x)  # 56x56x24
        x = self.row4(x)  # 28x28x40
        x = self.row5(x)  # 28x28x40
        x = self.row6(x)  # 28x28x40
        x = self.row7(x)  # 14x14x80
        x = self.row8(x)  # 14x14x80
        x = self.row9(x)  # 14x14x80
        x = self.row10(x)  # 14x14x80
        x = self.row11(x)  # 14x14x112
        x = self.row12(x)  # 14x14x112
        x = self.row13(x)  # 7x7x160
        x = self.row14(x)  # 7x7x160
        x = self.row15(x)  # 7x7x160
        x = nnx.hard_swish(self.bn2(self.conv2(x)))  # 7x7x960
        x = x.mean(axis=(1, 2), keepdims=True)  # 1x1x960
        x = self.dropout1(nnx.hard_swish(self.fc1(x.squeeze((1, 2)))))  # 1280
        return self.fc2(x)

    def predict(self, x: Array) -> Array:
        """(N, 224, 224, 3) -> class probabilities (N, classes); call eval() first."""
        return nnx.softmax(self(x))


if __name__ == "__main__":
    model = MobileNetV3Large(rngs=nnx.Rngs(0))
    model.eval()
    outputs = model(jnp.zeros((1, 224, 224, 3)))
    parameters = jax.tree.leaves(nnx.state(model, nnx.Param))
    count = sum(parameter.size for parameter in parameters)
    print(f"{outputs.shape}, {count:,} parameters")
