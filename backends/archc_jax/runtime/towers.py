"""What programs of one tower carry along: what is exchanged among the towers of a net.

A program runs on each device of the mesh's axis `tower`, under `jax.shard_map`. There
may be an axis `data`, of replicas, which is left to XLA's partitioner. Maps are
(N, H, W, C), vectors (N, C); C is one tower's.
"""

from __future__ import annotations

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


def sum_towers(x: Array) -> Array:
    """The sum over all towers: (N, ..., C) -> the same."""
    return in_replicas(partial(lax.psum, axis_name="tower"), x)


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


def enter_towers(x: Array) -> Array:
    """A map that all towers have, for this one: Megatron's f (Shoeybi et al. 2019).

    (N, ..., C) -> the same. Backward the gradients of all towers are summed.
    """
    return with_gradient(lambda x: x, sum_towers, x)


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
