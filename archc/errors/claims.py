"""E04: what a spec expects and the net does not hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from archc.diagnostics import Diagnostic, did_you_mean, some


@dataclass(frozen=True, kw_only=True)
class ClaimFails(Diagnostic):
    """What the spec expects is not what the net has: a figure of the paper is wrong, is counted in
    another way, or the spec is not yet the paper's net."""

    code: ClassVar[str] = "E0401"
    left: str
    operator: str
    right: str
    found: str
    wanted: str
    range: tuple[str, str] | None = None
    """What `~` takes for equal, from and to."""

    def message(self) -> str:
        return f"the claim {self.left} {self.operator} {self.right} does not hold"

    def label(self) -> str:
        sides = ((self.left, self.found), (self.right, self.wanted))
        return ", ".join(f"{side} is {value}" for side, value in sides if side != value)

    def notes(self) -> Sequence[str]:
        if self.range is None:
            return []
        low, high = self.range
        return [f"~ is equality at the precision printed: {self.right} is {low} to {high}"]


@dataclass(frozen=True, kw_only=True)
class UnknownQuantity(Diagnostic):
    """A claim is about a part that the net does not have, or asks what is not known of it."""

    code: ClassVar[str] = "E0402"
    name: str
    of: str
    known: tuple[str, ...]

    def message(self) -> str:
        return f"'{self.name}' is nothing that the compiler knows of {self.of}"

    def help(self) -> str:
        return did_you_mean(self.name, self.known) or f"it knows {some(self.known)}"


@dataclass(frozen=True, kw_only=True)
class CannotCompare(Diagnostic):
    """The two sides of a claim are of different kinds, or the comparison does not fit them."""

    code: ClassVar[str] = "E0403"
    left: str
    operator: str
    right: str
    reason: str
    fix: str = ""

    def message(self) -> str:
        return f"{self.left} {self.operator} {self.right} cannot be compared: {self.reason}"

    def help(self) -> str:
        return self.fix
