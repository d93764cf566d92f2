"""Graph -> a program for JAX that trains."""

from __future__ import annotations

from pathlib import Path

from archc.backend import Program
from archc.emit.training import program
from archc.ir import Graph
from archc_jax.emit.program import Jax

JAX = program.Framework(
    dialect=Jax,
    templates=Path(__file__).with_name("templates"),
    libraries=(
        ("jax", ()),
        ("jax.numpy as jnp", ()),
        ("optax", ()),
        ("flax", ("nnx",)),
        ("jax", ("Array", "lax")),
        ("jax.sharding", ("AxisType", "NamedSharding", "PartitionSpec")),
    ),
    processes=False,
)


def emit_training(graph: Graph) -> Program:
    """The program for JAX that trains the net of a graph without towers."""
    return program.emit(graph, JAX)
