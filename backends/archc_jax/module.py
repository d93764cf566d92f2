"""The net of an emitted program, built."""

from __future__ import annotations

import jax
from flax import nnx

from archc.backend import Program
from archc.program_module import load_program

ONCE = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
"""XLA's options for what runs once: to compile it well takes longer than it can save."""


def abstract(program: Program) -> nnx.Module:
    """The program's net without its numbers: shapes and types alone."""
    made = getattr(load_program(program), program.class_name)
    net: nnx.Module = nnx.eval_shape(lambda: made(rngs=nnx.Rngs(0)))
    return net


def build(program: Program, seed: int = 0) -> nnx.Module:
    """The program's net, initialised as the program says from a seed, on JAX's default device.

    Its arrays are made by one compiled function. Made one by one, each shape is compiled by
    itself: four times as long for GoogLeNet.
    """
    made = getattr(load_program(program), program.class_name)

    def arrays() -> nnx.State:
        return nnx.split(made(rngs=nnx.Rngs(seed)))[1]

    graph = nnx.split(nnx.eval_shape(lambda: made(rngs=nnx.Rngs(seed))))[0]
    net: nnx.Module = nnx.merge(graph, jax.jit(arrays, compiler_options=ONCE)())
    return net
