"""The JAX backend: programs for Flax NNX and the engine that trains them."""

from __future__ import annotations

from archc_jax.backend import JaxBackend

backend = JaxBackend()

__all__ = ["backend"]
