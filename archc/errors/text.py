"""E00 and E01: the text of a spec, before its meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from archc.diagnostics import Diagnostic, did_you_mean


@dataclass(frozen=True, kw_only=True)
class CannotRead(Diagnostic):
    code: ClassVar[str] = "E0001"
    path: str
    reason: str
    known: tuple[str, ...] = ()

    def message(self) -> str:
        return f"cannot read {self.path}: {self.reason}"

    def help(self) -> str:
        if not self.known:
            return ""
        return (
            did_you_mean(self.path, self.known)
            or f"specs that come with archc: {', '.join(self.known)}"
        )


@dataclass(frozen=True, kw_only=True)
class TooLong(Diagnostic):
    code: ClassVar[str] = "E0002"
    path: str
    size: int
    limit: int

    def message(self) -> str:
        return f"{self.path} has {self.size:,} bytes; a spec has at most {self.limit:,}"


@dataclass(frozen=True, kw_only=True)
class NotText(Diagnostic):
    code: ClassVar[str] = "E0003"
    path: str
    offset: int

    def message(self) -> str:
        return f"{self.path} is not UTF-8 text (byte {self.offset:,})"

    def help(self) -> str:
        return "specs are plain text; save the file as UTF-8"


@dataclass(frozen=True, kw_only=True)
class Unexpected(Diagnostic):
    """The parser met a word that cannot stand here."""

    code: ClassVar[str] = "E0101"
    found: str
    expected: tuple[str, ...]
    hint: str = ""

    def message(self) -> str:
        return f"{self.found} cannot stand here"

    def label(self) -> str:
        if not self.expected:
            return ""
        *first, last = self.expected
        return f"expected {', '.join(first)} or {last}" if first else f"expected {last}"

    def help(self) -> str:
        return self.hint


@dataclass(frozen=True, kw_only=True)
class StrangeCharacter(Diagnostic):
    code: ClassVar[str] = "E0102"
    character: str
    name: str
    plain: str = ""

    def message(self) -> str:
        shown = self.character if self.character.isprintable() else f"U+{ord(self.character):04X}"
        return f"the character '{shown}' ({self.name}) has no meaning in a spec"

    def help(self) -> str:
        return f"type '{self.plain}'" if self.plain else ""


@dataclass(frozen=True, kw_only=True)
class UnterminatedString(Diagnostic):
    code: ClassVar[str] = "E0103"

    def message(self) -> str:
        return "this string is not closed on its line"

    def help(self) -> str:
        return 'close it with "'


@dataclass(frozen=True, kw_only=True)
class BadNumber(Diagnostic):
    code: ClassVar[str] = "E0104"
    reason: str

    def message(self) -> str:
        return f"this number {self.reason}"


@dataclass(frozen=True, kw_only=True)
class ReservedName(Diagnostic):
    code: ClassVar[str] = "E0105"
    word: str
    role: str

    def message(self) -> str:
        return f"'{self.word}' is a word of the language and cannot be {self.role}"

    def help(self) -> str:
        return f"another name, {self.word}_ for example"


@dataclass(frozen=True, kw_only=True)
class TooDeep(Diagnostic):
    code: ClassVar[str] = "E0106"
    what: str
    limit: int

    def message(self) -> str:
        return f"{self.what} are nested more than {self.limit} deep here"


@dataclass(frozen=True, kw_only=True)
class NotYet(Diagnostic):
    """A word that LANGUAGE defines and this version does not carry out."""

    code: ClassVar[str] = "E0107"
    word: str

    def message(self) -> str:
        return (
            f"'{self.word}' is a word of the language that this version of archc does not carry out"
        )


@dataclass(frozen=True, kw_only=True)
class UnclosedBracket(Diagnostic):
    code: ClassVar[str] = "E0108"
    bracket: str

    def message(self) -> str:
        return f"this '{self.bracket}' is never closed"


@dataclass(frozen=True, kw_only=True)
class WrongBracket(Diagnostic):
    code: ClassVar[str] = "E0109"
    bracket: str
    opened: str

    def message(self) -> str:
        if not self.opened:
            return f"this '{self.bracket}' closes nothing"
        return f"this '{self.bracket}' does not close the '{self.opened}' before it"
