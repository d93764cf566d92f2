"""The JAX backend: programs for JAX and Flax NNX, and the engine that trains them."""
