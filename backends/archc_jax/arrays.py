"""A net's arrays beside it, by the paths that they have in the program."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from archc_jax.hosts import is_key
from archc_jax.weights import by_path, joined

Arrays = dict[str, jax.Array]
"""Arrays by the path that they have in the program."""


def chosen(condition: jax.Array, one: Any, other: Any) -> Any:
    """Every array of one tree, or of the other."""

    def pick(a: jax.Array, b: jax.Array) -> jax.Array:
        return a if a is b else jnp.where(condition, a, b)

    return jax.tree.map(pick, one, other)


def taken_in(averages: Arrays, trained: Arrays, share: jax.Array) -> Arrays:
    """Averages moved by a share of the way to what is trained."""
    return {path: a + share * (trained[path] - a) for path, a in averages.items()}


def as_state(variables: nnx.FlatState[Any], arrays: Arrays) -> nnx.State:
    """These variables with other arrays, by their paths."""
    return nnx.from_flat_state(
        (path, variable.replace(arrays[joined(path)])) for path, variable in variables
    )


def arrays_of(state: nnx.State) -> Arrays:
    return {path: variable.get_value() for path, variable in by_path(state).items()}


def plain(array: jax.Array) -> np.ndarray:
    """A part of a stream's state as numbers."""
    return np.array(jax.random.key_data(array) if is_key(array) else array)


def like(array: jax.Array, numbers: np.ndarray) -> jax.Array:
    """The inverse of `plain`, of the same kind as an array."""
    if is_key(array):
        return jax.random.wrap_key_data(jax.device_put(numbers), impl=jax.random.key_impl(array))
    return jax.device_put(numbers.astype(array.dtype))
