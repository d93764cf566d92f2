"""Graph -> Outline: the classes of a program, before any framework's words.

One class a block, with the block's parameters as constructor arguments; an instance where
the spec calls it. Instances share a class where everything that is printed of them is
equal, the parameters aside, so that a program cannot differ from its graph.
"""

from __future__ import annotations

from archc.emit.outline.classes import (
    INPUT,
    Argument,
    Arm,
    Choice,
    ClassOutline,
    Element,
    Layer,
    Loop,
    Outline,
    Parameter,
    Part,
    Run,
    Tap,
)
from archc.emit.outline.outliner import outline

__all__ = [
    "INPUT",
    "Argument",
    "Arm",
    "Choice",
    "ClassOutline",
    "Element",
    "Layer",
    "Loop",
    "Outline",
    "Parameter",
    "Part",
    "Run",
    "Tap",
    "outline",
]
