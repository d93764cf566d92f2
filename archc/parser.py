"""Source -> Syntax: the text of a spec as a tree of spans.

`lalr.py` runs the tables that lark makes of `grammar.lark`; this file bounds what reaches it.
The tree is made in `tree_builder.py`, faults of syntax are worded in `syntax_errors.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Never

from archc import syntax
from archc.diagnostics import DiagnosticError, Sink, fail
from archc.errors import text as errors
from archc.lalr import Action, Parser, Word
from archc.limits import MAX_BYTES, MAX_DEPTH, MAX_DIGITS, MAX_NAME, MAX_WORDS
from archc.source import Source, Span
from archc.tree_builder import TreeBuilder

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_DIGITS",
    "MAX_NAME",
    "MAX_WORDS",
    "decoded",
    "parse",
    "parse_expression",
    "read",
    "words",
]


def read(path: Path, name: str | None = None) -> Source:
    """The text of a file. Raises `DiagnosticError` for what is no readable spec."""
    shown = name or str(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        fail(errors.CannotRead(path=shown, reason=(error.strerror or str(error)).lower()))
    except ValueError as error:  # a NUL in the path
        fail(errors.CannotRead(path=shown, reason=str(error)))
    return decoded(data, shown, path)


def decoded(data: bytes, shown: str, path: Path | None = None) -> Source:
    """The text of these bytes. Raises `DiagnosticError` where they are none."""
    if len(data) > MAX_BYTES:
        fail(errors.TooLong(path=shown, limit=MAX_BYTES, unit="bytes"))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        fail(errors.NotText(path=shown, offset=error.start))
    # However the lines were ended on the author's machine, the text is the same.
    return Source(shown, text.replace("\r\n", "\n").replace("\r", "\n"), path)


def parse(source: Source) -> syntax.File:
    """The tree of a spec. Raises `DiagnosticError` with the faults of its syntax."""
    file: syntax.File = _parse(source, "start")
    return file


def parse_expression(source: Source) -> syntax.Expr:
    """The tree of a single expression, such as the value of `--set`."""
    expr: syntax.Expr = _parse(source, "value")
    return expr


def words(source: Source, actions: Mapping[str, Action]) -> Sequence[Word]:
    """The words of a spec in order, without a tree; `actions` are told of the rules they name.

    Raises `DiagnosticError` as `parse` does, but for names that are words of the language.
    """
    faults = _bounded(source)
    found = Parser(source, actions, faults).words()
    faults.sink.raise_if_failed()
    return found


def _parse(source: Source, start: str) -> Any:
    """What the rule `start` of the grammar makes of a text."""
    faults = _bounded(source)
    parser = Parser(source, faults.builder.actions(), faults)
    made = parser.parse(start)
    faults.sink.raise_if_failed()
    return made


def _bounded(source: Source) -> _Faults:
    """Where the faults of a text go that is small enough to be parsed."""
    if len(source.text) > MAX_BYTES:
        fail(errors.TooLong(path=source.name, limit=MAX_BYTES, unit="characters"))
    _bound(source)
    return _Faults(source)


class _Faults:
    """What the parser reports to: every fault of a text that does not follow from another."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.sink = Sink()
        self.builder = TreeBuilder(self.sink)

    def strange(self, offset: int) -> Never:
        from archc.syntax_errors import strange  # only a fault needs its words

        self.sink.add(strange(self.source, offset))
        self._stop()

    def unexpected(self, word: Word, accepts: set[str]) -> None:
        stray = self.builder.stray
        if stray is not None and stray.line == self.source.position(word.start)[0]:
            # It only follows from that: `expect` in a block, then its comparison.
            return
        from archc.syntax_errors import unexpected

        self.sink.add(unexpected(self.source, word, accepts))

    def too_long(self, word: Word) -> None:
        span = self.source.span(word.start, word.end - word.start)
        self.sink.add(errors.TooLongName(limit=MAX_NAME, span=span))

    def too_many(self) -> Never:
        unit = "words and signs"
        self.sink.add(errors.TooLong(path=self.source.name, limit=MAX_WORDS, unit=unit))
        self._stop()

    def _stop(self) -> Never:
        self.sink.raise_if_failed()
        raise DiagnosticError([])


# Before the parser -----------------------------------------------------------------------

_CLOSES = {")": "(", "]": "[", "}": "{"}
# Brackets, and what they do not count in: strings and comments.
_BRACKET = re.compile(r'"[^"\n]*"|#[^\n]*|[(\[{}\])"]')


class _Bracket(NamedTuple):
    """An open bracket."""

    kind: str
    start: int


def _bound(source: Source) -> None:
    """Refuse what the parser and the walks after it could choke on, before they run."""
    open_: list[_Bracket] = []
    suspect: errors.UnclosedBracket | None = None
    for match in _BRACKET.finditer(source.text):
        word, start = match.group(), match.start()
        if word == '"':
            fail(errors.UnterminatedString(span=_rest_of_line(source, start)))
        if word in "([{":
            open_.append(_Bracket(word, start))
            if len(open_) > MAX_DEPTH:
                span = source.span(start, 1)
                fail(errors.TooDeep(what="brackets", limit=MAX_DEPTH, span=span))
        elif word in ")]}":
            opened = open_.pop() if open_ else None
            if opened is None or opened.kind != _CLOSES[word]:
                fail(suspect or _wrong_bracket(source, word, start, opened))
            if suspect is None and _closes_further_out(source.text, opened.start, start):
                suspect = errors.UnclosedBracket(
                    bracket=opened.kind,
                    closed=source.span(start, 1),
                    note="this seems to close what is further out",
                    span=source.span(opened.start, 1),
                )
    if open_:
        last = open_[-1]
        span = source.span(last.start, 1)
        fail(suspect or errors.UnclosedBracket(bracket=last.kind, span=span))


def _wrong_bracket(
    source: Source, word: str, start: int, opened: _Bracket | None
) -> errors.UnclosedBracket | errors.WrongBracket:
    span = source.span(start, 1)
    if opened is None:
        return errors.WrongBracket(bracket=word, opened=None, span=span)
    place = source.span(opened.start, 1)
    if word == "}":
        # Braces go over many lines: a parenthesis inside of them was forgotten.
        return errors.UnclosedBracket(
            bracket=opened.kind, closed=span, note="this comes first", span=place
        )
    return errors.WrongBracket(bracket=word, opened=place, span=span)


def _closes_further_out(text: str, opened: int, closed: int) -> bool:
    """Whether a bracket begins its line left of where the line of its partner begins."""
    line = text.rfind("\n", 0, closed) + 1
    if text[line:closed].strip(" \t"):
        return False
    return closed - line < _indent(text, opened)


def _indent(text: str, offset: int) -> int:
    """How many blanks the line of a place begins with."""
    match = _BLANKS.match(text, text.rfind("\n", 0, offset) + 1)
    return len(match.group()) if match else 0


_BLANKS = re.compile(r"[ \t]{0,200}")


def _rest_of_line(source: Source, start: int) -> Span:
    end = source.text.find("\n", start)
    return Span(source, start, len(source.text) if end < 0 else end)
