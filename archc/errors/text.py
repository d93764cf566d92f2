"""E00 and E01: the text of a spec, before its meaning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from archc.diagnostics import Diagnostic, Label, did_you_mean, some
from archc.source import Span


@dataclass(frozen=True, kw_only=True)
class CannotRead(Diagnostic):
    """The file is not there, or may not be read. Beside paths, the name of a spec that comes with
    archc can be given."""

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
            did_you_mean(self.path, self.known) or f"specs that come with archc: {some(self.known)}"
        )


@dataclass(frozen=True, kw_only=True)
class TooLong(Diagnostic):
    """The file is longer than any net needs. The bound keeps a spec from a stranger from taking
    your machine's time and memory."""

    code: ClassVar[str] = "E0002"
    path: str
    limit: int
    unit: str

    def message(self) -> str:
        return f"{self.path} has more than {self.limit:,} {self.unit}, the most that a spec may"

    def help(self) -> str:
        return "layers that repeat are said once: repeat(3) { ... }, block c3(n) { ... }"


@dataclass(frozen=True, kw_only=True)
class NotText(Diagnostic):
    """The file holds bytes that are no UTF-8, the encoding of specs."""

    code: ClassVar[str] = "E0003"
    path: str
    offset: int

    def message(self) -> str:
        return f"{self.path} is not UTF-8 text: its byte {self.offset:,} belongs to no character"

    def help(self) -> str:
        return "specs are plain text; save the file as UTF-8"


@dataclass(frozen=True, kw_only=True)
class UnknownCode(Diagnostic):
    """`archc explain` was asked for a code that no error has."""

    code: ClassVar[str] = "E0004"
    name: str
    known: tuple[str, ...]

    def message(self) -> str:
        return f"no error has the code '{self.name}'"

    def help(self) -> str:
        return f"codes are E and four digits, from {self.known[0]} to {self.known[-1]}"


@dataclass(frozen=True, kw_only=True)
class Unexpected(Diagnostic):
    """A word or sign stands where the grammar has no place for it. `docs/language.md` has the
    grammar; the marks show the first word that does not fit, and the fault may be just before."""

    code: ClassVar[str] = "E0101"
    found: str
    expected: tuple[str, ...]
    hint: str = ""

    def message(self) -> str:
        return f"{self.found} cannot stand here" if self.found else "the text ends too early"

    def label(self) -> str:
        if not self.expected:
            return ""
        *first, last = self.expected
        return f"expected {', '.join(first)} or {last}" if first else f"expected {last}"

    def help(self) -> str:
        return self.hint


@dataclass(frozen=True, kw_only=True)
class StrangeCharacter(Diagnostic):
    """A character that the language does not use, often one that looks like another: a letter of
    another alphabet, a typographic dash or quote from a word processor."""

    code: ClassVar[str] = "E0102"
    character: str
    name: str
    plain: str = ""

    def message(self) -> str:
        code = f"U+{ord(self.character):04X}"
        shown = f"'{self.character}'" if self.character.isprintable() else code
        name = f" ({self.name})" if self.name != code else ""
        return f"the character {shown}{name} has no meaning in a spec"

    def help(self) -> str:
        if self.plain == '"':
            return 'strings are written "like this"'
        return f"type '{self.plain}'" if self.plain else ""


@dataclass(frozen=True, kw_only=True)
class UnterminatedString(Diagnostic):
    """A string ends on the line it begins on."""

    code: ClassVar[str] = "E0103"

    def message(self) -> str:
        return "this string is not closed on its line"

    def help(self) -> str:
        return 'close it with " before the line ends'


@dataclass(frozen=True, kw_only=True)
class BadNumber(Diagnostic):
    """A number that is not written as numbers are, or is larger than any count of a net."""

    code: ClassVar[str] = "E0104"
    reason: str
    fix: str = ""

    def message(self) -> str:
        return f"this number {self.reason}"

    def help(self) -> str:
        return self.fix


@dataclass(frozen=True, kw_only=True)
class ReservedName(Diagnostic):
    """The words of the language cannot be names of nets, blocks, parameters, counters or labels."""

    code: ClassVar[str] = "E0105"
    word: str
    role: str

    def message(self) -> str:
        return f"'{self.word}' is a word of the language and cannot be {self.role}"

    def help(self) -> str:
        return f"take another name, such as {self.word}_"


@dataclass(frozen=True, kw_only=True)
class TooDeep(Diagnostic):
    """Brackets or operators hold one another more deeply than a reader could follow."""

    code: ClassVar[str] = "E0106"
    what: str
    limit: int

    def message(self) -> str:
        return f"{self.what} are nested more than {self.limit} deep here"


@dataclass(frozen=True, kw_only=True)
class UnclosedBracket(Diagnostic):
    """A bracket is open to the end of the file, or to where another kind of bracket closes. Where
    the indentation tells which one was forgotten, that one is shown."""

    code: ClassVar[str] = "E0108"
    bracket: str
    closed: Span | None = None
    """The bracket further on that closes another one, or seems to be meant for it."""
    note: str = ""

    def message(self) -> str:
        return f"this '{self.bracket}' is never closed"

    def others(self) -> Sequence[Label]:
        return [Label(self.closed, self.note)] if self.closed is not None else []

    def help(self) -> str:
        return f"close it with '{dict(zip('([{', ')]}', strict=True))[self.bracket]}'"


@dataclass(frozen=True, kw_only=True)
class WrongBracket(Diagnostic):
    """A bracket closes none, or one of another kind."""

    code: ClassVar[str] = "E0109"
    bracket: str
    opened: Span | None = None

    def message(self) -> str:
        if self.opened is None:
            return f"this '{self.bracket}' closes nothing: no bracket is open here"
        return f"this '{self.bracket}' does not close the '{self.opened.text}' before it"

    def others(self) -> Sequence[Label]:
        return [Label(self.opened, "open until here")] if self.opened is not None else []


@dataclass(frozen=True, kw_only=True)
class TooLongName(Diagnostic):
    """Names are bounded, because they are repeated in messages, programs and checkpoints."""

    code: ClassVar[str] = "E0110"
    limit: int

    def message(self) -> str:
        return f"this name has more than {self.limit} characters"


@dataclass(frozen=True, kw_only=True)
class BadImport(Diagnostic):
    """`import "x.arch"` brings the blocks of a file beside this one, or in a folder there. It
    never reads anything else: a spec from a stranger cannot look around on your machine."""

    code: ClassVar[str] = "E0111"
    path: str
    reason: str
    fix: str = ""

    def message(self) -> str:
        return f"cannot import {self.path}: {self.reason}"

    def help(self) -> str:
        return self.fix


def near_file(name: str, known: Sequence[str]) -> str:
    """The file that was probably meant, or those that are there."""
    return did_you_mean(name, known) or (f"there are {some(known, 8)}" if known else "")
