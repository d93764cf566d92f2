"""The one layout of specs (`archc fmt`): the author's words, comments and lines.

It goes by the words of a text, never by its tree, so that nothing is lost. docs/language.md has
the rules, under "Layout"; what two words have between them is in `spacing.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from archc.columns import Item, Line, align
from archc.parser import parse
from archc.source import Source
from archc.spacing import Spaced, spaced

_INDENT = 2
_TAB = 8
_OPEN = frozenset({"LBRACE", "LPAR", "LSQB"})
_CLOSE = frozenset({"RBRACE", "RPAR", "RSQB"})
_GAP = re.compile(r"#[^\n]*|[ \t\r]+|\n")
_GOES_ON = frozenset(
    "COMMA EQUAL PLUS MINUS PRODUCT COMPARE APPROX AND OR NOT _ASSUMED EXPECT _IMPORT".split()
)
"""What no line can end with unless the next one goes on with it."""
_GOES_BACK = frozenset("PLUS PRODUCT COMPARE APPROX AND OR _ASSUMED".split())
"""What begins a line only where it goes on with the one before."""


def formatted(source: Source) -> str:
    """A spec in its layout. Raises `DiagnosticError` for a fault of its syntax."""
    parse(source)
    words = spaced(source)
    lines = _lines(source.text, words)
    _indent(lines)
    align(lines)
    text = "".join(f"{_written(line)}\n" for line in lines)
    if [word.text for word in spaced(Source(source.name, text))] != [word.text for word in words]:
        raise RuntimeError(f"the layout of {source.name} would change what it says")
    return text


def _written(line: Line) -> str:
    text = ""
    for item in line.items:
        text += " " * (item.at - len(text)) + item.text
    return text


# Lines -----------------------------------------------------------------------------------


def _lines(text: str, words: Sequence[Spaced]) -> list[Line]:
    """The lines of a text that stay: single blank ones, and none beside a bracket's edge."""
    found = [Line()]
    at = column = 0
    for word in [*words, None]:
        gap = 0
        for match in _GAP.finditer(text, at, len(text) if word is None else word.start):
            part = match.group()
            if part == "\n":
                found.append(Line())
                column = gap = 0
            elif part[0] == "#":
                found[-1].items.append(Item(_comment(part), None, column, gap))
            else:
                before, column = column, _after_blanks(part, column)
                gap += column - before
        if word is not None:
            found[-1].items.append(Item(word.text, word, column, gap))
            at, column = word.end, column + len(word.text)
    return _without_blank_lines(found)


def _comment(text: str) -> str:
    """`#like this` as `# like this`."""
    body = text.lstrip("#").rstrip()
    signs = text[: len(text) - len(text.lstrip("#"))]
    return signs + (body if not body or body[0].isspace() else f" {body}")


def _after_blanks(blanks: str, column: int) -> int:
    for sign in blanks:
        if sign == "\t":
            column += _TAB - column % _TAB
        elif sign == " ":
            column += 1
    return column


def _without_blank_lines(lines: Iterable[Line]) -> list[Line]:
    kept: list[Line] = []
    last = ""
    blank = False
    for line in lines:
        if not line.items:
            blank = True
            continue
        first = line.items[0].word
        closes = first is not None and first.kind in _CLOSE
        if blank and kept and last not in _OPEN and not closes:
            kept.append(Line())
        kept.append(line)
        # A comment behind an opening brace is on its line; below, it is a line of its own.
        last = line.words[-1].kind if line.words else ""
        blank = False
    return kept


# Indentation -----------------------------------------------------------------------------


@dataclass(slots=True)
class _Open:
    """An open bracket: the level of what it stands in, and whether it holds branches."""

    level: int
    brace: bool = True
    branches: bool = False

    @property
    def inner(self) -> int:
        """The level of what it holds; of a branch, below the first item behind its '|'."""
        return self.level + 1 + self.branches


def _indent(lines: Sequence[Line]) -> None:
    """Where each line begins; comments begin where the line does that they stand above."""
    open_ = [_Open(-1)]
    comments: list[Line] = []
    before = ""
    for line in lines:
        words = line.words
        if not words:
            comments.append(line)
            continue
        above = level = _level(open_, words, before)
        if words[0].kind in _CLOSE:
            above = open_[-1].level + 1
        for comment in comments:
            comment.indent = above * _INDENT
        comments.clear()
        line.indent = level * _INDENT
        for word in words:
            _count(open_, word)
        before = words[-1].kind
    for comment in comments:
        comment.indent = 0


def _level(open_: Sequence[_Open], words: Sequence[Spaced], before: str) -> int:
    """How deep a line stands that begins with these words, after a word of a kind."""
    closers = next((i for i, word in enumerate(words) if word.kind not in _CLOSE), len(words))
    if closers:
        return open_[-closers].level
    innermost, first = open_[-1], words[0].kind
    if first == "VBAR":
        return innermost.level + 1
    goes_on = innermost.brace and (before in _GOES_ON or first in _GOES_BACK)
    return innermost.inner + goes_on


def _count(open_: list[_Open], word: Spaced) -> None:
    if word.kind in _OPEN:
        open_.append(_Open(open_[-1].inner, brace=word.kind == "LBRACE"))
    elif word.kind in _CLOSE:
        open_.pop()
    elif word.kind == "VBAR":
        open_[-1].branches = True
