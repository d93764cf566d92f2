"""The outline: the classes of a program, and what lies in each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from archc.emit.python import Text
from archc.ir import Graph, Node, Scope
from archc.ops.base import Op, Shape

INPUT = -1
"""The value that arrives at a class, where elements are counted from 0."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A node within a class. `fields` and `channels` are text in the class's parameters."""

    node: Node
    name: str
    inputs: tuple[int, ...]
    fields: Mapping[str, Text]
    channels: tuple[Text, ...]
    """The channels of each input."""
    shapes: tuple[Shape, ...]
    """The inputs' shapes in the first instance of the class."""
    features: bool
    """Whether its output is a vector `(N, C)`; else a map `(N, C, H, W)`."""
    flat_inputs: tuple[bool, ...]

    @property
    def op(self) -> Op:
        if self.node.op is None:
            raise TypeError("the input is no layer")
        return self.node.op


@dataclass(frozen=True, eq=False)
class Part:
    """An instance of another class within a class."""

    scope: Scope
    made: ClassOutline
    name: str
    inputs: tuple[int, ...]
    args: tuple[Text, ...]
    features: bool
    shape: Shape


Element = Layer | Part


@dataclass(frozen=True)
class Parameter:
    """A constructor argument: its name, its Python type, and its default's text."""

    name: str
    type: str
    default: str = ""


@dataclass(eq=False)
class ClassOutline:
    """A class of the program: a block, an aux head, or the net itself."""

    name: str
    scope: Scope
    parameters: tuple[Parameter, ...] = ()
    elements: tuple[Element, ...] = ()
    output: int = INPUT
    flat_input: bool = False
    in_channels: str = ""
    """The parameter that says how many channels arrive; empty where the class has none."""
    out_channels: Text = field(default_factory=lambda: Text(""))
    instances: int = 1


@dataclass(frozen=True, eq=False)
class Tap:
    """An aux head of the net: the element it is, applied to value `source`."""

    part: int
    source: int
    weight: float


@dataclass(frozen=True, eq=False)
class Outline:
    """A program: its classes in the order they need each other, the net's last."""

    graph: Graph
    classes: tuple[ClassOutline, ...]
    taps: tuple[Tap, ...]
    keys: Mapping[str, str]
    """Canonical weight name to the program's attribute path."""

    @property
    def net(self) -> ClassOutline:
        return self.classes[-1]
