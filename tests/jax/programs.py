"""Emitted JAX programs, filled with weights for tests."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from archc_jax.weights import by_path, stored
from flax import nnx

from archc.ir import Graph
from archc.program_module import load_program
from tests.programs.emitting import program


def module(graph: Graph, weights: Mapping[str, np.ndarray]) -> nnx.Module:
    """The emitted module with these weights, in evaluation mode.

    Its initialisers are traced only: they take long to compile, and the weights are replaced.
    """
    emitted = program("jax", graph)
    made = getattr(load_program(emitted), emitted.class_name)
    model = nnx.eval_shape(lambda: made(rngs=nnx.Rngs(0)))
    state = nnx.state(model)
    variables = by_path(state)
    for name, array in weights.items():
        variables[emitted.keys[name]].set_value(jax.device_put(stored(array)))
    for variable in variables.values():
        if isinstance(variable, nnx.RngKey):
            variable.set_value(jax.random.key(0))
        elif isinstance(variable, nnx.RngCount):
            variable.set_value(jnp.zeros((), jnp.uint32))
    nnx.update(model, state)
    model.eval()
    return model


def as_nhwc(x: np.ndarray) -> jax.Array:
    return jax.device_put(x.transpose(0, 2, 3, 1))


def as_nchw(x: jax.Array) -> np.ndarray:
    """A map `(N, C, H, W)`, or a vector as one of one place."""
    found = np.asarray(x)
    return found.transpose(0, 3, 1, 2) if found.ndim == 4 else found[:, :, None, None]
