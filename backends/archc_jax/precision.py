"""What layers compute in: the parameters' own precision, or halves that a step is cast to."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from archc.computing import Computing
from archc.loss_scale import ScaledSteps

Arrays = dict[str, jax.Array]

_HALVES = {"bf16": jnp.bfloat16, "fp16": jnp.float16}


class Arithmetic(ScaledSteps):
    """The precision of an engine's steps; weights are float32 whatever it is.

    Weights and images are cast inside the compiled step, so that gradients are those of the
    float32 weights. Flax's layers compute in what they are given. What must not be computed in
    halves says so in the program.
    """

    def __init__(self, computing: Computing, wide: frozenset[str]) -> None:
        super().__init__(computing)
        self._half = _HALVES.get(computing.precision)
        self._wide = wide

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


def widened(array: jax.Array) -> jax.Array:
    """In float32 at least, which the loss and probabilities are computed in."""
    return array.astype(jnp.promote_types(array.dtype, jnp.float32))


def are_finite(arrays: Arrays) -> jax.Array:
    """Whether every number is finite."""
    return jnp.stack([jnp.isfinite(array).all() for array in arrays.values()]).all()
