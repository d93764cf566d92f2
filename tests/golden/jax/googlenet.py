"""GoogLeNet (Szegedy et al. 2014, Table 1)

Compiled by archc 0.1.0 from googlenet.arch (sha256 31403d556bc77485).
13,378,280 parameters (6,998,552 without the auxiliary heads);
1.583 G multiply-adds at 3x224x224.
"""

from functools import partial

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


# conv, fc: glorot, bias 0.2; fc1, aux1.fc2, aux2.fc2: bias 0.
Conv = partial(
    nnx.Conv,
    kernel_init=nnx.initializers.glorot_uniform(),
    bias_init=nnx.initializers.constant(0.2),
)
Linear = partial(
    nnx.Linear,
    kernel_init=nnx.initializers.glorot_uniform(),
    bias_init=nnx.initializers.constant(0.2),
)


class Inception(nnx.Module):
    """Inception module with dimension reductions (Figure 2b)

    inception(n1, r3, n3, r5, n5, pp)  --  inception.arch:3

    (N, H, W, in_channels) -> (N, H, W, n1 + n3 + n5 + pp)
    """

    def __init__(
        self,
        in_channels: int,
        n1: int,
        r3: int,
        n3: int,
        r5: int,
        n5: int,
        pp: int,
        *,
        rngs: nnx.Rngs,
    ) -> None:
        self.conv1 = Conv(in_channels, n1, (1, 1), rngs=rngs)
        self.conv2 = Conv(in_channels, r3, (1, 1), rngs=rngs)
        self.conv3 = Conv(r3, n3, (3, 3), rngs=rngs)
        self.conv4 = Conv(in_channels, r5, (1, 1), rngs=rngs)
        self.conv5 = Conv(r5, n5, (5, 5), rngs=rngs)
        self.conv6 = Conv(in_channels, pp, (1, 1), rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return jnp.concatenate(
            [
                nnx.relu(self.conv1(x)),
                nnx.relu(self.conv3(nnx.relu(self.conv2(x)))),
                nnx.relu(self.conv5(nnx.relu(self.conv4(x)))),
                nnx.relu(
                    self.conv6(nnx.max_pool(x, (3, 3), strides=(1, 1), padding="SAME"))
                ),
            ],
            axis=-1,
        )


class AuxHead(nnx.Module):
    """An auxiliary head  --  line 20

    (N, H, W, in_channels) -> (N, classes)
    """

    def __init__(self, in_channels: int, classes: int, *, rngs: nnx.Rngs) -> None:
        self.conv1 = Conv(in_channels, 128, (1, 1), rngs=rngs)
        self.fc1 = Linear(128 * 4 * 4, 1024, rngs=rngs)
        self.dropout1 = nnx.Dropout(0.7, rngs=rngs)
        self.fc2 = Linear(1024, classes, bias_init=nnx.initializers.zeros, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = nnx.avg_pool(x, (5, 5), strides=(3, 3))
        x = nnx.relu(self.conv1(x))
        x = self.dropout1(nnx.relu(self.fc1(flatten(x))))
        return self.fc2(x)


class GoogLeNet(nnx.Module):
    """GoogLeNet (Szegedy et al. 2014, Table 1)

    (N, 224, 224, 3) -> (N, classes)
    """

    def __init__(self, classes: int = 1000, *, rngs: nnx.Rngs) -> None:
        self.deterministic = False  # train() and eval() set it
        self.conv1 = Conv(3, 64, (7, 7), strides=2, padding=3, rngs=rngs)  # line 10
        self.conv2 = Conv(64, 64, (1, 1), rngs=rngs)  # line 12
        self.conv3 = Conv(64, 192, (3, 3), rngs=rngs)  # line 12
        self.i3a = Inception(192, 64, 96, 128, 16, 32, 32, rngs=rngs)  # line 16
        self.i3b = Inception(256, 128, 128, 192, 32, 96, 64, rngs=rngs)  # line 17
        self.i4a = Inception(480, 192, 96, 208, 16, 48, 64, rngs=rngs)  # line 19
        self.aux1 = AuxHead(512, classes, rngs=rngs)  # line 20
        self.i4b = Inception(512, 160, 112, 224, 24, 64, 64, rngs=rngs)  # line 21
        self.i4c = Inception(512, 128, 128, 256, 24, 64, 64, rngs=rngs)  # line 22
        self.i4d = Inception(512, 112, 144, 288, 32, 64, 64, rngs=rngs)  # line 23
        self.aux2 = AuxHead(528, classes, rngs=rngs)  # line 24
        self.i4e = Inception(528, 256, 160, 320, 32, 128, 128, rngs=rngs)  # line 25
        self.i5a = Inception(832, 256, 160, 320, 32, 128, 128, rngs=rngs)  # line 27
        self.i5b = Inception(832, 384, 192, 384, 48, 128, 128, rngs=rngs)  # line 28
        self.dropout1 = nnx.Dropout(0.4, rngs=rngs)  # line 31
        # line 32
        self.fc1 = Linear(1024, classes, bias_init=nnx.initializers.zeros, rngs=rngs)

    def __call__(self, x: Array) -> Array | tuple[Array, Array, Array]:
        x = nnx.relu(self.conv1(x))  # 112x112x64
        x = max_pool_up(x, (3, 3), strides=(2, 2))  # 56x56x64
        x = lrn(x, n=5, k=2.0, alpha=0.0001, beta=0.75)  # 56x56x64
        x = nnx.relu(self.conv2(x))  # 56x56x64
        x = nnx.relu(self.conv3(x))  # 56x56x192
        x = lrn(x, n=5, k=2.0, alpha=0.0001, beta=0.75)  # 56x56x192
        x = max_pool_up(x, (3, 3), strides=(2, 2))  # 28x28x192
        x = self.i3a(x)  # 28x28x256
        x = self.i3b(x)  # 28x28x480
        x = max_pool_up(x, (3, 3), strides=(2, 2))  # 14x14x480
        i4a = self.i4a(x)  # 14x14x512
        x = self.i4b(i4a)  # 14x14x512
        x = self.i4c(x)  # 14x14x512
        i4d = self.i4d(x)  # 14x14x528
        x = self.i4e(i4d)  # 14x14x832
        x = max_pool_up(x, (3, 3), strides=(2, 2))  # 7x7x832
        x = self.i5a(x)  # 7x7x832
        x = self.i5b(x)  # 7x7x1024
        x = self.dropout1(x.mean(axis=(1, 2), keepdims=True))  # 1x1x1024
        logits = self.fc1(x.squeeze((1, 2)))
        if not self.deterministic:
            return logits, self.aux1(i4a), self.aux2(i4d)
        return logits

    def predict(self, x: Array) -> Array:
        """(N, 224, 224, 3) -> class probabilities (N, classes); call eval() first."""
        outputs = self(x)
        logits = outputs[0] if isinstance(outputs, tuple) else outputs
        return nnx.softmax(logits)


LOSS_WEIGHTS = {"logits": 1.0, "aux1": 0.3, "aux2": 0.3}


if __name__ == "__main__":
    model = GoogLeNet(rngs=nnx.Rngs(0))
    model.eval()
    outputs = model.predict(jnp.zeros((1, 224, 224, 3)))
    parameters = jax.tree.leaves(nnx.state(model, nnx.Param))
    count = sum(parameter.size for parameter in parameters)
    print(f"{outputs.shape}, {count:,} parameters")
