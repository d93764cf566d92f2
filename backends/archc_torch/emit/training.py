"""Graph -> a PyTorch program that trains."""

from __future__ import annotations

from pathlib import Path

from archc.backend import Program
from archc.emit.training import program
from archc.ir import Graph
from archc_torch.emit.program import Torch
from archc_torch.runtime import TRAINING

TORCH = program.Framework(
    dialect=Torch,
    templates=Path(__file__).with_name("templates"),
    libraries=(
        ("torch", ()),
        ("torch.distributed as dist", ()),
        ("torch.nn.functional as F", ()),
        ("torch", ("Tensor", "nn")),
        ("torch.nn.parallel", ("DistributedDataParallel",)),
    ),
    runtime=TRAINING,
    processes=True,
)


def emit_training(graph: Graph) -> Program:
    """The PyTorch program that trains the net of a graph without towers."""
    return program.emit(graph, TORCH)
