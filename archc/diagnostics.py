"""What the compiler says about a spec, and where.

One frozen dataclass an error, in `archc/errors/`: its fields are the facts, its
methods turn them into sentences. A `Sink` collects them so that one run reports
every independent fault.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
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
        return f"in {self.name}: {self.callee}(...), {self.span}"


@dataclass(frozen=True, kw_only=True)
class Diagnostic(ABC):
    """A fault with a stable code. `span` is None only where there is no text to point at."""

    code: ClassVar[str]
    severity: ClassVar[str] = "error"

    span: Span | None = None
    trace: tuple[Frame, ...] = field(default=(), compare=False)

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

    def __str__(self) -> str:
        parts = [render(d) for d in self.diagnostics]
        if self.more:
            parts.append(f"... and {self.more} more, not shown")
        return "\n\n".join(parts)


def fail(diagnostic: Diagnostic) -> Never:
    """Stop with a single fault."""
    raise DiagnosticError([diagnostic])


class Sink:
    """Collects faults; the first `MAX_ERRORS` are kept, in order of place."""

    def __init__(self) -> None:
        self._found: list[Diagnostic] = []
        self._dropped = 0
        self._seen: set[tuple[str, Span | None, str]] = set()

    def add(self, diagnostic: Diagnostic) -> None:
        """Keep a fault, unless the same one at the same place is here already.

        A block called ten times reports a fault of its body once.
        """
        key = (diagnostic.code, diagnostic.span, diagnostic.message())
        if key in self._seen:
            return
        if len(self._found) == MAX_ERRORS:
            self._dropped += 1
            return
        self._seen.add(key)
        self._found.append(diagnostic)

    def extend(self, error: DiagnosticError) -> None:
        for diagnostic in error.diagnostics:
            self.add(diagnostic)

    @property
    def failed(self) -> bool:
        return bool(self._found)

    def raise_if_failed(self) -> None:
        if self._found:
            raise DiagnosticError(sorted(self._found, key=_place), more=self._dropped)


def _place(diagnostic: Diagnostic) -> tuple[str, int]:
    span = diagnostic.span
    return ("", -1) if span is None else (span.source.name, span.start)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The nearest known name as a question, or nothing."""
    match = get_close_matches(word.lower(), [name.lower() for name in known], n=1, cutoff=0.6)
    return f"did you mean '{match[0]}'?" if match else ""


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
        for i, label in enumerate(labels):
            if i and label.span.source is not span.source:
                lines.append(f"{' ' * gutter}::: {label.span}")
            lines.extend(_excerpt(label, gutter, "^" if i == 0 else "-"))
    pad = " " * gutter
    lines.extend(f"{pad} = {frame}" for frame in diagnostic.trace)
    lines.extend(f"{pad} = note: {note}" for note in diagnostic.notes())
    if diagnostic.help():
        lines.append(f"{pad} = help: {diagnostic.help()}")
    return "\n".join(lines)


EXCERPT_WIDTH = 120
"""The widest piece of a line that is shown; longer lines are cut around the fault."""


def _excerpt(label: Label, gutter: int, mark: str) -> list[str]:
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
    # Tabs are kept in the margin, and other characters replaced, so that the carets line up.
    margin = "".join(c if c == "\t" else " " for c in text[: column - 1 - start])
    shown = "".join(
        c if c == "\t" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text
    )
    pointer = f"{' ' * gutter} | {margin}{mark * width} {label.text}".rstrip()
    return [f"{number:>{gutter}} | {shown}", pointer]


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
        "notes": [*(str(frame) for frame in diagnostic.trace), *diagnostic.notes()],
        "help": diagnostic.help() or None,
    }
