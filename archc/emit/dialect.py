"""What a framework says differently: the words around the classes that the outline decides."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence

from archc.emit.outline import ClassOutline, Layer, Outline, Tap
from archc.emit.python import Call, Tree
from archc.emit.written import Written
from archc.ir import Scope
from archc.ops.base import Op, Shape


class Dialect(ABC):
    """One framework's words. Made for one program, whose `outline` it may ask."""

    base: str
    """What every class derives from: `nn.Module`."""

    array: str
    """The type of a map: `Tensor`."""

    forward: str
    """The method that computes: `forward`."""

    sequential: str
    """The module that applies modules one after another: `nn.Sequential`."""

    training: str
    """What `forward` asks in order to know that it trains: `self.training`."""

    reserved: frozenset[str]
    """The names that no attribute of a module may have."""

    names: frozenset[str]
    """What a local variable or class must not hide."""

    called: tuple[str, ...]
    """The functions of the runtime that a program carries where its classes call them."""

    def __init__(self, outline: Outline) -> None:
        self.outline = outline

    @abstractmethod
    def written(self, layer: Layer, made: ClassOutline) -> Written:
        """A layer of a class."""

    @abstractmethod
    def as_function(self, op: Op, scope: Scope) -> Tree:
        """An op that is a function of its input alone, as what can be called, for `scope`."""

    @abstractmethod
    def adapted(self, tree: Tree, layer: Layer, i: int) -> Tree:
        """Input `i` as a module takes it: a vector where the layer gives one, else a map."""

    @abstractmethod
    def vectors(self, tree: Tree) -> Tree:
        """Maps of one place as vectors `(N, C)`."""

    @abstractmethod
    def map_shape(self, channels: str, height: str, width: str) -> str:
        """`(N, C, H, W)`, or with the channels last."""

    @abstractmethod
    def sizes(self, shape: Shape) -> Sequence[int]:
        """A map's sizes in the framework's order."""

    @abstractmethod
    def instance(self, call: Call, made: ClassOutline) -> Call:
        """An instance of another class of the program, with what the framework adds to it."""

    @abstractmethod
    def constructor_parameters(self, made: ClassOutline) -> Sequence[str]:
        """What every constructor takes beside the block's own parameters."""

    @abstractmethod
    def before_modules(self, made: ClassOutline, taps: Sequence[Tap]) -> Sequence[str]:
        """Lines of a constructor before the modules, beyond the attributes that it keeps."""

    @abstractmethod
    def after_modules(self, made: ClassOutline) -> Sequence[str]:
        """Lines of a constructor after the modules."""

    @abstractmethod
    def methods(self, *, classifies: bool, before: str, after: str) -> Sequence[Sequence[str]]:
        """The net's methods behind `forward`; `before` and `after` are its shapes.

        `classifies`: the spec ended in softmax, so that the net has a `predict`.
        """

    @abstractmethod
    def runtime(self, names: Collection[str]) -> list[str]:
        """The source of these helpers, in the order of their file."""

    @abstractmethod
    def imports(self, code: str) -> list[str]:
        """The framework's imports that the code uses."""

    @abstractmethod
    def preamble(self) -> list[str]:
        """Definitions between the helpers and the classes."""

    @abstractmethod
    def main(self) -> str:
        """What a program does that is run: it prints its output's shape and its parameters."""

    @abstractmethod
    def key(self, name: str) -> str:
        """The program's own name of an array, by its canonical name."""
