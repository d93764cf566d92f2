"""Expressions: arithmetic on parameters, with every value bounded."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass, field
from typing import cast

from archc import syntax
from archc.diagnostics import fail
from archc.errors.names import AmbiguousName, BadOperands, UnknownName
from archc.errors.text import BadNumber

Value = int | float | bool | str | tuple["Value", ...]

MAX_INTEGER = 10**18
"""Beyond this no count of a net is sensible, and exactness in floats is lost."""


@dataclass(frozen=True)
class Environment:
    """What names mean at a place: parameters, and the channels that arrive (`in`)."""

    values: Mapping[str, Value] = field(default_factory=dict[str, Value])
    poisoned: Set[str] = frozenset()
    """Parameters whose value could not be worked out: no fault is reported for them again."""
    channels: int | None = None
    at_op: bool = False
    """Whether channels arrive here at all; how many is then None only after a fault."""

    def at(self, channels: int | None) -> Environment:
        """The same names at an op where so many channels arrive (None: not known)."""
        return Environment(self.values, self.poisoned, channels, at_op=True)

    def name(self, expr: syntax.Name, words: Collection[str]) -> Value:
        """What a name stands for, where `words` are the choices of the field it is given to."""
        name = expr.text
        if name in self.values:
            if name in words:
                fail(AmbiguousName(name=name, span=expr.span))
            return self.values[name]
        if name in words:
            return name
        if name in self.poisoned:
            raise PoisonedError
        if name == "in":
            if not self.at_op:
                problem = "'in' is the number of channels that arrive at an op; none arrive here"
                fail(BadOperands(problem=problem, span=expr.span))
            if self.channels is None:
                raise PoisonedError
            return self.channels
        fail(UnknownName(name=name, known=(*self.values, *words), span=expr.span))

    def call(self, expr: syntax.Call) -> Value:
        """What a call stands for; parameters have none."""
        fail(
            BadOperands(
                problem=f"'{expr.name.text}(...)' is no number: nothing is calculated by name here",
                span=expr.span,
            )
        )


class PoisonedError(Exception):
    """Raised for an expression that depends on what has been reported already."""


def evaluate(expr: syntax.Expr, env: Environment, words: Collection[str] = ()) -> Value:
    """The value of an expression; `words` are the choices its field names (`same`, `up`).

    Raises `DiagnosticError` for a fault and `PoisonedError` where one was reported before.
    """
    match expr:
        case syntax.Number(value=value) | syntax.Truth(value=value) | syntax.String(value=value):
            return value
        case syntax.Dims(values=values):
            return values
        case syntax.Sequence(values=values):
            return tuple(evaluate(value, env) for value in values)
        case syntax.Name():
            return env.name(expr, words)
        case syntax.Negative(operand=operand):
            return _bounded(-_number(evaluate(operand, env), operand), expr)
        case syntax.Binary():
            return _binary(expr, env)
        case syntax.Call():
            return env.call(expr)


def _binary(expr: syntax.Binary, env: Environment) -> Value:
    left = _number(evaluate(expr.left, env), expr.left)
    right = _number(evaluate(expr.right, env), expr.right)
    if expr.operator in ("/", "//", "%") and right == 0:
        fail(BadOperands(problem="this divides by zero", span=expr.span))
    match expr.operator:
        case "+":
            value = left + right
        case "-":
            value = left - right
        case "*":
            value = left * right
        case "//":
            value = left // right
        case "%":
            value = left % right
        case _:
            exact = isinstance(left, int) and isinstance(right, int) and left % right == 0
            value = left // right if exact else left / right
    return _bounded(value, expr)


def _number(value: Value, expr: syntax.Expr) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        problem = f"{shown(value)} is no number to calculate with"
        fail(BadOperands(problem=problem, span=expr.span))
    return value


def _bounded(value: int | float, expr: syntax.Expr) -> int | float:
    if not -MAX_INTEGER <= value <= MAX_INTEGER:
        fail(BadNumber(reason="is too large", span=expr.span))
    return value


def shown(value: object) -> str:
    """A value as a spec writes it."""
    match value:
        case bool():
            return "true" if value else "false"
        case tuple():
            parts = cast("tuple[object, ...]", value)
            whole = len(parts) > 1 and all(type(part) is int and part >= 0 for part in parts)
            texts = [shown(part) for part in parts]
            return "x".join(texts) if whole else f"[{', '.join(texts)}]"
        case str():
            return f"'{value}'"
        case _:
            return str(value)
