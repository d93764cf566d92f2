"""What the compiler says about a spec, and where.

One frozen dataclass an error, in `archc/errors/`: its fields are the facts, its
methods turn them into sentences. A `Sink` collects them so that one run reports
every independent fault.
"""

from __future__ import annotations

import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import partial
from typing import ClassVar, Never

from archc.source import Span

MAX_ERRORS = 20
"""How many faults one run reports (docs/errors.md)."""


@dataclass(frozen=True, slots=True)
class Label:
    """A second place that explains a fault, with a few words."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Frame:
    """A call on the way to a fault: `in i3b: inception(...), specs/googlenet.arch:31:3`."""

    name: str
    callee: str
    span: Span

    def __str__(self) -> str:
        if self.callee == "import":
            return f"imported by {self.span}"
        return f"in {self.name}: {self.callee}(...), {self.span}"


@dataclass(frozen=True, kw_only=True)
class Diagnostic(ABC):
    """A fault with a stable code. `span` is None only where there is no text to point at."""

    code: ClassVar[str]
    severity: ClassVar[str] = "error"

    span: Span | None = None
    trace: tuple[Frame, ...] = field(default=(), compare=False)
    """The calls that led to the fault, the innermost first."""
    again: tuple[Frame, ...] = field(default=(), compare=False)
    """Other calls of the same block in which the same place is at fault."""

    @abstractmethod
    def message(self) -> str:
        """The fault in one line, in the reader's terms."""

    def label(self) -> str:
        """A few words beside the carets."""
        return ""

    def others(self) -> Sequence[Label]:
        """Second places to show."""
        return ()

    def notes(self) -> Sequence[str]:
        """Facts that help to understand the fault."""
        return ()

    def help(self) -> str:
        """What to type instead, where that is known."""
        return ""

    def __str__(self) -> str:
        return render(self)


class DiagnosticError(Exception):
    """Raised when a stage could not deliver; carries everything it found."""

    def __init__(self, diagnostics: Sequence[Diagnostic], *, more: int = 0) -> None:
        super().__init__("\n\n".join(d.message() for d in diagnostics))
        self.diagnostics = tuple(diagnostics)
        self.more = more

    def __reduce__(self) -> tuple[object, ...]:
        # As it is raised in a process that reads images, and pickled to the one that trains.
        return partial(DiagnosticError, more=self.more), (self.diagnostics,)

    def __str__(self) -> str:
        parts = [render(d) for d in self.diagnostics]
        if self.more:
            parts.append(f"... and {self.more} more, not shown")
        return "\n\n".join(parts)


def fail(diagnostic: Diagnostic) -> Never:
    """Stop with a single fault."""
    raise DiagnosticError([diagnostic])


class Sink:
    """Collects faults; the first `MAX_ERRORS` are kept and shown in order of place."""

    def __init__(self) -> None:
        self._found: dict[_Key, Diagnostic] = {}
        self._again: dict[_Key, dict[Span, Frame]] = {}
        self._dropped: set[_Key] = set()

    def add(self, diagnostic: Diagnostic) -> None:
        """Keep a fault; one whose code and place are here already only says where else.

        A block called ten times reports a fault of its body once, whatever its numbers.
        """
        span = diagnostic.span
        key = (diagnostic.code, span if span is not None else diagnostic.message())
        if key in self._found:
            first, trace = self._found[key], diagnostic.trace
            if trace and first.trace and trace[0].span != first.trace[0].span:
                self._again.setdefault(key, {})[trace[0].span] = trace[0]
        elif len(self._found) < MAX_ERRORS:
            self._found[key] = diagnostic
        else:
            self._dropped.add(key)

    def extend(self, error: DiagnosticError) -> None:
        for diagnostic in error.diagnostics:
            self.add(diagnostic)

    @property
    def failed(self) -> bool:
        return bool(self._found)

    def raise_if_failed(self) -> None:
        if self._found:
            found = [
                replace(diagnostic, again=tuple(self._again.get(key, {}).values()))
                for key, diagnostic in self._found.items()
            ]
            raise DiagnosticError(sorted(found, key=_place), more=len(self._dropped))


_Key = tuple[str, Span | str]


def _place(diagnostic: Diagnostic) -> tuple[str, int]:
    span = diagnostic.span
    return ("", -1) if span is None else (span.source.name, span.start)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The nearest known name as a question, or nothing. Case does not count."""
    names = {name.lower(): name for name in known}
    if len(names) > _MANY_NAMES:
        # Comparing with so many takes seconds, and no person wrote them.
        return ""
    match = get_close_matches(word.lower(), names, n=1, cutoff=0.6)
    return f"did you mean '{names[match[0]]}'?" if match else ""


_MANY_NAMES = 2_000


def some(names: Sequence[str], most: int = 20) -> str:
    """The names in a row, or the first of them and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def render(diagnostic: Diagnostic) -> str:
    """A diagnostic as a terminal shows it, in the layout of rustc."""
    lines = [f"{diagnostic.severity}[{diagnostic.code}]: {diagnostic.message()}"]
    span = diagnostic.span
    gutter = 1
    if span is not None:
        labels = [Label(span, diagnostic.label()), *diagnostic.others()]
        gutter = max(len(str(label.span.line)) for label in labels)
        lines.append(f"{' ' * gutter}--> {span}")
        lines.append(f"{' ' * gutter} |")
        shown = ""
        for i, label in enumerate(labels):
            if i and label.span.source is not span.source:
                lines.append(f"{' ' * gutter}::: {label.span}")
            line, pointer = _excerpt(label, gutter, "^" if i == 0 else "-")
            # Two places of one line are marked under the same line.
            lines.extend([pointer] if line == shown else [line, pointer])
            shown = line
    pad = " " * gutter
    lines.extend(f"{pad} = {frame}" for frame in _trace(diagnostic))
    lines.extend(f"{pad} = note: {note}" for note in diagnostic.notes())
    if diagnostic.help():
        lines.append(f"{pad} = help: {diagnostic.help()}")
    return "\n".join(printable(line) for line in lines)


MAX_FRAMES = 6
"""How many calls of a chain are shown, and how many other calls with the same fault."""


def _trace(diagnostic: Diagnostic) -> list[str]:
    """The calls that led to a fault, the middle of a long chain left out; then the others."""
    frames = [str(frame) for frame in diagnostic.trace]
    if len(frames) > MAX_FRAMES:
        half = MAX_FRAMES // 2
        frames[half:-half] = [f"... {len(frames) - 2 * half} more calls ..."]
    again = [f"and {frame}" for frame in diagnostic.again]
    if len(again) > MAX_FRAMES:
        again[MAX_FRAMES:] = [f"and in {len(again) - MAX_FRAMES:,} more calls"]
    return frames + again


MAX_LINE = 400
"""The longest line of a message: names and values come from the spec."""


def printable(text: str) -> str:
    """A line that cannot harm a terminal: no control character, no endless text."""
    if len(text) > MAX_LINE:
        text = text[:MAX_LINE] + "..."
    return "".join(_visible(c) for c in text)


def _visible(c: str) -> str:
    return c if c == "\t" or c.isprintable() else "\N{REPLACEMENT CHARACTER}"


EXCERPT_WIDTH = 120
"""The widest piece of a line that is shown; longer lines are cut around the fault."""


def _excerpt(label: Label, gutter: int, mark: str) -> tuple[str, str]:
    """The line of a place, and under it the marks."""
    number, column = label.span.line, label.span.column
    text = label.span.source.line(number)
    # A span of several lines is marked to the end of its first.
    length = label.span.end - label.span.start
    width = max(1, min(length, len(text) - column + 1))
    start = 0
    if len(text) > EXCERPT_WIDTH:
        start = max(0, min(column - 1 - EXCERPT_WIDTH // 4, len(text) - EXCERPT_WIDTH))
        text = text[start : start + EXCERPT_WIDTH]
        width = max(1, min(width, EXCERPT_WIDTH - (column - 1 - start)))
    shown = "".join(_visible(c) for c in text)
    before, marked = shown[: column - 1 - start], shown[column - 1 - start :][:width]
    # Tabs are kept in the margin, so that the marks line up.
    margin = "".join(c if c == "\t" else " " * _cells(c) for c in before)
    marks = mark * max(1, sum(_cells(c) for c in marked))
    pointer = f"{' ' * gutter} | {margin}{marks} {label.text}".rstrip()
    return f"{number:>{gutter}} | {shown}".rstrip(), pointer


def _cells(c: str) -> int:
    """How many columns of a terminal a character takes."""
    if unicodedata.combining(c):
        return 0
    return 2 if unicodedata.east_asian_width(c) in "WF" else 1


def as_json(diagnostic: Diagnostic) -> dict[str, object]:
    """A diagnostic for editors: a flat object with stable keys."""
    span = diagnostic.span
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message(),
        "file": span.source.name if span else None,
        "line": span.line if span else None,
        "column": span.column if span else None,
        "end_line": span.end_line if span else None,
        "end_column": span.end_column if span else None,
        "notes": [*_trace(diagnostic), *diagnostic.notes()],
        "help": diagnostic.help() or None,
    }
