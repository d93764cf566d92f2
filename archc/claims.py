"""What a spec expects of its net, checked: `expect params ~ 138M`."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Never

from archc import syntax
from archc.analysis.counts import Counts, count, without_heads
from archc.analysis.paths import Field, depth, receptive_fields
from archc.analysis.report import field_json
from archc.diagnostics import DiagnosticError, Sink, fail
from archc.errors import claims as errors
from archc.evaluate import FUNCTIONS, Environment, PoisonedError, Value, evaluate, shown
from archc.ir import Graph
from archc.source import Span

TOTALS = (
    "params",
    "trainable",
    "macs",
    "flops",
    "neurons",
    "depth",
    "receptive_field",
    "layers",
    "input",
    "output",
)
COUNTS = ("params", "macs", "flops", "neurons")
WITHOUT_AUX = "without_aux"
"""The part of a net that is all of it but its aux heads: what papers count, at times."""
PARTS = ("output", "params", "macs", "flops", "neurons", "receptive_field")
_FUNCTIONS = tuple(f"{name}(LABEL)" for name in PARTS)

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Claim:
    """A claim that holds, and what was found."""

    text: str
    """As the spec says it, on one line: `params ~ 138M`."""
    found: str
    """What its left side is; both sides, where the right one is neither equal nor a number."""
    comment: str
    """The comment behind it in its line, or nothing."""
    line: int


def claims(graph: Graph) -> list[Claim]:
    """Every claim of a graph that `check_claims` let through, in the order of the spec."""
    quantities = _Quantities(values=graph.scope.arguments, graph=graph)
    found: list[Claim] = []
    for claim in graph.net.expects:
        try:
            left, right = evaluate(claim.left, quantities), evaluate(claim.right, quantities)
        except PoisonedError:
            continue
        text = f"{_said(claim.left)} {claim.operator} {_said(claim.right)}"
        figure = _figure(left)
        if left != right and not isinstance(claim.right, syntax.Number | syntax.Dims):
            figure += f" {claim.operator} {_figure(right)}"
        found.append(Claim(text, figure, _comment_behind(claim.span), claim.span.line))
    return found


def _figure(value: Value) -> str:
    """A value with as many digits as a reader takes in."""
    return f"{value:,.4g}" if isinstance(value, float) else _written(value)


def _comment_behind(span: Span) -> str:
    """The comment that ends the line, where nothing else stands before it."""
    line, column = span.source.position(span.end)
    rest = span.source.line(line)[column - 1 :].strip()
    return rest[1:].strip() if rest.startswith("#") else ""


def check_claims(graph: Graph) -> None:
    """Raise `DiagnosticError` with every claim that does not hold.

    A net whose parameters were set from outside is not the one its spec speaks of: its
    claims are not checked.
    """
    if graph.altered:
        return
    sink = Sink()
    quantities = _Quantities(values=graph.scope.arguments, graph=graph)
    for claim in graph.net.expects:
        try:
            _check(claim, quantities)
        except PoisonedError:
            continue
        except DiagnosticError as error:
            sink.extend(error)
    sink.raise_if_failed()


def _check(claim: syntax.Expect, quantities: _Quantities) -> None:
    left, right = evaluate(claim.left, quantities), evaluate(claim.right, quantities)
    if not _holds(claim, left, right):
        about = None
        if claim.operator == "~" and isinstance(claim.right, syntax.Number):
            value, half = claim.right.value, claim.right.precision
            about = (_rounded(value - half), _rounded(value + half))
        fail(
            errors.ClaimFails(
                left=_said(claim.left),
                operator=claim.operator,
                right=_said(claim.right),
                found=_written(left),
                wanted=_written(right),
                range=about,
                span=claim.span,
            )
        )


def _holds(claim: syntax.Expect, left: Value, right: Value) -> bool:
    compare = _COMPARISONS.get(claim.operator)
    if isinstance(left, int | float) and isinstance(right, int | float):
        if compare is not None:
            return compare(left, right)
        if isinstance(claim.right, syntax.Number):
            # Equal at the precision printed: within half a unit of the last digit.
            return abs(left - right) <= claim.right.precision
    if isinstance(left, tuple) and isinstance(right, tuple) and claim.operator in ("==", "!="):
        return left == right if claim.operator == "==" else left != right
    fail(_cannot_compare(claim, left, right))


def _cannot_compare(claim: syntax.Expect, left: Value, right: Value) -> errors.CannotCompare:
    """Why a comparison has no answer, and what to write instead."""
    said, found = _said(claim.left), _written(left)
    reason, fix = f"{_kind(left)} on the left, {_kind(right)} on the right", ""
    if isinstance(left, tuple) and not isinstance(right, tuple):
        fix = f"{said} is {found}"
    elif _kind(left) == _kind(right) == "a number":
        reason, fix = "~ needs a number as it is printed, such as 138M, on its right", ""
    elif _kind(left) == _kind(right):
        reason, fix = f"{_kind(left)} is only equal to another or not", f"expect {said} == {found}"
    return errors.CannotCompare(
        left=said,
        operator=claim.operator,
        right=_said(claim.right),
        reason=reason,
        fix=fix,
        span=claim.span,
    )


def _kind(value: Value) -> str:
    match value:
        case bool():
            return "a truth value"
        case int() | float():
            return "a number"
        case tuple():
            return "a shape"
        case str():
            return "a string"


def _said(expr: syntax.Expr) -> str:
    """An expression as the spec has it, on one line."""
    return " ".join(expr.span.text.split())


def _rounded(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:g}"


def _written(value: Value) -> str:
    """A value with its digits grouped, unless it is four digits at most, as specs write it."""
    return f"{value:,}" if type(value) is int and value >= 10_000 else shown(value)


@dataclass(frozen=True, kw_only=True)
class _Quantities(Environment):
    """The names of claims: totals of the net, parts of it, and its parameters."""

    graph: Graph

    def name(self, expr: syntax.Name, words: Collection[str]) -> Value:
        if len(expr.parts) == 1:
            if expr.text in self.values:
                return self.values[expr.text]
            if expr.text in TOTALS:
                return self._total(expr.text)
            self._unknown(expr.text, "this net", (*TOTALS, *self.values), expr.span)
        # `i4a.output`: the part is named first, what is asked of it last.
        end = expr.span.end - len(expr.parts[-1])
        part = Span(expr.span.source, expr.span.start, end - 1)
        asked = Span(expr.span.source, end, expr.span.end)
        return self._part(".".join(expr.parts[:-1]), part, expr.parts[-1], asked)

    def call(self, expr: syntax.Call) -> Value:
        """`receptive_field(conv3)` is `conv3.receptive_field`."""
        if expr.name.text in FUNCTIONS:
            return super().call(expr)
        if len(expr.args) != 1 or not isinstance(expr.args[0].value, syntax.Name):
            self._unknown(_said(expr), "a part of this net", _FUNCTIONS, expr.span)
        part = expr.args[0].value
        return self._part(part.text, part.span, expr.name.text, expr.name.span)

    def _total(self, name: str) -> Value:
        graph = self.graph
        if name == "depth":
            return depth(graph)
        if name == "receptive_field":
            return self._field(graph.output)
        if name == "layers":
            return sum(node.is_layer for node in graph.nodes)
        if name in ("input", "output"):
            return graph.input if name == "input" else graph.shape
        return _of(self._sum(0, len(graph.nodes) - 1), name)

    def _unknown(self, name: str, of: str, known: Sequence[str], span: Span) -> Never:
        fail(errors.UnknownQuantity(name=name, of=of, known=tuple(known), span=span))

    def _part(self, part: str, part_span: Span, name: str, name_span: Span) -> Value:
        if part == WITHOUT_AUX and part not in self._ranges and name in COUNTS:
            return _of(without_heads(self.graph, self._counts), name)
        if part not in self._ranges:
            self._unknown(part, "this net", (*self._ranges, WITHOUT_AUX), part_span)
        if name not in PARTS:
            self._unknown(name, f"a part such as {part}", PARTS, name_span)
        first, last = self._ranges[part]
        if name == "output":
            return self.graph.nodes[last].output
        if name == "receptive_field":
            return self._field(last)
        return _of(self._sum(first, last), name)

    # Worked out once, however many claims ask.

    @cached_property
    def _ranges(self) -> dict[str, tuple[int, int]]:
        """The first and the last node of every layer and stage."""
        ranges = {node.path: (i, i) for i, node in enumerate(self.graph.nodes)}
        return ranges | {stage.name: (stage.first, stage.last) for stage in self.graph.stages}

    @cached_property
    def _counts(self) -> list[Counts]:
        return [count(self.graph, node) for node in self.graph.nodes]

    @cached_property
    def _fields(self) -> list[Field]:
        return receptive_fields(self.graph)

    @cached_property
    def _sums(self) -> dict[tuple[int, int], Counts]:
        return {}

    def _sum(self, first: int, last: int) -> Counts:
        if (first, last) not in self._sums:
            self._sums[first, last] = sum(self._counts[first : last + 1], Counts())
        return self._sums[first, last]

    def _field(self, node: int) -> Value:
        field = field_json(self._fields[node].size)
        return field if isinstance(field, int) else tuple(field)


def _of(counts: Counts, name: str) -> int:
    match name:
        case "params" | "trainable":
            return counts.params
        case "macs":
            return counts.macs
        case "flops":
            return counts.flops
        case _:
            return counts.neurons
