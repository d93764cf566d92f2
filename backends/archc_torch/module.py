"""The net of an emitted program, built."""

from __future__ import annotations

from torch import nn

from archc.backend import Program
from archc.program_module import load_program


def build(program: Program) -> nn.Module:
    """The program's net, initialised as the program says, on PyTorch's default device."""
    made: nn.Module = getattr(load_program(program), program.class_name)()
    return made
