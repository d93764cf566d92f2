"""What stands between two words of a spec on one line: a blank, or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from archc.lalr import Action, Word
from archc.parser import words
from archc.source import Source, Span
from archc.syntax import RESERVED

_BEFORE_NONE = frozenset({"COMMA", "SEMICOLON", "COLON", "RPAR", "RSQB"})
_AFTER_NONE = frozenset({"LPAR", "LSQB"})
_CLOSE = frozenset({"RPAR", "RSQB"})
_OPERANDS = frozenset({"NUMBER", "NAME", "PATH"})


class Spaced(NamedTuple):
    """A word, and whether it follows the one before without a blank."""

    kind: str
    text: str
    start: int
    end: int
    tight: bool


def spaced(source: Source) -> Sequence[Spaced]:
    """The words of a spec in order. Raises `DiagnosticError` for a fault of its syntax."""
    roles = _Roles()
    found = words(source, roles.actions())
    spacing = _Spacing(source.text, found, roles)
    return [
        Spaced(word.kind, source.text[word.start : word.end], word.start, word.end, tight)
        for word, tight in zip(found, spacing.tight(), strict=True)
    ]


class _Roles:
    """What a word alone does not tell: which '-' is a sign, which brackets belong to no name."""

    def __init__(self) -> None:
        self.signs: set[int] = set()
        self.alone: set[int] = set()

    def actions(self) -> Mapping[str, Action]:
        return {
            "negative": self._sign,
            "fill_negative": self._sign_of_fill,
            "parens": self._bracket,
            "list": self._bracket,
        }

    def _sign(self, children: list[Any], span: Span) -> None:
        self.signs.add(span.start)

    def _sign_of_fill(self, children: list[Any], span: Span) -> None:
        self.signs.add(children[1].span.start)

    def _bracket(self, children: list[Any], span: Span) -> None:
        self.alone.add(span.start)


class _Spacing:
    def __init__(self, text: str, found: Sequence[Word], roles: _Roles) -> None:
        self.text = text
        self.words = found
        self.roles = roles
        self.bare = _bare_products(found, roles)
        """The operators that have no blanks."""

    def tight(self) -> Sequence[bool]:
        """For each word, whether it follows the one before without a blank."""
        found: list[bool] = []
        braces: list[str] = []
        parens = 0
        close_equals = False
        for i, word in enumerate(self.words):
            if word.kind == "LPAR" and parens == 0:
                close_equals = self._is_item(i, braces)
            parens += (word.kind == "LPAR") - (word.kind == "RPAR")
            if word.kind == "LBRACE":
                braces.append(self.words[i - 1].kind)
            elif word.kind == "RBRACE":
                braces.pop()
            found.append(i > 0 and self._is_tight(i, close_equals))
        return found

    def _is_item(self, i: int, braces: Sequence[str]) -> bool:
        """Whether a '(' opens the arguments of an op, a block or a step.

        The words of the language, as `aux` and `input`, have theirs as recipes do.
        """
        if braces and braces[-1] in ("RECIPE", "INIT"):
            return False
        if i > 1 and self.words[i - 2].kind in ("_NET", "_BLOCK"):
            return False
        name = self.words[i - 1]
        return self.text[name.start : name.end].lower() not in RESERVED

    def _is_tight(self, i: int, close_equals: bool) -> bool:
        word, before = self.words[i], self.words[i - 1]
        if word.kind in _BEFORE_NONE or before.kind in _AFTER_NONE:
            return True
        if before.kind == "MINUS" and before.start in self.roles.signs:
            return True
        if word.kind == "EQUAL" or before.kind == "EQUAL":
            return close_equals
        if word.kind in ("LPAR", "LSQB"):
            return word.start not in self.roles.alone
        if word.kind == "RBRACE":
            return before.kind == "LBRACE"
        return i in self.bare or i - 1 in self.bare


def _bare_products(found: Sequence[Word], roles: _Roles) -> set[int]:
    """The operators of short products: `3*3*3` of numbers alone, in brackets `4*in` of two words.

    Not where more is multiplied: `n / 2*3` would look like n / 6.
    """
    bare: set[int] = set()
    brackets = i = 0
    while i < len(found):
        brackets += (found[i].kind in _AFTER_NONE) - (found[i].kind in _CLOSE)
        if found[i].kind not in _OPERANDS:
            i += 1
            continue
        end = i + 1
        while end + 1 < len(found) and _is_product(found, end) and found[end + 1].kind in _OPERANDS:
            end += 2
        first = i - 1
        while first >= 0 and found[first].start in roles.signs:
            first -= 1
        whole = not _is_product(found, first) and not _is_product(found, end)
        numbers = all(word.kind == "NUMBER" for word in found[i:end:2])
        if whole and (numbers or (brackets and end == i + 3 and not _is_called(found, end, roles))):
            bare.update(range(i + 1, end, 2))
        i = end
    return bare


def _is_product(found: Sequence[Word], i: int) -> bool:
    return 0 <= i < len(found) and found[i].kind == "PRODUCT"


def _is_called(found: Sequence[Word], i: int, roles: _Roles) -> bool:
    """Whether a bracket belongs to the name before it: of a call, of a list's element."""
    return i < len(found) and found[i].kind in _AFTER_NONE and found[i].start not in roles.alone
