"""Expressions: arithmetic on parameters, with every value bounded."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from archc import syntax
from archc.diagnostics import fail
from archc.errors import names as errors
from archc.errors import text as text_errors
from archc.limits import MAX_INTEGER
from archc.width import calculated


class Callee(NamedTuple):
    """An op or a block as a value, with the arguments it was given: `leaky_relu(0.1)`."""

    name: syntax.Ident
    args: tuple[syntax.Arg, ...]
    env: Environment
    """What the names in its arguments mean."""
    text: str


Value = int | float | bool | str | Callee | tuple["Value", ...]


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
                fail(errors.AmbiguousName(name=name, span=expr.span))
            return self.values[name]
        if name in words:
            return name
        if name in self.poisoned:
            raise PoisonedError
        if name == "in":
            if not self.at_op:
                problem = "'in' is the number of channels that arrive at an op; none arrive here"
                fail(errors.BadOperands(problem=problem, span=expr.span))
            if self.channels is None:
                raise PoisonedError
            return self.channels
        fail(errors.UnknownName(name=name, known=(*self.values, *words), span=expr.span))

    def call(self, expr: syntax.Call) -> Value:
        """What a call stands for: one of the few functions there are."""
        name, args = expr.name.text, expr.args
        if name in FUNCTIONS:
            named = next((arg for arg in args if arg.name is not None), None)
            if named is not None:
                problem = f"{name} takes values without names"
                fail(errors.BadOperands(problem=problem, fix=_EXAMPLES[name], span=named.span))
            return _function(name, [evaluate(arg.value, self) for arg in args], expr)
        known = ", ".join(FUNCTIONS)
        problem = f"'{name}(...)' is no number; what can be called here: {known}"
        fail(errors.BadOperands(problem=problem, span=expr.span))


class PoisonedError(Exception):
    """Raised for an expression that depends on what has been reported already."""


def evaluate(expr: syntax.Expr, env: Environment, words: Collection[str] = ()) -> Value:
    """The value of an expression; `words` are the choices its field names (`same`, `up`).

    Raises `DiagnosticError` for a fault and `PoisonedError` where one was reported before.
    """
    match expr:
        case syntax.Number(value=value) | syntax.Truth(value=value) | syntax.String(value=value):
            return value
        case syntax.Name():
            return env.name(expr, words)
        case syntax.Dims(values=values):
            return values
        case syntax.Sequence(values=values):
            return tuple(evaluate(value, env) for value in values)
        case syntax.Element():
            return _element(expr, env)
        case syntax.Negative(operand=operand):
            number = _number(evaluate(operand, env), operand)
            return calculated(_bounded(-number, expr), _negated, (number,), counts=False)
        case syntax.Contrary(operand=operand):
            return not truth(operand, env)
        case syntax.Binary(operator="and"):
            return truth(expr.left, env) and truth(expr.right, env)
        case syntax.Binary(operator="or"):
            return truth(expr.left, env) or truth(expr.right, env)
        case syntax.Binary(operator=sign) if sign in COMPARISONS:
            return _compared(expr, env)
        case syntax.Binary():
            return _binary(expr, env)
        case syntax.Call():
            return env.call(expr)


def truth(expr: syntax.Expr, env: Environment) -> bool:
    """The value of a condition. Raises as `evaluate` does."""
    value = evaluate(expr, env)
    if not isinstance(value, bool):
        problem = f"{shown(value)} is neither true nor false"
        name = expr.text if isinstance(expr, syntax.Name) else "in"
        fix = f"a condition compares: {name} == {shown(value) if _is_number(value) else 64}"
        fail(errors.BadOperands(problem=problem, fix=fix, span=expr.span))
    return value


COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _compared(expr: syntax.Binary, env: Environment) -> bool:
    left = evaluate(expr.left, env)
    if isinstance(left, Callee):
        problem = f"{shown(left)} is an op or a block, and those do not compare"
        fix = "another parameter can say what is to be done: block b(act, last = false) { ... }"
        fail(errors.BadOperands(problem=problem, fix=fix, span=expr.left.span))
    right = evaluate(expr.right, env)
    numbers = _is_number(left) and _is_number(right)
    alike = type(left) is type(right) and not isinstance(left, Callee)
    if not numbers and not (alike and expr.operator in ("==", "!=")):
        problem = f"{shown(left)} and {shown(right)} do not compare by {expr.operator}"
        strings = isinstance(left, str) != isinstance(right, str)
        fix = "numbers are written without quotes, texts with them" if strings else ""
        fail(errors.BadOperands(problem=problem, fix=fix, span=expr.span))
    return COMPARISONS[expr.operator](left, right)


def _binary(expr: syntax.Binary, env: Environment) -> Value:
    left = _number(evaluate(expr.left, env), expr.left)
    right = _number(evaluate(expr.right, env), expr.right)
    if expr.operator in ("/", "//", "%") and right == 0:
        fail(errors.BadOperands(problem="this divides by zero", span=expr.span))
    carry_out = _ARITHMETIC[expr.operator]
    value = _bounded(carry_out(left, right), expr)
    return calculated(value, carry_out, (left, right), counts=expr.operator in ("+", "-"))


def _negated(number: int | float) -> int | float:
    return -number


def _floored(left: int | float, right: int | float) -> int | float:
    return left // right


def _quotient(left: int | float, right: int | float) -> int | float:
    exact = isinstance(left, int) and isinstance(right, int) and left % right == 0
    return left // right if exact else left / right


_ARITHMETIC: dict[str, Callable[[int | float, int | float], int | float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _quotient,
    "//": _floored,
    "%": operator.mod,
}

FUNCTIONS: dict[str, Callable[..., int | float]] = {
    "min": min,
    "max": max,
    "floor": math.floor,
    "ceil": math.ceil,
    "len": len,
}
"""What expressions may call."""

_EXAMPLES = {
    "min": "min(n, 64)",
    "max": "max(n, 64)",
    "floor": "floor(n / 2)",
    "ceil": "ceil(n / 2)",
    "len": "len(widths), where widths is a list",
}


def _function(name: str, values: Sequence[Value], expr: syntax.Call) -> Value:
    one = name in ("floor", "ceil", "len")
    if one != (len(values) == 1) or not values:
        many = "one argument" if one else "two arguments or more"
        problem = f"{name} takes {many}"
        fail(errors.BadOperands(problem=problem, fix=_EXAMPLES[name], span=expr.span))
    if name == "len":
        if not isinstance(values[0], tuple) or isinstance(values[0], Callee):
            problem = f"len counts the elements of a list; {shown(values[0])} is none"
            fix = _EXAMPLES["len"]
            fail(errors.BadOperands(problem=problem, fix=fix, span=expr.span))
        return len(values[0])
    numbers = tuple(_number(value, arg.value) for value, arg in zip(values, expr.args, strict=True))
    carry_out = FUNCTIONS[name]
    # The larger of some channels and a least number: that is no count to be scaled.
    return calculated(carry_out(*numbers), carry_out, numbers, counts=False)


def _element(expr: syntax.Element, env: Environment) -> Value:
    values, place = env.name(expr.name, ()), evaluate(expr.place, env)
    if not isinstance(values, tuple) or isinstance(values, Callee):
        problem = f"{expr.name.text} is {shown(values)}, no list to take an element of"
        fix = f"a list is written {expr.name.text} = [16, 32]"
        fail(errors.BadOperands(problem=problem, fix=fix, span=expr.name.span))
    if type(place) is not int or not 0 <= place < len(values):
        name, count = expr.name.text, len(values)
        many = f"{count} element{'s' * (count != 1)}, counted from 0"
        problem = f"{name} has {many}; {name}[{shown(place)}] is none of them"
        fix = f"the last is {name}[{count - 1}]" if count else ""
        fail(errors.BadOperands(problem=problem, fix=fix, span=expr.place.span))
    return values[place]


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: Value, expr: syntax.Expr) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        problem = f"{shown(value)} is no number to calculate with"
        fail(errors.BadOperands(problem=problem, span=expr.span))
    return value


def _bounded(value: int | float, expr: syntax.Expr) -> int | float:
    if not -MAX_INTEGER <= value <= MAX_INTEGER:
        fail(text_errors.BadNumber(reason="is too large", span=expr.span))
    return value


def shown(value: object) -> str:
    """A value as a spec writes it."""
    match value:
        case bool():
            return "true" if value else "false"
        case Callee():
            return value.text
        case tuple():
            parts = cast("tuple[object, ...]", value)
            whole = len(parts) > 1 and all(type(part) is int and part >= 0 for part in parts)
            texts = [shown(part) for part in parts]
            return "x".join(texts) if whole else f"[{', '.join(texts)}]"
        case str():
            return f"'{value}'"
        case _:
            return str(value)
