"""Where the walk is: the end of the chain, and the scope being filled, its names and faults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from archc import syntax
from archc.diagnostics import Diagnostic, DiagnosticError, Sink
from archc.errors import names as errors
from archc.errors import shapes as shape_errors
from archc.evaluate import Environment
from archc.ir import Scope
from archc.source import Span


class Cursor(NamedTuple):
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
    unknown_names: bool = False
    """Whether a condition without a value kept names from being known."""

    def name(self, item: syntax.Item | syntax.Repeat, word: str) -> str:
        """An item's name within its scope: its label, or its word and counter."""
        name, span = self.count(word), item.span
        if item.label is not None:
            name, span = item.label.text, item.label.span
        if name in self.names:
            counted = item.label is None
            begin = item.name.span if isinstance(item, syntax.Item) and item.name else item.span
            fault = errors.RepeatedName(
                name=name,
                kind="name" if counted else "label",
                first=self.names[name],
                counted=counted,
                span=begin if counted else span,
            )
            self.report(fault)
        self.names.setdefault(name, span)
        return name

    def count(self, word: str) -> str:
        """The next name of a word in its scope: `conv1`, `conv2`; `c3_1` where it ends so."""
        self.counts[word] = self.counts.get(word, 0) + 1
        separator = "_" if word[-1].isdigit() else ""
        return f"{word}{separator}{self.counts[word]}"

    def wrong_body(self, item: syntax.Item | syntax.Repeat, rule: str, example: str) -> None:
        span = item.body.span if item.body is not None else item.span
        if isinstance(item, syntax.Repeat):
            name = "'repeat'"
        else:
            name = f"'{item.name.text}'" if item.name else "a group"
        fault = errors.WrongBody(name=name, rule=rule, example=example, span=span)
        self.report(fault)

    def counted(self, step: syntax.Step, resolve: Callable[[syntax.Step], str]) -> None:
        """Count the names that a step would take, in an arm of `if` that is not taken.

        So names do not depend on what is taken: both arms count from the same point.
        """
        word = resolve(step)
        match step:
            case syntax.Choice(then=then, otherwise=otherwise):
                before = dict(self.counts)
                self.counted_body(then, resolve)
                after, self.counts = self.counts, before
                if isinstance(otherwise, syntax.Choice):
                    self.counted(otherwise, resolve)
                elif otherwise is not None:
                    self.counted_body(otherwise, resolve)
                self.most(after)
            case syntax.Repeat():
                self.count(word)
            case _:
                self.count(word)
                # An aux head is a scope of its own; towers are none.
                if word != "aux" and step.body is not None:
                    self.counted_body(step.body, resolve)

    def counted_body(
        self, body: syntax.Chain | syntax.Branches, resolve: Callable[[syntax.Step], str]
    ) -> None:
        chains = (
            [body.items]
            if isinstance(body, syntax.Chain)
            else [branch.items for branch in body.branches]
        )
        for step in (step for chain in chains for step in chain):
            self.counted(step, resolve)

    def most(self, counts: Mapping[str, int]) -> None:
        """Go on counting from the further of two arms."""
        for word, count in counts.items():
            self.counts[word] = max(count, self.counts.get(word, 0))

    def too_large(self, what: str, count: int, limit: int, unit: str, span: Span) -> None:
        """Give up: an expansion without bound would bury every other fault."""
        fault = shape_errors.TooLarge(what=what, count=count, limit=limit, unit=unit, span=span)
        self.report(fault)
        self.sink.raise_if_failed()

    def report(self, fault: Diagnostic) -> None:
        """Keep a fault, with the calls that led to this scope."""
        self.sink.add(replace(fault, trace=self.scope.trace))

    def report_all(self, error: DiagnosticError) -> None:
        for fault in error.diagnostics:
            self.report(fault)
