"""E02: ops that do not fit the maps that reach them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from archc.diagnostics import Diagnostic, Label


@dataclass(frozen=True, kw_only=True)
class WindowTooLarge(Diagnostic):
    code: ClassVar[str] = "E0201"
    kernel: tuple[int, int]
    map: tuple[int, int]
    padded: tuple[int, int]

    def message(self) -> str:
        kernel, size = f"{self.kernel[0]}x{self.kernel[1]}", f"{self.map[0]}x{self.map[1]}"
        if self.padded == self.map:
            return f"a {kernel} window does not fit into a {size} map"
        padded = f"{self.padded[0]}x{self.padded[1]}"
        return f"a {kernel} window does not fit into a {size} map, {padded} with its padding"

    def help(self) -> str:
        return "a smaller window, more padding, or fewer strides before this"


@dataclass(frozen=True, kw_only=True)
class EvenSame(Diagnostic):
    code: ClassVar[str] = "E0202"
    kernel: tuple[int, int]

    def message(self) -> str:
        kernel = f"{self.kernel[0]}x{self.kernel[1]}"
        return f"pad=same needs an odd kernel; {kernel} has no middle"

    def help(self) -> str:
        return "an odd kernel, or the padding as a number"


@dataclass(frozen=True, kw_only=True)
class BranchesDiffer(Diagnostic):
    code: ClassVar[str] = "E0203"
    op: str
    shape: tuple[int, int, int]
    branches: tuple[Label, ...] = ()
    fix: str = ""

    def message(self) -> str:
        return f"the branches of this {self.op} differ in height and width"

    def label(self) -> str:
        c, h, w = self.shape
        return f"{c}x{h}x{w} after this"

    def others(self) -> Sequence[Label]:
        return self.branches

    def help(self) -> str:
        return self.fix


@dataclass(frozen=True, kw_only=True)
class GroupsDoNotDivide(Diagnostic):
    code: ClassVar[str] = "E0204"
    groups: int
    channels: int
    which: str

    def message(self) -> str:
        return f"{self.groups} groups do not divide the {self.channels} channels that {self.which}"


@dataclass(frozen=True, kw_only=True)
class PadTooLarge(Diagnostic):
    code: ClassVar[str] = "E0205"
    kernel: tuple[int, int]
    pad: tuple[int, int]

    def message(self) -> str:
        pad, kernel = f"{self.pad[0]}x{self.pad[1]}", f"{self.kernel[0]}x{self.kernel[1]}"
        return f"padding of {pad} is more than half of a {kernel} pooling window"

    def notes(self) -> Sequence[str]:
        return ["a window that lies in the padding alone would have nothing to pool"]


@dataclass(frozen=True, kw_only=True)
class TooLarge(Diagnostic):
    code: ClassVar[str] = "E0206"
    what: str
    count: int
    limit: int

    def message(self) -> str:
        return f"{self.what} of {self.count:,} is beyond the limit of {self.limit:,}"
