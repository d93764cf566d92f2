"""AlexNet (Krizhevsky, Sutskever & Hinton 2012, Figure 2)

Compiled by archc 0.1.0 from alexnet.arch (sha256 adabf5520c2c0a6e).

One of 2 towers, each on a device of its own. A device has
32,531,112 parameters;
364.3 M multiply-adds at 3x227x227.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array, lax
from jax.sharding import PartitionSpec


def in_replicas(collective: Callable[[Array], Array], x: Array) -> Array:
    """A collective of the towers, in each replica for its share of the images.

    The partitioner would gather the shares of all replicas for it.
    """
    replicas = jax.sharding.get_abstract_mesh().shape.get("data", 1)
    if replicas == 1 or len(x) % replicas:
        return collective(x)
    share = PartitionSpec("data")
    return jax.shard_map(
        collective,
        in_specs=share,
        out_specs=share,
        axis_names={"data"},
        check_vma=False,
    )(x)


def join_towers(x: Array) -> Array:
    """The channels of all towers: (N, ..., C) -> (N, ..., towers * C)."""
    gather = partial(lax.all_gather, axis_name="tower", axis=x.ndim - 1, tiled=True)
    return in_replicas(gather, x)


def sum_own(x: Array) -> Array:
    """This tower's channels of the sum: (N, ..., towers * C) -> (N, ..., C)."""
    axis = x.ndim - 1
    scatter = partial(
        lax.psum_scatter, axis_name="tower", scatter_dimension=axis, tiled=True
    )
    return in_replicas(scatter, x)


def own_part(x: Array) -> Array:
    """This tower's channels: (N, ..., towers * C) -> (N, ..., C)."""
    size = x.shape[-1] // lax.axis_size("tower")
    start = lax.axis_index("tower") * size
    return lax.dynamic_slice_in_dim(x, start, size, axis=-1)


def with_gradient(
    forward: Callable[[Array], Array], backward: Callable[[Array], Array], x: Array
) -> Array:
    """forward(x), whose gradient is what `backward` makes of that of the result."""

    @jax.custom_vjp
    def function(x: Array) -> Array:
        return forward(x)

    function.defvjp(lambda x: (forward(x), None), lambda _, g: (backward(g),))
    return function(x)


def cross_towers(x: Array) -> Array:
    """The maps of all towers, for this one: (N, ..., C) -> (N, ..., towers * C).

    Backward the gradients of all towers are summed, and each keeps its own channels.
    """
    return with_gradient(join_towers, sum_own, x)


def leave_towers(x: Array) -> Array:
    """The maps of all towers, for what all compute alike: Megatron's g.

    (N, ..., C) -> (N, ..., towers * C). Backward each keeps its own channels.
    """
    return with_gradient(join_towers, own_part, x)


class TowerDropout(nnx.Dropout):
    """Dropout of this tower's maps: (N, ..., C) -> the same.

    Each tower draws the mask of all and takes its own part: together they drop what
    one device would.
    """

    def __call__(self, inputs: Array, **options: Any) -> Array:
        if self.deterministic:
            return inputs
        shape = (*inputs.shape[:-1], lax.axis_size("tower") * inputs.shape[-1])
        return inputs * own_part(super().__call__(jnp.ones(shape, inputs.dtype)))


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
        self.conv1 = Conv(3, 48, (11, 11), strides=4, padding="VALID", rngs=rngs)
        # line 12
        self.conv2 = Conv(48, 128, (5, 5), bias_init=nnx.initializers.ones, rngs=rngs)
        self.conv3 = Conv(256, 192, (3, 3), rngs=rngs)  # line 15
        # line 16
        self.conv4 = Conv(192, 192, (3, 3), bias_init=nnx.initializers.ones, rngs=rngs)
        # line 17
        self.conv5 = Conv(192, 128, (3, 3), bias_init=nnx.initializers.ones, rngs=rngs)
        # line 19
        self.fc6 = Linear(256 * 6 * 6, 2048, bias_init=nnx.initializers.ones, rngs=rngs)
        self.dropout1 = TowerDropout(0.5, rngs=rngs)  # line 19
        # line 20
        self.fc7 = Linear(4096, 2048, bias_init=nnx.initializers.ones, rngs=rngs)
        self.dropout2 = TowerDropout(0.5, rngs=rngs)  # line 20
        self.fc8 = Linear(4096, classes, rngs=rngs)  # line 21

    def __call__(self, x: Array) -> Array:
        x = nnx.relu(self.conv1(x))  # 55x55x48
        x = lrn(x, n=5, k=2.0, alpha=0.0001, beta=0.75)  # 55x55x48
        x = nnx.max_pool(x, (3, 3), strides=(2, 2))  # 27x27x48
        x = nnx.relu(self.conv2(x))  # 27x27x128
        x = lrn(x, n=5, k=2.0, alpha=0.0001, beta=0.75)  # 27x27x128
        x = nnx.max_pool(x, (3, 3), strides=(2, 2))  # 13x13x128
        x = cross_towers(x)  # 13x13x256
        x = nnx.relu(self.conv3(x))  # 13x13x192
        x = nnx.relu(self.conv4(x))  # 13x13x192
        x = nnx.relu(self.conv5(x))  # 13x13x128
        x = nnx.max_pool(x, (3, 3), strides=(2, 2))  # 6x6x128
        x = cross_towers(x)  # 6x6x256
        x = self.dropout1(nnx.relu(self.fc6(flatten(x))))  # 2048
        x = cross_towers(x)  # 4096
        x = self.dropout2(nnx.relu(self.fc7(x)))  # 2048
        x = leave_towers(x)  # 4096
        return self.fc8(x)

    def predict(self, x: Array) -> Array:
        """(N, 227, 227, 3) -> class probabilities (N, classes); call eval() first."""
        return nnx.softmax(self(x))


if __name__ == "__main__":
    jax.config.update("jax_num_cpu_devices", 2)
    mesh = jax.make_mesh((2,), ("tower",), devices=jax.devices("cpu"))
    model = AlexNet(rngs=nnx.Rngs(0))
    model.eval()
    whole = PartitionSpec()
    run = jax.shard_map(
        model, mesh=mesh, in_specs=whole, out_specs=whole, check_vma=False
    )
    outputs = jax.jit(run)(jnp.zeros((1, 227, 227, 3)))
    parameters = jax.tree.leaves(nnx.state(model, nnx.Param))
    count = sum(parameter.size for parameter in parameters)
    print(f"{outputs.shape}, {count:,} parameters a tower")
