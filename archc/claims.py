"""What a spec expects of its net, checked: `expect params ~ 138M`."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from archc import syntax
from archc.analysis.counts import Counts, count
from archc.analysis.paths import depth, receptive_fields
from archc.analysis.report import field_json
from archc.diagnostics import DiagnosticError, Sink, fail
from archc.errors import claims as errors
from archc.evaluate import Environment, PoisonedError, Value, evaluate, shown
from archc.ir import Graph

TOTALS = ("params", "trainable", "macs", "flops", "neurons", "depth", "receptive_field")
PARTS = ("output", "params", "macs", "flops", "neurons", "receptive_field")

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


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
        fail(
            errors.ClaimFails(
                left=claim.left.span.text,
                operator=claim.operator,
                right=claim.right.span.text,
                found=_written(left),
                wanted=_written(right),
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
    fail(
        errors.CannotCompare(
            left=claim.left.span.text,
            operator=claim.operator,
            right=claim.right.span.text,
            span=claim.span,
        )
    )


def _written(value: Value) -> str:
    return f"{value:,}" if isinstance(value, int) else shown(value)


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
            fail(errors.UnknownQuantity(name=expr.text, known=TOTALS, span=expr.span))
        return self._part(".".join(expr.parts[:-1]), expr.parts[-1], expr)

    def call(self, expr: syntax.Call) -> Value:
        """`receptive_field(conv3)` is `conv3.receptive_field`."""
        if len(expr.args) != 1 or not isinstance(expr.args[0].value, syntax.Name):
            problem = expr.span.text
            fail(errors.UnknownQuantity(name=problem, known=PARTS, span=expr.span))
        return self._part(expr.args[0].value.text, expr.name.text, expr)

    def _total(self, name: str) -> Value:
        graph = self.graph
        if name == "depth":
            return depth(graph)
        if name == "receptive_field":
            return _field(graph, graph.output)
        counts = sum((count(graph, node) for node in graph.nodes), Counts())
        return _of(counts, name)

    def _part(self, part: str, name: str, expr: syntax.Expr) -> Value:
        graph = self.graph
        ranges = {node.path: (i, i) for i, node in enumerate(graph.nodes)}
        ranges |= {stage.name: (stage.first, stage.last) for stage in graph.stages}
        if part not in ranges:
            fail(errors.UnknownQuantity(name=part, known=tuple(ranges), span=expr.span))
        if name not in PARTS:
            fail(errors.UnknownQuantity(name=name, known=PARTS, span=expr.span))
        first, last = ranges[part]
        if name == "output":
            return graph.nodes[last].output
        if name == "receptive_field":
            return _field(graph, last)
        nodes = graph.nodes[first : last + 1]
        return _of(sum((count(graph, node) for node in nodes), Counts()), name)


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


def _field(graph: Graph, node: int) -> Value:
    field = field_json(receptive_fields(graph)[node].size)
    return field if isinstance(field, int) else tuple(field)
