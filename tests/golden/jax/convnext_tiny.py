"""ConvNeXt-Tiny (Liu et al. 2022, Table 9)

Compiled by archc 0.1.0 from convnext_tiny.arch (sha256 1bd60bfb824d4300).
28,589,128 parameters;
4.456 G multiply-adds at 3x224x224.
"""

from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array


class LayerScale(nnx.Module):
    """A learned factor a channel (Touvron et al. 2021): (N, ..., C) -> the same."""

    def __init__(self, channels: int, init: float) -> None:
        self.scale = nnx.Param(jnp.full(channels, init))

    def __call__(self, x: Array) -> Array:
        return x * self.scale


# conv, fc: normal(mean = 0.0, std = 0.02), bias 0.
Conv = partial(nnx.Conv, kernel_init=nnx.initializers.normal(0.02))
Linear = partial(nnx.Linear, kernel_init=nnx.initializers.normal(0.02))


class Unit(nnx.Module):
    """ConvNeXt block (Liu et al. 2022, Figure 4)

    unit(before, n)  --  convnext_tiny.arch:45

    (N, H, W, in_channels) -> (N, H, W, n)
    """

    def __init__(
        self, in_channels: int, before: int, n: int, *, rngs: nnx.Rngs
    ) -> None:
        self.conv1 = Conv(in_channels, n, (7, 7), feature_group_count=n, rngs=rngs)
        self.layernorm1 = nnx.LayerNorm(
            n, epsilon=1e-6, use_fast_variance=False, rngs=rngs
        )
        self.conv2 = Conv(n, 4 * n, (1, 1), rngs=rngs)
        self.conv3 = Conv(4 * n, n, (1, 1), rngs=rngs)
        self.layerscale1 = LayerScale(n, 1e-6)
        self.droppath1 = nnx.Dropout(
            (0.1 * before) / 17, broadcast_dims=(1, 2, 3), rngs=rngs
        )

    def __call__(self, x: Array) -> Array:
        out = self.conv3(
            nnx.gelu(self.conv2(self.layernorm1(self.conv1(x))), approximate=False)
        )
        return self.droppath1(self.layerscale1(out)) + x


class ConvNeXtTiny(nnx.Module):
    """ConvNeXt-Tiny (Liu et al. 2022, Table 9)

    (N, 224, 224, 3) -> (N, classes)
    """

    def __init__(self, classes: int = 1000, *, rngs: nnx.Rngs) -> None:
        # line 8
        self.conv1 = Conv(3, 96, (4, 4), strides=4, padding="VALID", rngs=rngs)
        # line 8
        self.layernorm1 = nnx.LayerNorm(
            96, epsilon=1e-6, use_fast_variance=False, rngs=rngs
        )
        # line 9
        self.repeat1 = nnx.Sequential(*(Unit(96, i, 96, rngs=rngs) for i in range(3)))
        # line 10
        self.layernorm2 = nnx.LayerNorm(
            96, epsilon=1e-6, use_fast_variance=False, rngs=rngs
        )
        # line 10
        self.conv2 = Conv(96, 192, (2, 2), strides=2, padding="VALID", rngs=rngs)
        # line 10
        self.repeat2 = nnx.Sequential(
            *(Unit(192, 3 + i, 192, rngs=rngs) for i in range(3))
        )
        # line 11
        self.layernorm3 = nnx.LayerNorm(
            192, epsilon=1e-6, use_fast_variance=False, rngs=rngs
        )
        # line 11
        self.conv3 = Conv(192, 384, (2, 2), strides=2, padding="VALID", rngs=rngs)
        # line 11
        self.repeat3 = nnx.Sequential(
            *(Unit(384, 6 + i, 384, rngs=rngs) for i in range(9))
        )
        # line 12
        self.layernorm4 = nnx.LayerNorm(
            384, epsilon=1e-6, use_fast_variance=False, rngs=rngs
        )
        # line 12
        self.conv4 = Conv(384, 768, (2, 2), strides=2, padding="VALID", rngs=rngs)
        # line 12
        self.repeat4 = nnx.Sequential(
            *(Unit(768, 15 + i, 768, rngs=rngs) for i in range(3))
        )
        # line 13
        self.layernorm5 = nnx.LayerNorm(
            768, epsilon=1e-6, use_fast_variance=False, rngs=rngs
        )
        self.fc1 = Linear(768, classes, rngs=rngs)  # line 13

    def __call__(self, x: Array) -> Array:
        x = self.layernorm1(self.conv1(x))  # 56x56x96
        x = self.layernorm2(self.repeat1(x))  # 56x56x96
        x = self.conv2(x)  # 28x28x192
        x = self.layernorm3(self.repeat2(x))  # 28x28x192
        x = self.conv3(x)  # 14x14x384
        x = self.layernorm4(self.repeat3(x))  # 14x14x384
        x = self.conv4(x)  # 7x7x768
        x = self.repeat4(x)  # 7x7x768
        x = self.layernorm5(x.mean(axis=(1, 2), keepdims=True))  # 1x1x768
        return self.fc1(x.squeeze((1, 2)))

    def predict(self, x: Array) -> Array:
        """(N, 224, 224, 3) -> class probabilities (N, classes); call eval() first."""
        return nnx.softmax(self(x))


if __name__ == "__main__":
    model = ConvNeXtTiny(rngs=nnx.Rngs(0))
    model.eval()
    outputs = model(jnp.zeros((1, 224, 224, 3)))
    parameters = jax.tree.leaves(nnx.state(model, nnx.Param))
    count = sum(parameter.size for parameter in parameters)
    print(f"{outputs.shape}, {count:,} parameters")
