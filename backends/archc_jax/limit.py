"""Filters that are scaled back when they grow too large."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def limited(kernel: jax.Array, most: float) -> jax.Array:
    """A kernel (H, W, in, out) whose filters have an RMS of at most `most`."""
    rms = jnp.sqrt(jnp.square(kernel).mean(axis=(0, 1, 2), keepdims=True))
    return kernel * jnp.where(rms > most, most / rms, 1.0)
