"""Emitted programs of both backends, for tests."""

from __future__ import annotations

import archc_jax.emit.program
import archc_jax.ops
import archc_torch.emit.program
import archc_torch.ops

from archc.backend import Program
from archc.ir import Graph
from archc.passes import MergeTowers, SplitTowers, run

EMIT = {"torch": archc_torch.emit.program.emit, "jax": archc_jax.emit.program.emit}
EMITTERS = {"torch": archc_torch.ops.EMITTERS, "jax": archc_jax.ops.EMITTERS}


def program(backend: str, graph: Graph) -> Program:
    return EMIT[backend](run([MergeTowers()], graph))


def tower_program(backend: str, graph: Graph) -> Program:
    """The program of one tower."""
    return EMIT[backend](run([SplitTowers()], graph))
