"""Expressions of a spec as Python text: their names, and arithmetic on what is written."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from archc import syntax
from archc.emit.python import Text, identifier, literal
from archc.evaluate import Callee, Environment, Value, evaluate
from archc.names import names_in


def safe(name: str) -> str:
    """A parameter's name in the text of a class: none that the text means something else by."""
    return identifier(name, _MEANT_OTHERWISE)


_MEANT_OTHERWISE = frozenset(
    "self super x nn torch F Tensor nnx jax jnp lax Array rngs partial __class__ math min max len "
    "range Callable Conv ConvTranspose Linear BatchNorm ChannelNorm LayerScale GroupedLinear "
    "GroupedConvTranspose normal uniform glorot".split()
)


def python_type(value: Value) -> str:
    """`int`, `tuple[int, int]`: the annotation of a parameter that has this value."""
    if isinstance(value, Callee):
        return "op"
    if isinstance(value, tuple):
        if len(set(map(type, value))) == 1 and len(value) != 2:
            return f"tuple[{python_type(value[0])}, ...]"
        return f"tuple[{', '.join(python_type(part) for part in value)}]"
    if isinstance(value, bool):
        return "bool"
    # A number of a scaled net is of a class of its own.
    if isinstance(value, int):
        return "int"
    return "float" if isinstance(value, float) else "str"


def bracket(text: Text) -> str:
    """A text as an operand."""
    return text.text if text.tight else f"({text.text})"


def times(a: Text, b: Text) -> Text:
    """A product: a number where both factors are."""
    if a.text.isdigit() and b.text.isdigit():
        return Text(str(int(a.text) * int(b.text)))
    return Text(f"{bracket(a)} * {bracket(b)}", tight=False)


def summed(texts: Sequence[Text]) -> Text:
    """A sum: a number where all terms are."""
    if all(text.text.isdigit() for text in texts):
        return Text(str(sum(int(text.text) for text in texts)))
    if len(texts) == 1:
        return texts[0]
    return Text(" + ".join(bracket(text) for text in texts), tight=False)


def words_in(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def is_constant(text: Text) -> bool:
    """Whether a text has no names in it, beside those of functions."""
    words = words_in(text.text) - _WORDS
    return not any(word[0].isalpha() or word[0] == "_" for word in words)


_WORDS = set("min max len math floor ceil if else and or not".split())


def substitute(text: Text, args: Mapping[str, Text], constant: int) -> Text:
    """A class's output channels in the terms of its caller; a number where all are."""
    words = words_in(text.text)
    if all(args[word].text.isdigit() for word in words if word in args):
        return literal(constant)
    return renamed(text, args)


def renamed(text: Text, names: Mapping[str, Text]) -> Text:
    """A text with other texts in the place of its names."""

    def passed(match: re.Match[str]) -> str:
        word = match.group()
        return bracket(names[word]) if word in names else word

    words = words_in(text.text)
    return Text(re.sub(r"\w+", passed, text.text), tight=text.tight and len(words) <= 1)


def sayable(expr: syntax.Expr) -> bool:
    """Whether Python can say what a spec does by an expression."""
    match expr:
        case syntax.Binary(left=left, right=right):
            return sayable(left) and sayable(right)
        case syntax.Negative(operand=operand) | syntax.Contrary(operand=operand):
            return sayable(operand)
        case syntax.Element(place=place):
            return sayable(place)
        case syntax.Sequence(values=values):
            return all(map(sayable, values))
        case syntax.Call(name=name, args=args):
            return name.text in _CALLS and all(sayable(arg.value) for arg in args)
        case syntax.Name(parts=parts):
            return len(parts) == 1
        case _:
            return True


_CALLS = {
    "min": "min",
    "max": "max",
    "len": "len",
    "floor": "math.floor",
    "ceil": "math.ceil",
}
"""The functions of expressions, and Python's."""


class Namer:
    """Says expressions in Python; `named` is what a name is there, None for a constant.

    `whole`: the value is a whole number. Then every quotient in it came out even, and is `//`.
    """

    def __init__(self, named: Callable[[str], Text | None], *, whole: bool = True) -> None:
        self.name = named
        self.whole = whole

    def text(self, expr: syntax.Expr, arriving: Callable[[], Text]) -> Text | None:
        """An expression in Python, or None where a constant has to stand for it.

        `arriving` is the text of the channels that arrive, for `in`.
        """
        if not names_in(expr):
            return literal(evaluate(expr, Environment()))
        if not sayable(expr):
            return None
        match expr:
            case syntax.Name(parts=("in",)):
                return arriving()
            case syntax.Name(parts=(name,)):
                return self.name(name)
            case syntax.Binary(left=left, operator=operator, right=right):
                a, b = self.text(left, arriving), self.text(right, arriving)
                if a is None or b is None:
                    return None
                words = operator in ("and", "or")
                if words:
                    # These bind less than comparisons, and `and` more than `or`.
                    return Text(f"{_loose(a)} {operator} {_loose(b)}", tight=False)
                if operator == "/" and self.whole:
                    operator = "//"
                return Text(f"{bracket(a)} {operator} {bracket(b)}", tight=False)
            case syntax.Contrary(operand=syntax.Binary() as compared) if (
                compared.operator in _OPPOSITE
            ):
                opposite = compared._replace(operator=_OPPOSITE[compared.operator])
                return self.text(opposite, arriving)
            case syntax.Negative(operand=operand) | syntax.Contrary(operand=operand):
                inner = self.text(operand, arriving)
                sign = "-" if isinstance(expr, syntax.Negative) else "not "
                return None if inner is None else Text(f"{sign}{bracket(inner)}", tight=False)
            case syntax.Element(name=name, place=place):
                of, at = self.text(name, arriving), self.text(place, arriving)
                return None if of is None or at is None else Text(f"{of.text}[{at.text}]")
            case syntax.Sequence(values=values):
                inside = self.all(values, arriving)
                return None if inside is None else Text(f"({', '.join(inside)})")
            case syntax.Call(name=name, args=args):
                rounds = name.text in ("floor", "ceil")
                inner = Namer(self.name, whole=self.whole and not rounds)
                inside = inner.all([arg.value for arg in args], arriving)
                call = _CALLS[name.text]
                return None if inside is None else Text(f"{call}({', '.join(inside)})")
            case _:
                return None

    def all(self, exprs: Sequence[syntax.Expr], arriving: Callable[[], Text]) -> list[str] | None:
        texts = [self.text(expr, arriving) for expr in exprs]
        return None if None in texts else [text.text for text in texts if text is not None]


_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


def _loose(text: Text) -> str:
    """An operand of `and` or `or`: brackets only around another of them."""
    return f"({text.text})" if {"and", "or"} & words_in(text.text) else text.text


def either(condition: Text, then: Text, otherwise: Text) -> Text:
    """What is `then` where a condition holds, in as few words as that takes."""
    if then == otherwise:
        return then
    for sign, one in (("!=", then), ("==", otherwise)):
        # After `if a != b { ... b } else { ... a }` it is b in any case.
        for pair in ((then, otherwise), (otherwise, then)):
            if condition.text == f"{bracket(pair[0])} {sign} {bracket(pair[1])}":
                return one
    text = f"{bracket(then)} if {condition.text} else {bracket(otherwise)}"
    return Text(text, tight=False)
