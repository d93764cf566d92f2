"""Places in a text, and how they are shown: whatever the text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from archc.diagnostics import EXCERPT_WIDTH, Diagnostic, Label, as_json, did_you_mean, render
from archc.source import Source, Span

# Any text at all: lone surrogates, control characters, every kind of line end.
texts = st.text(st.characters(), max_size=300) | st.text(
    "a\n\r\t {\u4e2d\u0301\x1b\u202e", max_size=300
)


@st.composite
def spans(draw: st.DrawFn, of: st.SearchStrategy[str] = texts) -> Span:
    source = Source(draw(st.text(max_size=8)), draw(of))
    start = draw(st.integers(0, len(source.text)))
    return Span(source, start, draw(st.integers(start, len(source.text))))


@dataclass(frozen=True, kw_only=True)
class Fault(Diagnostic):
    code: ClassVar[str] = "E9999"
    text: str
    second: Span

    def message(self) -> str:
        return self.text

    def label(self) -> str:
        return self.text

    def others(self) -> list[Label]:
        return [Label(self.second, "here"), Label(self.span or self.second, "")]


@given(texts, st.data())
def test_positions_go_there_and_back(text: str, data: st.DataObject) -> None:
    source = Source("x", text)
    offset = data.draw(st.integers(0, len(text)))
    line, column = source.position(offset)
    assert source.line_starts[line - 1] + column - 1 == offset
    assert text.count("\n", 0, offset) == line - 1
    assert source.line(line) == text.split("\n")[line - 1].rstrip("\r")


@given(spans(), spans(), texts)
@example(Span(Source("x", ""), 0, 0), Span(Source("x", ""), 0, 0), "")
@example(Span(Source("x", "a\r\nb"), 1, 2), Span(Source("x", "a\n"), 2, 2), "\x00\n")
def test_rendering(first: Span, second: Span, text: str) -> None:
    shown = render(Fault(text=text, span=first, second=second))
    shown.encode("utf-8")
    lines = shown.split("\n")
    assert all(c == "\t" or c.isprintable() for line in lines for c in line)
    assert lines[0].startswith("error[E9999]: ")
    assert lines[1].lstrip().startswith("--> ")
    assert as_json(Fault(text=text, span=first, second=second))["line"] == first.line


@given(spans(st.text("abc \n", min_size=1, max_size=300)))
def test_marks_stand_under_the_text(span: Span) -> None:
    # An empty span is marked by one character all the same.
    assume(span.text[:1] not in ("", "\n"))
    _, _, _, shown, pointer, *_ = render(Fault(text="", span=span, second=span)).split("\n")
    gutter = len(str(span.line)) + 3
    shown, pointer = shown[gutter:], pointer[gutter:]
    assert len(shown) <= EXCERPT_WIDTH
    marked = shown[len(pointer) - len(pointer.lstrip()) : len(pointer.rstrip())]
    assert pointer.strip().strip("^") == ""
    assert span.text.split("\n")[0].startswith(marked)


@given(st.integers(0, 3000), st.integers(0, 3000), st.integers(0, 400))
def test_a_long_line_is_cut_around_the_fault(before: int, after: int, length: int) -> None:
    source = Source("x", "a" * before + "b" * length + "a" * after)
    span = Span(source, before, before + length)
    lines = render(Fault(text="", span=span, second=span)).split("\n")
    shown, pointer = lines[3][4:], lines[4][4:]
    assert len(shown) <= EXCERPT_WIDTH
    marks = [i for i, mark in enumerate(pointer) if mark == "^"]
    assert marks
    assert marks[-1] <= EXCERPT_WIDTH
    assert all(shown[i : i + 1] in ("b", "") for i in marks) or length == 0


@pytest.mark.parametrize(
    ("line", "column", "pointer"),
    [
        ("\tfoo\tbar", 6, "\t   \t^^^"),
        ("\u4e2d\u6587 bar", 4, "     ^^^"),
        ("e\u0301 bar", 4, "  ^^^"),
        ("\x1b\u202e bar", 4, "   ^^^"),
    ],
)
def test_the_margin_is_as_wide_as_the_text(line: str, column: int, pointer: str) -> None:
    source = Source("x", line)
    span = Span(source, column - 1, column + 2)
    assert render(Fault(text="", span=span, second=span)).split("\n")[4] == f"  | {pointer}"


@settings(max_examples=50)
@given(st.text(max_size=30), st.lists(st.text(max_size=30), max_size=20))
def test_did_you_mean_names_what_is_known(word: str, known: list[str]) -> None:
    said = did_you_mean(word, known)
    assert not said or any(f"'{name}'" in said for name in known)


def test_did_you_mean_keeps_capitals() -> None:
    assert did_you_mean("fc6", ["FC6", "conv"]) == "did you mean 'FC6'?"
