"""AlexNet (Krizhevsky, Sutskever & Hinton 2012, Figure 2)

Compiled by archc 0.1.0 from alexnet.arch (sha256 adabf5520c2c0a6e).
60,965,224 parameters;
724.4 M multiply-adds at 3x227x227.
"""

from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array


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


# conv, fc: normal(mean = 0.0, std = 0.01), bias 0; conv2, conv4, conv5, fc6, fc7: bias
# 1.
Conv = partial(nnx.Conv, kernel_init=nnx.initializers.normal(0.01))
Linear = partial(nnx.Linear, kernel_init=nnx.initializers.normal(0.01))


class AlexNet(nnx.Module):
    """AlexNet (Krizhevsky, Sutskever & Hinton 2012, Figure 2)

    (N, 227, 227, 3) -> (N, classes)
    """

    def __init__(self, classes: int = 1000, *, rngs: nnx.Rngs) -> None:
        # line 11
        self.conv1 = Conv(3, 96, (11, 11), strides=4, padding="VALID", rngs=rngs)
        # line 12
        self.conv2 = Conv(
            96,
            256,
            (5, 5),
            feature_group_count=2,
            bias_init=nnx.initializers.ones,
            rngs=rngs,
        )
        self.conv3 = Conv(256, 384, (3, 3), rngs=rngs)  # line 15
        # line 16
        self.conv4 = Conv(
            384,
            384,
            (3, 3),
            feature_group_count=2,
            bias_init=nnx.initializers.ones,
            rngs=rngs,
        )
        # line 17
        self.conv5 = Conv(
            384,
            256,
            (3, 3),
            feature_group_count=2,
            bias_init=nnx.initializers.ones,
            rngs=rngs,
        )
        # line 19
        self.fc6 = Linear(256 * 6 * 6, 4096, bias_init=nnx.initializers.ones, rngs=rngs)
        self.dropout1 = nnx.Dropout(0.5, rngs=rngs)  # line 19
        # line 20
        self.fc7 = Linear(4096, 4096, bias_init=nnx.initializers.ones, rngs=rngs)
        self.dropout2 = nnx.Dropout(0.5, rngs=rngs)  # line 20
        self.fc8 = Linear(4096, classes, rngs=rngs)  # line 21

    def __call__(self, x: Array) -> Array:
        x = nnx.relu(self.conv1(x))  # 55x55x96
        x = tower_lrn(x, n=5, k=2.0, alpha=0.0001, beta=0.75, towers=2)  # 55x55x96
        x = nnx.max_pool(x, (3, 3), strides=(2, 2))  # 27x27x96
        x = nnx.relu(self.conv2(x))  # 27x27x256
        x = tower_lrn(x, n=5, k=2.0, alpha=0.0001, beta=0.75, towers=2)  # 27x27x256
        x = nnx.max_pool(x, (3, 3), strides=(2, 2))  # 13x13x256
        x = nnx.relu(self.conv3(x))  # 13x13x384
        x = nnx.relu(self.conv4(x))  # 13x13x384
        x = nnx.relu(self.conv5(x))  # 13x13x256
        x = nnx.max_pool(x, (3, 3), strides=(2, 2))  # 6x6x256
        x = self.dropout1(nnx.relu(self.fc6(flatten(x))))  # 4096
        x = self.dropout2(nnx.relu(self.fc7(x)))  # 4096
        return self.fc8(x)

    def predict(self, x: Array) -> Array:
        """(N, 227, 227, 3) -> class probabilities (N, classes); call eval() first."""
        return nnx.softmax(self(x))


if __name__ == "__main__":
    model = AlexNet(rngs=nnx.Rngs(0))
    model.eval()
    outputs = model(jnp.zeros((1, 227, 227, 3)))
    parameters = jax.tree.leaves(nnx.state(model, nnx.Param))
    count = sum(parameter.size for parameter in parameters)
    print(f"{outputs.shape}, {count:,} parameters")
