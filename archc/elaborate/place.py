"""Where the walk is: the end of the chain, and the scope being filled, its names and faults."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from archc import syntax
from archc.diagnostics import Diagnostic, DiagnosticError, Sink
from archc.errors import names as errors
from archc.errors.shapes import TooLarge
from archc.evaluate import Environment
from archc.ir import Scope
from archc.source import Span


@dataclass(frozen=True)
class Cursor:
    """Where the chain stands: its last node (None: poisoned), read whole by towers or not."""

    node: int | None
    whole: bool = True


POISON = Cursor(None)


@dataclass
class Place:
    """A scope while it is being filled."""

    scope: Scope
    env: Environment
    sink: Sink
    towers: int = 1
    counts: dict[str, int] = field(default_factory=dict[str, int])
    names: dict[str, Span] = field(default_factory=dict[str, Span])
    regions: int = 0
    region: int = 0
    """Which pair of towers' braces this is, counted in the scope; 0 outside of them."""
    ends: dict[str, tuple[Cursor, int]] = field(default_factory=dict[str, "tuple[Cursor, int]"])
    """What `from` finds: where the chain stood after each name, and in which region."""

    def name(self, item: syntax.Item, word: str) -> str:
        """An item's name within its scope: its label, or its word and counter."""
        name, span = self.count(word), item.span
        if item.label is not None:
            name, span = item.label.text, item.label.span
        if name in self.names:
            counted = item.label is None
            fault = errors.RepeatedName(
                name=name,
                kind="name" if counted else "label",
                first=self.names[name],
                counted=counted,
                span=span if item.name is None or not counted else item.name.span,
            )
            self.report(fault)
        self.names.setdefault(name, span)
        return name

    def count(self, word: str) -> str:
        """The next name of a word in its scope: `conv1`, `conv2`; `c3_1` where it ends so."""
        self.counts[word] = self.counts.get(word, 0) + 1
        separator = "_" if word[-1].isdigit() else ""
        return f"{word}{separator}{self.counts[word]}"

    def wrong_body(self, item: syntax.Item, rule: str, example: str) -> None:
        span = item.body.span if item.body is not None else item.span
        name = f"'{item.name.text}'" if item.name else "a group"
        fault = errors.WrongBody(name=name, rule=rule, example=example, span=span)
        self.report(fault)

    def too_large(self, what: str, count: int, limit: int, unit: str, span: Span) -> None:
        """Give up: an expansion without bound would bury every other fault."""
        fault = TooLarge(what=what, count=count, limit=limit, unit=unit, span=span)
        self.report(fault)
        self.sink.raise_if_failed()

    def report(self, fault: Diagnostic) -> None:
        """Keep a fault, with the calls that led to this scope."""
        self.sink.add(replace(fault, trace=self.scope.trace))

    def report_all(self, error: DiagnosticError) -> None:
        for fault in error.diagnostics:
            self.report(fault)
