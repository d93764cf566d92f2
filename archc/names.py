"""The names that an expression uses."""

from __future__ import annotations

from archc import syntax


def names_in(expr: syntax.Expr) -> frozenset[str]:
    """The names of an expression: parameters, `in`, words such as `same`."""
    match expr:
        case syntax.Number() | syntax.Dims() | syntax.String() | syntax.Truth():
            return frozenset()
        case syntax.Name(parts=parts):
            return frozenset(parts[:1])
        case syntax.Binary(left=left, right=right):
            return names_in(left) | names_in(right)
        case syntax.Negative(operand=operand) | syntax.Contrary(operand=operand):
            return names_in(operand)
        case syntax.Element(name=name, place=place):
            return names_in(name) | names_in(place)
        case syntax.Sequence(values=values):
            return frozenset[str]().union(*map(names_in, values))
        case syntax.Call(args=args):
            return frozenset[str]().union(*(names_in(arg.value) for arg in args))
