"""E04: what a spec expects and the net does not hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from archc.diagnostics import Diagnostic, did_you_mean


@dataclass(frozen=True, kw_only=True)
class ClaimFails(Diagnostic):
    code: ClassVar[str] = "E0401"
    left: str
    operator: str
    right: str
    found: str
    wanted: str

    def message(self) -> str:
        return f"the claim {self.left} {self.operator} {self.right} does not hold"

    def label(self) -> str:
        return f"{self.left} is {self.found}" + (
            f", {self.right} is {self.wanted}" if self.right != self.wanted else ""
        )


@dataclass(frozen=True, kw_only=True)
class UnknownQuantity(Diagnostic):
    code: ClassVar[str] = "E0402"
    name: str
    known: tuple[str, ...]

    def message(self) -> str:
        return f"'{self.name}' is nothing that the compiler knows of this net"

    def help(self) -> str:
        near = did_you_mean(self.name, self.known)
        return near or "a claim compares params, macs, depth, LABEL.output, ... (docs/language.md)"


@dataclass(frozen=True, kw_only=True)
class CannotCompare(Diagnostic):
    code: ClassVar[str] = "E0403"
    left: str
    operator: str
    right: str

    def message(self) -> str:
        return f"{self.left} {self.operator} {self.right} cannot be compared"
