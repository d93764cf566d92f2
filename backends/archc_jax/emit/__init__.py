"""Outline -> a program for JAX and Flax NNX."""
