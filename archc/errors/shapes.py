"""E02: ops that do not fit the maps that reach them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from archc.diagnostics import Diagnostic, Label, some


@dataclass(frozen=True, kw_only=True)
class WindowTooLarge(Diagnostic):
    """The window of a convolution or of pooling is larger than the map that reaches it, padding
    included, so there is no place to put it. Often the maps have become too small on the way."""

    code: ClassVar[str] = "E0201"
    kernel: tuple[int, int]
    map: tuple[int, int]
    padded: tuple[int, int]
    order: str = ""
    """The op's arguments in order, where the kernel was given by its place."""

    def message(self) -> str:
        kernel, size = f"{self.kernel[0]}x{self.kernel[1]}", f"{self.map[0]}x{self.map[1]}"
        if self.padded == self.map:
            return f"a {kernel} window does not fit into a {size} map"
        padded = f"{self.padded[0]}x{self.padded[1]}"
        return f"a {kernel} window does not fit into a {size} map, {padded} with its padding"

    def notes(self) -> Sequence[str]:
        return [f"the kernel comes first: {self.order}"] if self.order else []

    def help(self) -> str:
        size = f"{self.padded[0]}x{self.padded[1]}"
        return f"a window of {size} at most, more padding, or fewer strides before this"


@dataclass(frozen=True, kw_only=True)
class EvenSame(Diagnostic):
    """`pad=same` puts (k - 1) / 2 on both sides, which keeps a map's size where k is odd."""

    code: ClassVar[str] = "E0202"
    kernel: tuple[int, int]

    def message(self) -> str:
        kernel = f"{self.kernel[0]}x{self.kernel[1]}"
        return f"pad=same needs an odd kernel; {kernel} has no middle"

    def help(self) -> str:
        return f"an odd kernel, or the padding as a number: pad={self.kernel[0] // 2}"


@dataclass(frozen=True, kw_only=True)
class BranchesDiffer(Diagnostic):
    """Maps are joined place by place, so all branches have to agree in height and width; what is
    added or multiplied has to agree in channels too."""

    code: ClassVar[str] = "E0203"
    op: str
    shape: tuple[int, int, int]
    channels: bool = False
    branches: tuple[Label, ...] = ()
    fix: str = ""

    def message(self) -> str:
        what = "channels" if self.channels else "height and width"
        return f"the branches of this {self.op} differ in {what}"

    def label(self) -> str:
        c, h, w = self.shape
        return f"{c}x{h}x{w} after this"

    def others(self) -> Sequence[Label]:
        return self.branches

    def help(self) -> str:
        return self.fix


@dataclass(frozen=True, kw_only=True)
class GroupsDoNotDivide(Diagnostic):
    """A grouped op gives each group as many channels, so the number of groups has to divide those
    that arrive and those that leave."""

    code: ClassVar[str] = "E0204"
    groups: int
    channels: int
    which: str
    what: str = "groups"

    def message(self) -> str:
        where = "arrive here" if self.which == "arrive" else "leave it"
        return f"{self.groups} {self.what} do not divide the {self.channels} channels that {where}"

    def help(self) -> str:
        divisors = [n for n in range(2, min(self.channels, 1024) + 1) if self.channels % n == 0]
        numbers = some([str(n) for n in divisors], 8)
        return f"{self.channels} channels fall into {numbers} {self.what}"


@dataclass(frozen=True, kw_only=True)
class PadTooLarge(Diagnostic):
    """With more padding than half of the window, a window of pooling could lie in the padding."""

    code: ClassVar[str] = "E0205"
    kernel: tuple[int, int]
    pad: tuple[int, int]

    def message(self) -> str:
        pad, kernel = f"{self.pad[0]}x{self.pad[1]}", f"{self.kernel[0]}x{self.kernel[1]}"
        return f"padding of {pad} is more than half of a {kernel} pooling window"

    def notes(self) -> Sequence[str]:
        return ["a window that lies in the padding alone would have nothing to pool"]

    def help(self) -> str:
        return f"pad={min(self.kernel) // 2} at most"


@dataclass(frozen=True, kw_only=True)
class SameInDeconv(Diagnostic):
    """`pad=same` keeps the size of a map; a `deconv` is there to change it. A map as many times as
    large as the stride says takes a padding of (kernel - stride) / 2."""

    code: ClassVar[str] = "E0208"
    kernel: tuple[int, int]
    stride: tuple[int, int]

    def message(self) -> str:
        return "deconv has no pad=same: its padding is a number"

    def help(self) -> str:
        axes = list(zip(self.kernel, self.stride, strict=True))
        if any(k < s or (k - s) % 2 for k, s in axes):
            return "pad=0 leaves (in - 1) * stride + kernel"
        pad = tuple((k - s) // 2 for k, s in axes)
        times = _short(self.stride)
        effect = "keeps the size" if times == "1" else f"makes the map {times} times as large"
        return f"pad={_short((pad[0], pad[1]))} {effect}"


@dataclass(frozen=True, kw_only=True)
class CutAway(Diagnostic):
    """`crop` cuts its margin, and `deconv` its padding, off each side of a map: twice as much in
    all. At least one row and one column have to be left."""

    code: ClassVar[str] = "E0207"
    field: str
    off: tuple[int, int]
    map: tuple[int, int]

    def message(self) -> str:
        size = f"{self.map[0]}x{self.map[1]}"
        return f"cutting {_short(self.off)} off each side of a {size} map leaves nothing"

    def notes(self) -> Sequence[str]:
        if self.field != "pad":
            return []
        return ["before its padding is cut off, a deconv's map is (in - 1) * stride + kernel"]

    def help(self) -> str:
        height, width = (min(off, (n - 1) // 2) for off, n in zip(self.off, self.map, strict=True))
        if self.off[0] == self.off[1]:
            # One number was written, so one number helps.
            height = width = min(height, width)
        return f"{self.field}={_short((height, width))} at most"


def _short(off: tuple[int, int]) -> str:
    """`4`, or `1x7` where height and width differ."""
    return f"{off[0]}" if off[0] == off[1] else f"{off[0]}x{off[1]}"


@dataclass(frozen=True, kw_only=True)
class TooLarge(Diagnostic):
    """The net, one of its maps, or what its blocks expand to is beyond what archc works out. A few
    lines of blocks that call blocks can mean more layers than there are atoms."""

    code: ClassVar[str] = "E0206"
    what: str
    count: int
    limit: int
    unit: str

    def message(self) -> str:
        return f"{self.what} of {self.count:,} {self.unit} is beyond the limit of {self.limit:,}"
