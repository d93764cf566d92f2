"""E09: nets that cannot be put on several devices as asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from archc.diagnostics import Diagnostic, Label
from archc.source import Span


@dataclass(frozen=True, kw_only=True)
class NoTowers(Diagnostic):
    """`--parallel towers` puts each tower of a net on a device of its own, and the net has none."""

    code: ClassVar[str] = "E0901"
    net: str

    def message(self) -> str:
        return f"{self.net} has no towers to put on devices"

    def help(self) -> str:
        return "--parallel data shares out the images of each batch instead"


@dataclass(frozen=True, kw_only=True)
class TowersDiffer(Diagnostic):
    """A device computes one tower from the first layer to the last, so a net that is put on
    devices has the same number of towers everywhere."""

    code: ClassVar[str] = "E0902"
    towers: int
    first: int
    first_span: Span

    def message(self) -> str:
        return f"{self.towers} towers cannot be put on the {self.first} devices of the others"

    def label(self) -> str:
        return f"one of {self.towers} towers"

    def others(self) -> Sequence[Label]:
        return [Label(self.first_span, f"one of {self.first} towers")]


@dataclass(frozen=True, kw_only=True)
class EndsInTowers(Diagnostic):
    """The softmax that a net ends in stands inside towers. The loss is over all classes, which no
    tower has."""

    code: ClassVar[str] = "E0903"
    net: str

    def message(self) -> str:
        return f"{self.net} ends in a softmax inside towers, where no device has all classes"

    def help(self) -> str:
        return "move softmax behind the closing brace"


@dataclass(frozen=True, kw_only=True)
class TowersDoNotFit(Diagnostic):
    """Towers are put on as many devices as there are towers, or on a multiple of that: replicas
    that share out each batch."""

    code: ClassVar[str] = "E0904"
    towers: int
    devices: int

    def message(self) -> str:
        has = "1 device is" if self.devices == 1 else f"{self.devices} devices are"
        return f"{has} no whole number of replicas of {self.towers} towers"

    def help(self) -> str:
        return f"take {self.towers}, {2 * self.towers} or another multiple of {self.towers} devices"
