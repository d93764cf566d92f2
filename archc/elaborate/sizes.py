"""The plain sizes of a recipe at an input that is not the one its spec writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TypeVar, cast

from archc import syntax
from archc.binding import Bound, rebound
from archc.data.sizes import Pixels, Ratio, SizeOf
from archc.diagnostics import DiagnosticError
from archc.elaborate.input import Arriving
from archc.errors.names import BadArgument
from archc.evaluate import Value
from archc.form import Form
from archc.names import names_in
from archc.ops.base import written
from archc.source import Span

F = TypeVar("F", bound=Form)


@dataclass(frozen=True)
class Sizes:
    """How sizes follow the input. What the reader of the command line has said himself, by
    `--input` or `--set`, is exact: an argument that names one of `exact` stays as it is."""

    ratio: Ratio
    exact: frozenset[str]
    why: str

    def of(self, bound: Bound[F], whole: Span) -> tuple[F, list[tuple[Span, str]]]:
        """A step with its sizes scaled, and what to write for each that has changed.

        Raises `DiagnosticError` (E0303) where a scaled size is none that the step can have.
        """
        changes: dict[str, Value] = {}
        texts: list[tuple[Span, str]] = []
        for field, arg in bound.given.items():
            marks = type(bound.form).model_fields[field].metadata
            kind = next((mark for mark in marks if isinstance(mark, SizeOf)), None)
            if kind is None or names_in(arg.value) & self.exact:
                continue
            before = cast("Pixels", getattr(bound.form, field))
            after = self.ratio.scaled(before, kind)
            if after != before:
                changes[field] = after
                texts.append((arg.value.span, _text(after, arg.value)))
        try:
            return rebound(bound, changes, whole), texts
        except DiagnosticError as error:
            faults = [
                replace(fault, fix=self.why) if isinstance(fault, BadArgument) else fault
                for fault in error.diagnostics
            ]
            raise DiagnosticError(faults) from error


def sizes(net: syntax.Net, arriving: Arriving, settings: Mapping[str, Value]) -> Sizes | None:
    """How a net's recipe follows its input; None where that is as written."""
    here, there = arriving.shape, arriving.written
    if here is None or there is None or here[1:] == there[1:]:
        return None
    exact = {"input", *settings}
    for param in net.params:
        # A default may be calculated from the parameters before it.
        if param.default is not None and names_in(param.default) & exact:
            exact.add(param.name.text)
    return Sizes(
        Ratio(Fraction(here[1], there[1]), Fraction(here[2], there[2])),
        frozenset(exact),
        f"the input is {written(here)} instead of {written(there)}, and sizes go by it",
    )


def _text(size: Pixels, expr: syntax.Expr) -> str:
    """A size as the spec would write it."""
    if isinstance(size, int):
        return str(size)
    if isinstance(expr, syntax.Dims):
        return "x".join(map(str, size))
    return f"[{', '.join(map(str, size))}]"
