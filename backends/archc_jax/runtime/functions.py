"""What emitted programs carry along: short functions that JAX and Flax lack.

The emitter copies the source of those that a program needs, so what is tested here is
what users run. Maps are (N, H, W, C), vectors (N, C).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array, lax


def flatten(x: Array) -> Array:
    """(N, H, W, C) -> (N, C * H * W), in the order of the weight file: C, H, W."""
    return x.transpose(0, 3, 1, 2).reshape(x.shape[0], -1)


def lrn(x: Array, n: int, k: float, alpha: float, beta: float) -> Array:
    """Local response normalisation (Krizhevsky et al. 2012, Section 3.3).

    (N, ..., C) -> the same. In float32 at least: squares overflow in float16.
    """
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    channels = x.shape[-1]
    padding = [*[(0, 0)] * (x.ndim - 1), (n // 2, n // 2)]
    squares = jnp.pad(wide * wide, padding)
    total = sum(squares[..., i : i + channels] for i in range(n))
    return (wide / (k + alpha * total) ** beta).astype(x.dtype)


def tower_lrn(
    x: Array, n: int, k: float, alpha: float, beta: float, towers: int
) -> Array:
    """Local response normalisation within each tower's own channels."""
    apart = x.reshape(*x.shape[:-1], towers, -1)
    return lrn(apart, n, k, alpha, beta).reshape(x.shape)


def overhang(
    x: Array,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int] = (0, 0),
) -> list[tuple[int, int]]:
    """The padding (before, after) of H and W that rounds a pooled map's size up.

    A window that would begin behind the map and its padding before is left out.
    """
    pairs: list[tuple[int, int]] = []
    for size, k, s, p in zip(x.shape[1:3], kernel, stride, padding, strict=True):
        last = min(-(-(size + 2 * p - k) // s), (size + p - 1) // s)
        pairs.append((p, max(0, last * s + k - size - p)))
    return pairs


def max_pool_up(
    x: Array,
    kernel: tuple[int, int],
    strides: tuple[int, int],
    padding: tuple[int, int] = (0, 0),
) -> Array:
    """Max pooling whose size is rounded up, (N, H, W, C) -> (N, H_out, W_out, C)."""
    pairs = overhang(x, kernel, strides, padding)
    return nnx.pool(x, -jnp.inf, lax.max, kernel, strides, pairs)


def avg_pool(
    x: Array,
    kernel: tuple[int, int],
    strides: tuple[int, int],
    padding: tuple[int, int],
    count_include_pad: bool = False,
) -> Array:
    """Average pooling of a padded map, (N, H, W, C) -> (N, H_out, W_out, C)."""
    pairs = [(p, p) for p in padding]
    total = nnx.pool(x, 0.0, lax.add, kernel, strides, pairs)
    if count_include_pad:
        return total / math.prod(kernel)
    places = jnp.ones_like(x[:1, :, :, :1])
    return total / nnx.pool(places, 0.0, lax.add, kernel, strides, pairs)


def avg_pool_up(
    x: Array,
    kernel: tuple[int, int],
    strides: tuple[int, int],
    padding: tuple[int, int] = (0, 0),
    count_include_pad: bool = False,
) -> Array:
    """Average pooling whose size is rounded up, (N, H, W, C) -> (N, H_out, W_out, C).

    What the rounding adds behind the map and its padding is never counted.
    """
    pairs = overhang(x, kernel, strides, padding)
    inside = [(0, 0), *((p, p) for p in padding), (0, 0)]
    behind = [
        (0, max(0, after - p)) for (_, after), p in zip(pairs, padding, strict=True)
    ]
    counted = jnp.pad(
        jnp.ones_like(x[:1, :, :, :1]), inside, constant_values=count_include_pad
    )
    counts = nnx.pool(counted, 0.0, lax.add, kernel, strides, behind)
    return nnx.pool(x, 0.0, lax.add, kernel, strides, pairs) / counts


def crop(x: Array, margin: tuple[int, int]) -> Array:
    """Cuts a margin (height, width) off each side.

    (N, H, W, C) -> (N, H - 2 * height, W - 2 * width, C)
    """
    top, left = margin
    return x[:, top : x.shape[1] - top, left : x.shape[2] - left]


def tower_concatenate(maps: Sequence[Array], towers: int) -> Array:
    """Concatenation of channels within each tower: all of the first tower's come first.

    Maps (N, ..., C_i) -> (N, ..., sum of C_i).
    """
    apart = [x.reshape(*x.shape[:-1], towers, -1) for x in maps]
    return jnp.concatenate(apart, axis=-1).reshape(*maps[0].shape[:-1], -1)


def softmax(x: Array, towers: int = 1) -> Array:
    """Softmax over each tower's own channels: (N, ..., C) -> the same.

    In float32 at least.
    """
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    apart = wide.reshape(*x.shape[:-1], towers, -1)
    return nnx.softmax(apart).reshape(x.shape).astype(x.dtype)


def tower_tile(x: Array, copies: int, towers: int) -> Array:
    """Each tower's channels `copies` times: (N, ..., C) -> (N, ..., C * copies)."""
    apart = x.reshape(*x.shape[:-1], towers, -1)
    return jnp.concatenate([apart] * copies, axis=-1).reshape(*x.shape[:-1], -1)


def tower_part(x: Array, index: int, of: int, towers: int) -> Array:
    """Part `index` of `of` equal parts of each tower's channels.

    (N, ..., C) -> (N, ..., C / of)
    """
    apart = x.reshape(*x.shape[:-1], towers, of, -1)
    return apart[..., index, :].reshape(*x.shape[:-1], -1)


def shuffle(x: Array, groups: int, towers: int = 1) -> Array:
    """Channel c of group g goes to place c * groups + g (Zhang et al. 2017, 3.1).

    (N, ..., C) -> the same; within each tower's channels.
    """
    apart = x.reshape(*x.shape[:-1], towers, groups, -1)
    return apart.swapaxes(-1, -2).reshape(x.shape)


def normal(mean: float, std: float) -> Callable[..., Array]:
    """N(mean, std)."""

    def init(key: Array, shape: Sequence[int], dtype: Any = float) -> Array:
        return mean + std * jax.random.normal(key, shape, dtype)

    return init


def uniform(low: float, high: float) -> Callable[..., Array]:
    """Every value from `low` up to `high` equally likely."""

    def init(key: Array, shape: Sequence[int], dtype: Any = float) -> Array:
        return jax.random.uniform(key, shape, dtype, low, high)

    return init


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


class ChannelNorm(nnx.Module):
    """Layer normalisation over each tower's channels: (N, ..., C) -> the same.

    In float32 at least.
    """

    def __init__(self, channels: int, epsilon: float, towers: int) -> None:
        self.epsilon = epsilon
        self.towers = towers
        self.scale = nnx.Param(jnp.ones(channels))
        self.bias = nnx.Param(jnp.zeros(channels))

    def __call__(self, x: Array) -> Array:
        wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        apart = wide.reshape(*x.shape[:-1], self.towers, -1)
        mean = apart.mean(-1, keepdims=True)
        var = apart.var(-1, keepdims=True)
        apart = (apart - mean) * lax.rsqrt(var + self.epsilon)
        return (apart.reshape(x.shape) * self.scale + self.bias).astype(x.dtype)


class LayerScale(nnx.Module):
    """A learned factor a channel (Touvron et al. 2021): (N, ..., C) -> the same."""

    def __init__(self, channels: int, init: float) -> None:
        self.scale = nnx.Param(jnp.full(channels, init))

    def __call__(self, x: Array) -> Array:
        return x * self.scale


class GroupedLinear(nnx.Module):
    """A fully connected layer in groups: each part of the input has its outputs.

    (N, in_features) -> (N, out_features); kernel (in_features / groups, out_features).
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        groups: int,
        *,
        use_bias: bool = True,
        kernel_init: Callable[..., Array],
        bias_init: Callable[..., Array] = nnx.initializers.zeros,
        rngs: nnx.Rngs,
    ) -> None:
        self.groups = groups
        shape = (in_features // groups, out_features)
        self.kernel = nnx.Param(kernel_init(rngs.params(), shape))
        bias = (out_features,)
        self.bias = nnx.Param(bias_init(rngs.params(), bias)) if use_bias else None

    def __call__(self, x: Array) -> Array:
        kernel = self.kernel.reshape(self.kernel.shape[0], self.groups, -1)
        x = jnp.einsum("ngi,igo->ngo", x.reshape(len(x), self.groups, -1), kernel)
        x = x.reshape(len(x), -1)
        return x if self.bias is None else x + self.bias


def slide(layer: nnx.Linear, x: Array, size: tuple[int, int] = (1, 1)) -> Array:
    """A fully connected layer over maps of a size, at every place of a larger one: the
    convolution that has the layer's weights (Simonyan & Zisserman 2014, Section 3.2).

    (N, H, W, C) -> (N, H - height + 1, W - width + 1, out_features)
    """
    if x.shape[1:3] == size:
        return layer(flatten(x))[:, None, None]
    # The kernel's rows are in the order C, H, W, as `flatten` leaves a map.
    kernel = layer.kernel.reshape(-1, *size, layer.out_features).transpose(1, 2, 0, 3)
    order = ("NHWC", "HWIO", "NHWC")
    x = lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=order)
    return x if layer.bias is None else x + layer.bias


def slide_grouped(
    layer: GroupedLinear, x: Array, size: tuple[int, int] = (1, 1)
) -> Array:
    """A fully connected layer in groups over maps of a size, at every place of a larger
    one: the convolution that has the layer's weights.

    (N, H, W, C) -> (N, H - height + 1, W - width + 1, out_features)
    """
    if x.shape[1:3] == size:
        return layer(flatten(x))[:, None, None]
    # The kernel's rows are in the order C, H, W, as `flatten` leaves a map.
    kernel = layer.kernel.reshape(-1, *size, layer.kernel.shape[1])
    x = lax.conv_general_dilated(
        x,
        kernel.transpose(1, 2, 0, 3),
        window_strides=(1, 1),
        padding="VALID",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=layer.groups,
    )
    return x if layer.bias is None else x + layer.bias


class GroupedConvTranspose(nnx.Module):
    """Transposed convolution in groups, which nnx.ConvTranspose lacks.

    (N, H, W, in) -> (N, (H - 1) * s + k - 2 * p, ..., out).
    Kernel (k, k, out / groups, in).
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        kernel_size: tuple[int, int],
        strides: tuple[int, int] = (1, 1),
        padding: tuple[int, int] = (0, 0),
        *,
        groups: int,
        use_bias: bool = True,
        kernel_init: Callable[..., Array],
        bias_init: Callable[..., Array] = nnx.initializers.zeros,
        rngs: nnx.Rngs,
    ) -> None:
        self.strides = strides
        self.padding = padding
        self.groups = groups
        shape = (*kernel_size, out_features // groups, in_features)
        self.kernel = nnx.Param(kernel_init(rngs.params(), shape))
        bias = (out_features,)
        self.bias = nnx.Param(bias_init(rngs.params(), bias)) if use_bias else None

    def __call__(self, x: Array) -> Array:
        height, width, outs, ins = self.kernel.shape
        # A convolution of the stretched map: the kernel turned, in and out exchanged.
        turned = self.kernel[::-1, ::-1].reshape(height, width, outs, self.groups, -1)
        turned = turned.transpose(0, 1, 4, 3, 2)
        sizes = zip((height, width), self.padding, strict=True)
        x = lax.conv_general_dilated(
            x,
            turned.reshape(height, width, ins // self.groups, -1),
            window_strides=(1, 1),
            padding=[(k - 1 - p, k - 1 - p) for k, p in sizes],
            lhs_dilation=self.strides,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=self.groups,
        )
        return x if self.bias is None else x + self.bias
