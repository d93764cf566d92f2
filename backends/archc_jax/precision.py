"""What layers compute in: the parameters' own precision, or halves that a step is cast to."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from archc.computing import Computing
from archc.loss_scale import LossScale

Arrays = dict[str, jax.Array]

_HALVES = {"bf16": jnp.bfloat16, "fp16": jnp.float16}


class Arithmetic:
    """The precision of an engine's steps; weights are float32 whatever it is.

    Weights and images are cast inside the compiled step, so that gradients are those of the
    float32 weights. Flax's layers compute in what they are given. What must not be computed in
    halves says so in the program.
    """

    def __init__(self, computing: Computing, wide: frozenset[str]) -> None:
        self._half = _HALVES.get(computing.precision)
        self._wide = wide
        self._scale = LossScale() if computing.precision == "fp16" else None

    @property
    def is_half(self) -> bool:
        return self._half is not None

    def parameters(self, arrays: Arrays) -> Arrays:
        """Parameters by path as a net computes with them."""
        if self._half is None:
            return arrays
        return {
            path: array if path in self._wide else array.astype(self._half)
            for path, array in arrays.items()
        }

    def images(self, images: jax.Array) -> jax.Array:
        """Images as a net takes them."""
        return images if self._half is None else images.astype(self._half)

    @property
    def factor(self) -> float:
        """What the loss is multiplied by whose gradients are computed."""
        return 1.0 if self._scale is None else self._scale.factor

    def scaled(self, loss: jax.Array, factor: jax.Array) -> jax.Array:
        """The loss whose gradients are computed."""
        return loss if self._scale is None else loss * factor

    def unscaled(self, gradients: Arrays, factor: jax.Array) -> Arrays:
        """Gradients of the loss itself."""
        if self._scale is None:
            return gradients
        return {path: gradient / factor for path, gradient in gradients.items()}

    @property
    def skips(self) -> bool:
        """Whether a step whose gradients are not finite is left out and training goes on."""
        return self._scale is not None

    def took(self, *, finite: bool) -> bool:
        """Note a step; whether training can go on."""
        if self._scale is None:
            return finite
        self._scale.took(finite=finite)
        return not self._scale.is_gone

    def state(self) -> dict[str, np.ndarray]:
        """What the next steps depend on, for a checkpoint."""
        return {} if self._scale is None else self._scale.state()

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from there; names are those of `state()`."""
        if self._scale is not None:
            self._scale.load(state)


def widened(array: jax.Array) -> jax.Array:
    """In float32 at least, which the loss and probabilities are computed in."""
    return array.astype(jnp.promote_types(array.dtype, jnp.float32))


def are_finite(arrays: Arrays) -> jax.Array:
    """Whether every number is finite."""
    return jnp.stack([jnp.isfinite(array).all() for array in arrays.values()]).all()
