"""The net of an emitted program, built."""

from __future__ import annotations

from flax import nnx

from archc.backend import Program
from archc.program_module import load_program


def build(program: Program, seed: int = 0) -> nnx.Module:
    """The program's net, initialised as the program says from a seed, on JAX's default device."""
    made: nnx.Module = getattr(load_program(program), program.class_name)(rngs=nnx.Rngs(seed))
    return made
