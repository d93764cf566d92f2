"""Source -> Syntax: the text of a spec as a tree of spans.

lark does the parsing (`grammar.lark`, LALR(1)); this file bounds what reaches it. Its tree is
turned into ours in `tree_builder.py`, its complaints are worded in `syntax_errors.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from lark import Lark, UnexpectedCharacters, UnexpectedToken

from archc import syntax
from archc.diagnostics import fail
from archc.errors import text as errors
from archc.limits import MAX_BYTES, MAX_DEPTH, MAX_DIGITS, MAX_NAME, MAX_WORDS
from archc.source import Source, Span
from archc.syntax_errors import span_at, strange, unexpected
from archc.tree_builder import build_tree

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_DIGITS",
    "MAX_NAME",
    "MAX_WORDS",
    "parse",
    "parse_expression",
    "read",
]


def read(path: Path, name: str | None = None) -> Source:
    """The text of a file. Raises `DiagnosticError` for what is no readable spec."""
    shown = name or str(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            fail(errors.TooLong(path=shown, limit=MAX_BYTES, unit="bytes"))
    except OSError as error:
        fail(errors.CannotRead(path=shown, reason=(error.strerror or str(error)).lower()))
    except ValueError as error:  # a NUL in the path
        fail(errors.CannotRead(path=shown, reason=str(error)))
    try:
        decoded = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        fail(errors.NotText(path=shown, offset=error.start))
    # However the lines were ended on the author's machine, the text is the same.
    return Source(shown, decoded.replace("\r\n", "\n").replace("\r", "\n"))


def parse(source: Source) -> syntax.File:
    """The tree of a spec. Raises `DiagnosticError` with the first fault of its syntax."""
    file: syntax.File = _parse(source, "start")
    return file


def parse_expression(source: Source) -> syntax.Expr:
    """The tree of a single expression, such as the value of `--set`."""
    expr: syntax.Expr = _parse(source, "value")
    return expr


def _parse(source: Source, start: str) -> Any:
    """What the rule `start` of the grammar makes of a text."""
    if len(source.text) > MAX_BYTES:
        fail(errors.TooLong(path=source.name, limit=MAX_BYTES, unit="characters"))
    _bound(source)
    try:
        tree = _parser().parse(source.text, start)  # pyright: ignore[reportUnknownMemberType]
    except UnexpectedCharacters as error:
        fail(strange(source, cast("int", error.pos_in_stream)))
    except UnexpectedToken as error:
        fail(unexpected(source, error))
    return build_tree(source, tree)


@cache
def _parser() -> Lark:
    grammar = Path(__file__).with_name("grammar.lark").read_text("utf-8")
    return Lark(
        grammar,
        start=["start", "value"],
        parser="lalr",
        propagate_positions=True,
        maybe_placeholders=True,
    )


# Before the parser -----------------------------------------------------------------------

_CLOSES = {")": "(", "]": "[", "}": "{"}
_WORD = re.compile(r'"[^"\n]*"|#[^\n]*|[0-9A-Za-z_]+|[^\s]')


@dataclass(frozen=True, slots=True)
class _Bracket:
    """An open bracket, and how far the line that it stands on is indented."""

    kind: str
    span: Span
    indent: int


def _bound(source: Source) -> None:
    """Refuse what the parser and the walks after it could choke on, before they run."""
    open_: list[_Bracket] = []
    suspect: errors.UnclosedBracket | None = None
    for count, match in enumerate(_WORD.finditer(source.text)):
        word, start = match.group(), match.start()
        if count == MAX_WORDS:
            fail(
                errors.TooLong(path=source.name, limit=MAX_WORDS, unit="words, signs and comments")
            )
        if len(word) > MAX_NAME and not word[0].isdigit() and word[0] not in '"#':
            fail(errors.TooLongName(limit=MAX_NAME, span=span_at(source, start, len(word))))
        if word == '"':
            fail(errors.UnterminatedString(span=_rest_of_line(source, start)))
        if word in "([{":
            span = span_at(source, start, 1)
            open_.append(_Bracket(word, span, _indent(source, span)))
            if len(open_) > MAX_DEPTH:
                fail(errors.TooDeep(what="brackets", limit=MAX_DEPTH, span=span))
        elif word in ")]}":
            span = span_at(source, start, 1)
            opened = open_.pop() if open_ else None
            if opened is None or opened.kind != _CLOSES[word]:
                fail(suspect or _wrong_bracket(word, span, opened))
            if suspect is None and _indent(source, span) == span.column - 1 < opened.indent:
                note = "this seems to close what is further out"
                suspect = errors.UnclosedBracket(
                    bracket=opened.kind, closed=span, note=note, span=opened.span
                )
    if open_:
        last = open_[-1]
        fail(suspect or errors.UnclosedBracket(bracket=last.kind, span=last.span))


def _wrong_bracket(
    word: str, span: Span, opened: _Bracket | None
) -> errors.UnclosedBracket | errors.WrongBracket:
    if opened is not None and word == "}":
        # Braces go over many lines: a parenthesis inside of them was forgotten.
        return errors.UnclosedBracket(
            bracket=opened.kind, closed=span, note="this comes first", span=opened.span
        )
    return errors.WrongBracket(bracket=word, opened=opened.span if opened else None, span=span)


def _indent(source: Source, span: Span) -> int:
    """How many blanks the line of a place begins with."""
    match = _BLANKS.match(source.text, source.line_starts[span.line - 1])
    return len(match.group()) if match else 0


_BLANKS = re.compile(r"[ \t]{0,200}")


def _rest_of_line(source: Source, start: int) -> Span:
    end = source.text.find("\n", start)
    return Span(source, start, len(source.text) if end < 0 else end)
