"""Runs the tables of the grammar over a text: LALR(1), in one pass, without recursion.

`parse_tables.json` is what lark makes of `grammar.lark` (tools/parse_tables.py):

- `keywords`, `signs`, `patterns`: what words there are. A keyword is one where the grammar has
  a place for it, and a name elsewhere; so is a hyphenated word, else a difference.
- `actions`: for each state and word the state to go to, or ~rule to reduce by.
- `gotos`: for each state and rule's origin the state after the reduction.
- `rules`: origin, size, action and children; `kept`: the words that actions are given.

Actions get what they need as arguments instead of a tree that is walked again: a rule costs
one call.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Never, Protocol

from archc.limits import MAX_NAME, MAX_WORDS
from archc.source import Source, Span
from archc.syntax import Ident

Action = Callable[[list[Any], Span], Any]
"""What a rule becomes: called with its children and its characters."""


class Rule(NamedTuple):
    """A rule of the grammar; `children` are places in it, [place] of a list, None if absent."""

    origin: str
    size: int
    action: str | None
    children: tuple[int | list[int] | None, ...]


class Tables(NamedTuple):
    """The tables, and the words of the language as two patterns: with hyphens, and without."""

    keywords: Mapping[str, str]
    signs: Mapping[str, str]
    hyphens: re.Pattern[str]
    plain: re.Pattern[str]
    kept: frozenset[str]
    rules: Sequence[Rule]
    actions: Sequence[Mapping[str, int]]
    gotos: Sequence[Mapping[str, int]]
    starts: Mapping[str, int]


@cache
def tables() -> Tables:
    """The tables of the grammar."""
    found = json.loads(Path(__file__).with_name("parse_tables.json").read_text("utf-8"))
    patterns: list[tuple[str, str]] = found["patterns"]
    return Tables(
        keywords=found["keywords"],
        signs=found["signs"],
        hyphens=_words(patterns, found["signs"]),
        plain=_words([pair for pair in patterns if pair[0] != "WORD"], found["signs"]),
        kept=frozenset(found["kept"]),
        rules=[
            Rule(origin, size, action, tuple(children))
            for origin, size, action, children in found["rules"]
        ],
        actions=found["actions"],
        gotos=found["gotos"],
        starts=found["starts"],
    )


def _words(patterns: Sequence[tuple[str, str]], signs: Mapping[str, str]) -> re.Pattern[str]:
    """What may come next: blanks and comments, then a word in the group of its kind."""
    kinds = "|".join(f"(?P<{kind}>{pattern})" for kind, pattern in patterns)
    longest = sorted(signs, key=len, reverse=True)
    sign = "|".join(re.escape(text) for text in longest)
    # Possessive: blanks are never tried in parts.
    return re.compile(rf"(?:[ \t\r\n]++|\#[^\n]*+)*+(?:{kinds}|(?P<SIGN>{sign})|(?P<END>\Z))")


class Word(NamedTuple):
    """A word of a text: its kind in the grammar, and its characters."""

    kind: str
    start: int
    end: int


class _Body:
    """Braces that are open: how high the stacks were behind the brace, and how deep it is."""

    def __init__(self, height: int, depth: int) -> None:
        self.height = height
        self.depth = depth
        self.branches = False
        """Whether it holds branches: then parsing can go on at a '|' only."""


class Listener(Protocol):
    """Who is told of what the tables have no answer to."""

    def strange(self, offset: int) -> Never:
        """A character that begins no word."""
        ...

    def unexpected(self, word: Word, accepts: set[str]) -> None:
        """A word where only `accepts` can stand; parsing goes on at a line behind it."""
        ...

    def too_long(self, word: Word) -> None:
        """A name that is longer than names may be."""
        ...

    def too_many(self) -> Never:
        """More words than are parsed."""
        ...


class Parser:
    """One text on its way through the tables. Its brackets are known to be closed in order."""

    def __init__(self, source: Source, actions: Mapping[str, Action], listener: Listener) -> None:
        self.source = source
        self.text = source.text
        self.listener = listener
        self.tables = tables()
        self.rules = [
            (rule, actions.get(rule.action or ""), any(type(c) is list for c in rule.children))
            for rule in self.tables.rules
        ]
        self.ways: dict[tuple[int, str, str], int] = {}
        self.states: list[int] = []
        self.values: list[Any] = []
        self.begins: list[int] = []
        self.end = 0
        """Where the last word ended."""
        self.failed = -1
        """Where the last unexpected word began."""
        self.depth = 0
        self.bodies = [_Body(1, 0)]

    def parse(self, start: str) -> Any:
        """What the rule `start` becomes; meaningless after a word that was unexpected."""
        self.states.append(self.tables.starts[start])
        actions = self.tables.actions
        for _ in range(MAX_WORDS):
            row = actions[self.states[-1]]
            word = self._word(self.end, row)
            kind = word.kind
            move = row.get(kind)
            while move is not None and move < 0:
                self._reduce(~move, kind)
                move = actions[self.states[-1]].get(kind)
            if move is None:
                self.listener.unexpected(word, self._accepts())
                if not self._resume(word):
                    return None
            elif kind == "$END":
                return self.values[-1]
            else:
                self._shift(word, move)
        self.listener.too_many()

    def words(self) -> Sequence[Word]:
        """The words of a file as they were parsed: a keyword where it is one, a name elsewhere.

        For what goes by the words and not by the tree; the gaps between them, with the line
        ends and comments, are in the text.
        """
        shifted: list[Word] = []
        shift = self._shift

        def noted(word: Word, state: int) -> None:
            shifted.append(word)
            shift(word, state)

        self._shift = noted
        self.parse("start")
        return shifted

    def _word(self, offset: int, row: Mapping[str, int]) -> Word:
        """The next word, as what may stand here."""
        tables, text = self.tables, self.text
        # Where no hyphenated word may stand, none is looked for: it may be as long as the text.
        match = (tables.hyphens if "WORD" in row else tables.plain).match(text, offset)
        if match is None:
            self.listener.strange(_blanks(text, offset))
        kind: str = match.lastgroup or "END"
        start, end = match.span(kind)
        if kind == "NAME":
            keyword = tables.keywords.get(text[start:end])
            if keyword is not None and keyword in row:
                kind = keyword
        elif kind == "SIGN":
            kind = tables.signs[text[start:end]]
        elif kind == "END":
            kind = "$END"
        return Word(kind, start, end)

    def _shift(self, word: Word, state: int) -> None:
        kind, start, end = word
        self.states.append(state)
        self.begins.append(start)
        self.end = end
        if kind in self.tables.kept:
            text = self.text[start:end]
            if end - start > MAX_NAME and kind in _NAMES and _longest(text) > MAX_NAME:
                self.listener.too_long(word)
            self.values.append(Ident(text, Span(self.source, start, end)))
            return
        self.values.append(None)
        if kind in _OPEN:
            self.depth += 1
            if kind == "LBRACE":
                self.bodies.append(_Body(len(self.states), self.depth))
        elif kind in _CLOSE:
            self.depth -= 1
            if kind == "RBRACE":
                self.bodies.pop()
        elif kind == "VBAR":
            self.bodies[-1].branches = True

    def _reduce(self, number: int, kind: str) -> None:
        """Put what a rule becomes in the place of its children, before a word of a kind."""
        (origin, size, name, children), action, splices = self.rules[number]
        states, values, begins = self.states, self.values, self.begins
        if size:
            found: list[Any] = values[-size:]
            begin = begins[-size]
            del states[-size:], values[-size:], begins[-size:]
        else:
            found, begin = [], self.end
        given: list[Any]
        if splices:
            given = _spliced(found, children)
        else:
            given = [found[place] if isinstance(place, int) else None for place in children]
        if action is not None:
            values.append(action(given, Span(self.source, begin, self.end)))
        else:
            # A list that grows, or a rule that passes its one child on.
            values.append(given[0] if name is None else given)
        begins.append(begin)
        way = (states[-1], origin, kind)
        state = self.ways.get(way)
        if state is None:
            state = self.ways[way] = self._way(*way)
        states.append(state)

    def _way(self, below: int, origin: str, kind: str) -> int:
        """The state after a reduction, beyond all rules that only pass a value on.

        A number is an atom, a product, a sum, ... and an expression: in one step.
        """
        state = self.tables.gotos[below][origin]
        while True:
            move = self.tables.actions[state].get(kind, 0)
            rule = self.tables.rules[~move] if move < 0 else None
            if rule is None or rule.size != 1 or rule.action is not None:
                return state
            state = self.tables.gotos[below][rule.origin]

    def _accepts(self) -> set[str]:
        """The words that could stand here: those that some reductions lead to a place for."""
        actions, gotos = self.tables.actions, self.tables.gotos
        found: set[str] = set()
        for kind in actions[self.states[-1]]:
            states = list(self.states)
            move = actions[states[-1]].get(kind)
            while move is not None and move < 0:
                origin, size, _, _ = self.tables.rules[~move]
                del states[len(states) - size :]
                states.append(gotos[states[-1]][origin])
                move = actions[states[-1]].get(kind)
            if move is not None:
                found.add(kind)
        return found

    def _resume(self, word: Word) -> bool:
        """Go on at the first line behind a word that stands directly in the same braces.

        False where the text ends before.
        """
        body, failed = self.bodies[-1], word.start
        while True:
            # Never twice at one word: a brace is tried once more, other words are passed.
            new = word.start > failed or (word.kind == "RBRACE" and failed != self.failed)
            if new and self.depth == body.depth and self._goes_on(word, body):
                self.failed = failed
                del self.states[body.height :]
                del self.values[body.height - 1 :]
                del self.begins[body.height - 1 :]
                self.end = word.start
                return True
            if word.kind == "$END":
                return False
            if word.kind in _OPEN:
                self.depth += 1
            elif word.kind in _CLOSE:
                self.depth -= 1
            word = self._word(word.end, {})

    def _goes_on(self, word: Word, body: _Body) -> bool:
        """Whether parsing can go on at a word."""
        if word.kind == "RBRACE":
            return True
        if body.branches or word.kind == "VBAR":
            return body.branches and word.kind == "VBAR"
        if body.depth == 0 and self.text[word.start : word.end] not in ("net", "block", "import"):
            return False
        line = self.text.rfind("\n", 0, word.start) + 1
        return not self.text[line : word.start].strip()


_NAMES = frozenset({"NAME", "WORD", "PATH"})
_OPEN = frozenset({"LBRACE", "LPAR", "LSQB"})
_CLOSE = frozenset({"RBRACE", "RPAR", "RSQB"})


def _spliced(found: list[Any], children: Sequence[int | list[int] | None]) -> list[Any]:
    """The children of a rule, those of its lists among them.

    A list that grows by one is the same list: it is needed nowhere else.
    """
    first = children[0]
    if isinstance(first, list):
        given: list[Any] = found[first[0]]
        children = children[1:]
    else:
        given = []
    for place in children:
        if isinstance(place, list):
            given += found[place[0]]
        else:
            given.append(None if place is None else found[place])
    return given


def _longest(name: str) -> int:
    """The length of the longest part of a name."""
    return max(map(len, re.split("[.-]", name)))


def _blanks(text: str, offset: int) -> int:
    """The first place from an offset on that is neither blank nor comment."""
    match = _BLANKS.match(text, offset)
    return match.end() if match else offset


_BLANKS = re.compile(r"(?:[ \t\r\n]++|#[^\n]*+)*+")
