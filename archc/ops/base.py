"""What an op is.

An op is one class: its fields are its syntax, its methods its meaning. All of the
meaning is abstract here, so an op that lacks a part cannot be made.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal, NamedTuple

from pydantic import Field

from archc.diagnostics import Diagnostic
from archc.errors import shapes as shape_errors
from archc.form import Form

Shape = tuple[int, int, int]
"""`(C, H, W)` in elements; the batch is never part of it."""

Pair = tuple[int, int]
"""`(height, width)`."""

Count = Annotated[int, Field(gt=0, le=2**31)]
NotNegative = Annotated[int, Field(ge=0, le=2**31)]
Size = Annotated[
    Count | tuple[Count, Count],
    Field(description="a whole number above 0, or a pair of them such as 1x7"),
]
Padding = Annotated[
    Literal["same"] | NotNegative | tuple[NotNegative, NotNegative],
    Field(description="a whole number, a pair such as 0x3, or same"),
]
NUMBER_OR_PAIR = "a whole number, or a pair such as 0x3"
Margin = Annotated[
    NotNegative | tuple[NotNegative, NotNegative],
    Field(description=NUMBER_OR_PAIR),
]


class OpError(Exception):
    """Raised by a shape rule: the fault, and the argument it is about (None: the whole op)."""

    def __init__(self, diagnostic: Diagnostic, field: str | None = None) -> None:
        super().__init__(diagnostic.message())
        self.diagnostic = diagnostic
        self.field = field


class Weight(NamedTuple):
    """A parameter array of a layer in the canonical layout.

    OIHW for conv, IOHW for deconv, (out, in) for fc. `fan_in` and `fan_out` are the connections
    to and from a unit, for initialisers.
    """

    role: Literal["weight", "bias", "scale", "mean", "variance"]
    shape: tuple[int, ...]
    fan_in: int
    fan_out: int

    @property
    def size(self) -> int:
        product = 1
        for size in self.shape:
            product *= size
        return product


class Reach(NamedTuple):
    """The window an output element sees in its input, and the step between neighbours.

    `up` is how many output elements stand where one of the input does. The window is one over
    that finer grid, which has inputs at every `up`-th place and nothing between them.
    """

    kernel: Pair = (1, 1)
    stride: Pair = (1, 1)
    up: Pair = (1, 1)


class Op(Form, ABC):
    """An op of the library. Inputs are shapes `(C, H, W)`; merges take several."""

    aliases: ClassVar[tuple[str, ...]] = ()
    """Other names that papers have for it."""

    hyphenated: ClassVar[tuple[str, ...]] = ()
    """The fields that a paper's shorthand says: `("kernel", "out")` for `conv3-64`."""

    unsaid: ClassVar[Mapping[str, str | int]] = MappingProxyType({})
    """The fields that the shorthand leaves out, and what it means by that."""

    channels: ClassVar[str] = "in"
    """Where the number of output channels comes from: `in`, `sum` (of the inputs), or a field."""

    layout: ClassVar[str] = "map"
    """What programs hold it in: `map` (N, C, H, W), `features` (N, C), or `same` as its inputs."""

    wraps: ClassVar[bool] = False
    """Whether programs write it around the layer it follows, as activations are."""

    is_function: ClassVar[bool] = False
    """Whether it is a function of its input alone, in training too, that can be handed on."""

    counted: ClassVar[bool] = False
    """Whether the op is a weight layer: counted in depth and, by its outputs, in neurons."""

    @abstractmethod
    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """The output's shape. Raises `OpError` where the inputs do not fit."""

    @abstractmethod
    def weights(self, inputs: Sequence[Shape]) -> Mapping[str, Weight]:
        """The parameters by name. Counts and the backends' arrays are both made from these."""

    def buffers(self, inputs: Sequence[Shape]) -> Mapping[str, Weight]:
        """Arrays that training changes without a gradient: the statistics of bn."""
        return {}

    @abstractmethod
    def macs(self, inputs: Sequence[Shape]) -> int:
        """Multiply-adds for one image: those of the weight layers, as papers quote."""

    @abstractmethod
    def other_flops(self, inputs: Sequence[Shape]) -> int:
        """Floating-point operations for one image beside two a multiply-add."""

    @abstractmethod
    def arithmetic(self, inputs: Sequence[Shape]) -> Sequence[str]:
        """How size, parameters and multiply-adds come about, as a course writes it:

        `55 = floor((227 + 2*0 - 11)/4) + 1`. Nothing for an op that keeps its map's size and
        has no weights.
        """

    @abstractmethod
    def reach(self, inputs: Sequence[Shape]) -> Reach:
        """The window and stride of the op, for receptive fields."""

    @abstractmethod
    def takes_whole(self) -> bool:
        """Whether towers of this op over one shared map are a single such op over that map."""

    @abstractmethod
    def side_by_side(self, towers: int, *, shared: bool) -> Mapping[str, int]:
        """The fields to multiply so that one op computes `towers` copies side by side.

        `shared`: the copies read one whole map; else each reads its own share of channels.
        """


def elements(shape: Shape) -> int:
    """How many numbers a map holds."""
    return shape[0] * shape[1] * shape[2]


def divided(shape: Shape, groups: int, field: str = "groups") -> Shape:
    """The shape, if groups divide its channels; raises `OpError` about `field` if not."""
    if shape[0] % groups:
        raise OpError(
            shape_errors.GroupsDoNotDivide(groups=groups, channels=shape[0], which="arrive"), field
        )
    return shape


def pair(size: int | Pair) -> Pair:
    """`3` as `(3, 3)`."""
    return (size, size) if isinstance(size, int) else size


def written(shape: Sequence[int]) -> str:
    """A shape as specs write it: `512x14x14`."""
    return "x".join(str(size) for size in shape)


class Elementwise(Op):
    """An op whose every output depends on one input element."""

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return inputs[0]

    def weights(self, inputs: Sequence[Shape]) -> Mapping[str, Weight]:
        return {}

    def macs(self, inputs: Sequence[Shape]) -> int:
        return 0

    def arithmetic(self, inputs: Sequence[Shape]) -> Sequence[str]:
        return []

    def reach(self, inputs: Sequence[Shape]) -> Reach:
        return Reach()

    def takes_whole(self) -> bool:
        return False

    def side_by_side(self, towers: int, *, shared: bool) -> Mapping[str, int]:
        return {}
