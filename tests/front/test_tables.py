"""parse_tables.json is what lark makes of grammar.lark, and archc reads texts as lark does."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Never

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lark import Lark, Token, Tree, UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from archc.lalr import Action, Parser, Word, tables
from archc.source import Source, Span
from archc.syntax import Ident
from tests.docs.blocks import complete, every

ROOT = Path(__file__).parent.parent.parent
GRAMMAR = ROOT / "archc" / "grammar.lark"
SPECS = sorted([*ROOT.glob("specs/*.arch"), *ROOT.glob("tests/**/*.arch")])


def test_the_tables_are_up_to_date() -> None:
    tool = str(ROOT / "tools" / "parse_tables.py")
    done = subprocess.run([sys.executable, tool, "--check"], check=False, capture_output=True)
    assert done.returncode == 0, done.stdout.decode()


# A tree, in the same form from both: the name of a rule and its children; a word is its kind
# and text; what is absent is None.
Found = tuple[Any, ...] | None


@cache
def reference() -> Lark:
    return Lark(
        GRAMMAR.read_text("utf-8"), start=["start", "value"], parser="lalr", maybe_placeholders=True
    )


def of_lark(text: str, start: str) -> Found | int:
    """What lark makes of a text: a tree, or the place of the first word that does not fit."""
    try:
        return _plain(reference().parse(text, start=start))
    except UnexpectedCharacters as error:
        return error.pos_in_stream
    except UnexpectedToken as error:
        return len(text) if error.token.type == "$END" else error.token.start_pos or 0
    except UnexpectedInput as error:
        return error.pos_in_stream or 0


def _plain(found: Tree[Token] | Token | None) -> Found:
    if found is None:
        return None
    if isinstance(found, Token):
        return (str(found),)
    return (str(found.data), *map(_plain, found.children))


class Stopped(Exception):
    """Raised at the first word that does not fit."""


class Listener:
    """Stops at the first fault of syntax; other bounds are no part of the grammar."""

    def strange(self, offset: int) -> Never:
        raise Stopped(offset, offset + 1)

    def unexpected(self, word: Word, accepts: set[str]) -> None:
        assert accepts
        raise Stopped(word.start, max(word.end, word.start + 1))

    def too_long(self, word: Word) -> None:
        pass

    def too_many(self) -> Never:
        raise AssertionError


class Builder:
    """Rules as plain trees, whatever their names."""

    def actions(self) -> dict[str, Action]:
        return {rule.action: self._action(rule.action) for rule in tables().rules if rule.action}

    def _action(self, name: str) -> Action:
        def action(children: list[Any], span: Span) -> Any:
            return (name, *(_word(child) for child in children))

        return action


def _word(child: Any) -> Any:
    return (child.text,) if isinstance(child, Ident) else child


def of_archc(text: str, start: str) -> Found | range:
    """What archc makes of a text, in the same form; of a first fault, the place of its word."""
    actions = Builder().actions()
    actions.pop("*", None)
    try:
        return _word(Parser(Source("t", text), actions, Listener()).parse(start))
    except Stopped as stopped:
        return range(*stopped.args)


def same(text: str, start: str = "start") -> None:
    """Compare the trees, or the places of the first fault.

    lark looks for no `a.b` where a name alone can stand, and is stopped by its point.
    """
    expected, found = of_lark(text, start), of_archc(text, start)
    if isinstance(expected, int) and isinstance(found, range):
        assert expected in found
    else:
        assert found == expected


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.parent.name}/{spec.stem}")
def test_specs(spec: Path) -> None:
    text = spec.read_bytes().decode("utf-8", "replace")
    if balanced(text):
        same(text)


@pytest.mark.parametrize("block", every("arch"), ids=lambda block: block.place)
def test_examples(block: Any) -> None:
    same(complete(block))


PAIRS = ("()", "[]", "{}")


def balanced(text: str) -> bool:
    """Whether brackets are closed in order: archc refuses others before it parses."""
    open_: list[str] = []
    for word in re.findall(r'"[^"\n]*"|#[^\n]*|[(\[{}\])"]', text):
        if word in "([{":
            open_.append(word)
        elif word == '"' or (word in ")]}" and not (open_ and f"{open_.pop()}{word}" in PAIRS)):
            return False
    return not open_


# Texts that the grammar makes, so that most of a sequence is read before it fails.

NAMES = ["a", "n", "in", "conv", "skip", "label1", "a.b", "a.0.b", "i4a.output", "conv3-64", "a-b"]
KEYWORDS = (
    "import net block repeat as if else defaults after but last expect recipe init assumed "
    "or and not true false"
).split()
SIGNS = "( ) [ ] { } | , : ; = == != < <= > >= ~ + - * / // %".split()
VALUES = ["3", "0.5", "1e-4", "138M", "3x8x8", "1x7", '"text"']
word = st.sampled_from(NAMES + KEYWORDS + SIGNS + VALUES)
gap = st.sampled_from([" ", " ", " ", "\n", "  # a comment\n", ""])
words = st.lists(st.tuples(word, gap), max_size=30).map(
    lambda pairs: "".join(text + blank for text, blank in pairs)
)


@st.composite
def derived(draw: st.DrawFn, start: str = "start") -> str:
    """A text that the tables accept for a while: at each word one of those that fit."""
    parser = reference().parse_interactive("", start=start)
    spellings = {"NAME": NAMES[:6], "WORD": ["conv3-64", "a-b"], "PATH": ["a.b", "i4a.output"],
                 "NUMBER": ["3", "0.5", "138M"], "DIMS": ["3x8x8", "1x7"], "STRING": ['"text"'],
                 "TRUTH": ["true", "false"], "COMPARE": ["==", "<", ">="],
                 "PRODUCT": ["*", "//", "%"]}  # fmt: skip
    patterns = {t.name: t.pattern.value for t in reference().terminals}
    found: list[str] = []
    for _ in range(draw(st.integers(0, 40))):
        kinds = sorted(parser.accepts() - {"$END"})
        if not kinds:
            break
        kind = draw(st.sampled_from(kinds))
        text = draw(st.sampled_from(spellings.get(kind, [patterns[kind].replace("\\", "")])))
        parser.feed_token(Token(kind, text))
        found += [text, draw(st.sampled_from([" ", " ", "\n"]))]
    return "".join(found)


slow = settings(
    max_examples=300,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@slow
@given(words | derived())
@example('import "x" net n { after a, b but last { c } defaults { } }')
@example("net n { a: b: c }")
@example("net n { conv3-64 a - b }")
@example("net n(a = a-b-c) { fc(a -b) x(a- b) }")
@example("net n { init: relu recipe { init { a.b: bias - 1, w n(0) ; } } }")
@example("net n { if not a < b and c or d { } else if e[0] { | x | } else { } }")
@example("net n { repeat(3) as i { } repeat () }")
@example("net n { 3x8 3x 3.x }")
@example("net but { last: not }")
@example("neta ")
@example("net n { after a butx }")
@example("net n { f(a orb, a assumedx) }")
@example("net n { x(1e-4, 1e-, 1.) }")
def test_any_words(text: str) -> None:
    same(text)


@slow
@given(words | derived("value"))
@example("a-b-c.d[1](2)")
@example("not not a or b == -c")
def test_any_expression(text: str) -> None:
    same(text, "value")


@slow
@given(derived(), st.data())
def test_a_text_with_one_word_too_many(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    same(f"{text[:at]} {data.draw(word)} {text[at:]}")


def texts() -> Iterator[str]:
    yield from (spec.read_text("utf-8") for spec in SPECS if "E0" not in spec.name)


def test_the_comparison_sees_differences() -> None:
    """Trees are compared to their words: not everything is equal."""
    found = [of_archc(text, "start") for text in texts()]
    assert all(isinstance(tree, tuple) and tree[0] == "start" for tree in found)
    assert len({str(tree) for tree in found}) == len(found)
    items = (("call", None, (name,), None, None) for name in "ab")
    net = ("net", ("n",), None, None, *items)
    assert of_archc("net n { a b }", "start") == ("start", net)
