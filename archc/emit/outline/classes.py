"""The outline: the classes of a program, and what lies in each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from archc.emit.python import Text
from archc.ir import Graph, Node, Scope
from archc.ops.base import Op, Shape

INPUT = -1
"""The value that arrives at a class or an arm, where elements are counted from 0."""


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
    parameter: str = ""
    """The parameter of the class that the op is, where one is."""

    @property
    def op(self) -> Op:
        if self.node.op is None:
            raise TypeError("the input is no layer")
        return self.node.op

    @property
    def shape(self) -> Shape:
        return self.node.output

    @property
    def line(self) -> int:
        return self.node.span.line


Argument = Text | Op
"""What a parameter is given: text, or an op that is a function of its input alone."""


@dataclass(frozen=True, eq=False)
class Part:
    """An instance of another class within a class."""

    scope: Scope
    made: ClassOutline
    name: str
    inputs: tuple[int, ...]
    args: tuple[Argument, ...]
    features: bool
    shape: Shape

    @property
    def line(self) -> int:
        return self.scope.span.line


@dataclass(frozen=True)
class Run:
    """Instances one after another: of one class, with arguments that are text in `index`.

    `times` is how many, `rows` has instead the values of the names in `index` for each.
    """

    made: ClassOutline
    args: tuple[Argument, ...]
    times: Text
    index: str = ""
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, eq=False)
class Loop:
    """What a `repeat` repeats: instances of other classes, each given the output of the last."""

    scope: Scope
    name: str
    inputs: tuple[int, ...]
    runs: tuple[Run, ...]
    features: bool
    shape: Shape

    @property
    def line(self) -> int:
        return self.scope.span.line


@dataclass(frozen=True)
class Arm:
    """What one side of a condition holds: elements that count values of their own."""

    elements: tuple[Element, ...]
    output: int


@dataclass(frozen=True, eq=False)
class Choice:
    """Two arms, of which an instance has the one that its condition says."""

    scope: Scope
    condition: Text
    name: str
    """The attribute that keeps the condition."""
    inputs: tuple[int, ...]
    then: Arm
    otherwise: Arm
    features: bool
    shape: Shape

    @property
    def line(self) -> int:
        return self.scope.span.line


Element = Layer | Part | Loop | Choice


@dataclass(frozen=True)
class Parameter:
    """A constructor argument: its name, its Python type (`op`: a function of a map), and its
    default's text."""

    name: str
    type: str
    default: str = ""


@dataclass(eq=False)
class ClassOutline:
    """A class of the program: a block, an aux head, what is repeated, or the net itself."""

    name: str
    scope: Scope
    parameters: tuple[Parameter, ...] = ()
    elements: tuple[Element, ...] = ()
    output: int = INPUT
    flat_input: bool = False
    input_shape: Shape = (0, 0, 0)
    """What arrives at the first instance."""
    in_channels: str = ""
    """The parameter that says how many channels arrive; empty where the class has none."""
    out_channels: Text = field(default_factory=lambda: Text(""))
    keeps_size: bool = True
    """Whether the map keeps its height and width in all instances."""
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])
    """The attribute for each name of the spec."""

    @property
    def features(self) -> bool:
        """Whether its output is a vector; else a map."""
        if self.output == INPUT:
            return self.flat_input
        return self.elements[self.output].features

    @property
    def shape(self) -> Shape:
        """The output's shape in the first instance."""
        return self.input_shape if self.output == INPUT else self.elements[self.output].shape


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
    paths: Mapping[str, str]
    """The attribute path of each layer that has arrays, by its canonical name."""
    keys: Mapping[str, str]
    """Canonical name of each array to its attribute path."""
    homes: Mapping[str, tuple[ClassOutline, str]]
    """The class and attribute of each layer that has arrays, by its canonical name."""

    @property
    def net(self) -> ClassOutline:
        return self.classes[-1]
