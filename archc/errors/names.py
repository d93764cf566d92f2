"""E03: names, arguments and structure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from archc.diagnostics import Diagnostic, Label, did_you_mean
from archc.source import Span


@dataclass(frozen=True, kw_only=True)
class UnknownForm(Diagnostic):
    code: ClassVar[str] = "E0301"
    name: str
    kind: str
    known: tuple[str, ...]

    def message(self) -> str:
        return f"no {self.kind} is called '{self.name}'"

    def help(self) -> str:
        return did_you_mean(self.name, self.known) or f"known: {', '.join(sorted(self.known))}"


@dataclass(frozen=True, kw_only=True)
class UnknownArgument(Diagnostic):
    code: ClassVar[str] = "E0302"
    form: str
    name: str
    known: tuple[str, ...]

    def message(self) -> str:
        return f"{self.form} takes no argument called '{self.name}'"

    def help(self) -> str:
        if not self.known:
            return f"{self.form} takes no arguments"
        return did_you_mean(self.name, self.known) or f"it takes {', '.join(self.known)}"


@dataclass(frozen=True, kw_only=True)
class BadArgument(Diagnostic):
    code: ClassVar[str] = "E0303"
    form: str
    name: str
    value: str
    rule: str

    def message(self) -> str:
        return f"{self.name} of {self.form} is {self.value}; it {self.rule}"


@dataclass(frozen=True, kw_only=True)
class MissingArgument(Diagnostic):
    code: ClassVar[str] = "E0304"
    form: str
    missing: tuple[str, ...]
    signature: str

    def message(self) -> str:
        return f"{self.form} needs {' and '.join(self.missing)}"

    def help(self) -> str:
        return self.signature


@dataclass(frozen=True, kw_only=True)
class TooManyArguments(Diagnostic):
    code: ClassVar[str] = "E0305"
    form: str
    signature: str

    def message(self) -> str:
        return f"{self.form} does not take so many arguments"

    def help(self) -> str:
        return self.signature


@dataclass(frozen=True, kw_only=True)
class RepeatedArgument(Diagnostic):
    code: ClassVar[str] = "E0306"
    form: str
    name: str
    first: Span

    def message(self) -> str:
        return f"{self.name} of {self.form} is given twice"

    def others(self) -> Sequence[Label]:
        return [Label(self.first, "first here")]


@dataclass(frozen=True, kw_only=True)
class UnknownName(Diagnostic):
    code: ClassVar[str] = "E0307"
    name: str
    known: tuple[str, ...]

    def message(self) -> str:
        return f"'{self.name}' is not known here"

    def help(self) -> str:
        if not self.known:
            return ""
        return did_you_mean(self.name, self.known) or f"known here: {', '.join(self.known)}"


@dataclass(frozen=True, kw_only=True)
class RepeatedName(Diagnostic):
    code: ClassVar[str] = "E0308"
    name: str
    kind: str
    first: Span

    def message(self) -> str:
        return f"the {self.kind} '{self.name}' is there already"

    def others(self) -> Sequence[Label]:
        return [Label(self.first, "first here")]


@dataclass(frozen=True, kw_only=True)
class RecursiveBlock(Diagnostic):
    code: ClassVar[str] = "E0309"
    name: str

    def message(self) -> str:
        return f"the block '{self.name}' calls itself: its expansion would never end"


@dataclass(frozen=True, kw_only=True)
class WrongBody(Diagnostic):
    """A structure without its braces, or braces where none belong."""

    code: ClassVar[str] = "E0310"
    name: str
    rule: str
    example: str = ""

    def message(self) -> str:
        return f"{self.name} {self.rule}"

    def help(self) -> str:
        return self.example


@dataclass(frozen=True, kw_only=True)
class BadInput(Diagnostic):
    code: ClassVar[str] = "E0311"
    problem: str

    def message(self) -> str:
        return self.problem

    def help(self) -> str:
        return "a net begins with its input, input(3x224x224) for example"


@dataclass(frozen=True, kw_only=True)
class BadOperands(Diagnostic):
    code: ClassVar[str] = "E0312"
    problem: str

    def message(self) -> str:
        return self.problem


@dataclass(frozen=True, kw_only=True)
class AmbiguousName(Diagnostic):
    code: ClassVar[str] = "E0313"
    name: str
    form: str

    def message(self) -> str:
        return f"'{self.name}' is a parameter here and a choice of {self.form} too"

    def help(self) -> str:
        return "rename the parameter"


@dataclass(frozen=True, kw_only=True)
class NoSingleNet(Diagnostic):
    code: ClassVar[str] = "E0314"
    file: str
    nets: tuple[str, ...]

    def message(self) -> str:
        if not self.nets:
            return f"{self.file} holds no net"
        return (
            f"{self.file} holds {len(self.nets)} nets ({', '.join(self.nets)}); a spec is one net"
        )

    def help(self) -> str:
        return "" if self.nets else "net name { input(3x224x224) ... }"


@dataclass(frozen=True, kw_only=True)
class MisplacedStructure(Diagnostic):
    code: ClassVar[str] = "E0315"
    name: str
    rule: str

    def message(self) -> str:
        return f"{self.name} {self.rule}"


@dataclass(frozen=True, kw_only=True)
class NoValue(Diagnostic):
    """A net parameter without a value."""

    code: ClassVar[str] = "E0316"
    net: str
    name: str

    def message(self) -> str:
        return f"the parameter '{self.name}' of {self.net} has no value"

    def help(self) -> str:
        return f"give it a default, or say --set {self.name}=VALUE"


@dataclass(frozen=True, kw_only=True)
class UnknownParameter(Diagnostic):
    code: ClassVar[str] = "E0317"
    net: str
    name: str
    known: tuple[str, ...]

    def message(self) -> str:
        return f"the net {self.net} has no parameter '{self.name}'"

    def help(self) -> str:
        return did_you_mean(self.name, self.known) or (
            f"it has {', '.join(self.known)}" if self.known else "it has none"
        )
