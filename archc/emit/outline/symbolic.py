"""Expressions of a spec as Python text: their names, and arithmetic on what is written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from archc import syntax
from archc.emit.python import Text, identifier, literal
from archc.evaluate import Value


def safe(name: str) -> str:
    """A parameter's name in the text of a class: none that the text means something else by."""
    return identifier(name, ("self", "super", "x", "nn", "nnx", "torch", "F", "rngs", "__class__"))


def names_in(expr: syntax.Expr) -> set[str]:
    """The names that an expression uses."""
    match expr:
        case syntax.Name(parts=parts):
            return {parts[0]}
        case syntax.Binary(left=left, right=right):
            return names_in(left) | names_in(right)
        case syntax.Negative(operand=operand):
            return names_in(operand)
        case syntax.Sequence(values=values):
            return {name for value in values for name in names_in(value)}
        case _:
            return set()


def python_type(value: Value) -> str:
    """`int`, `tuple[int, int]`: the annotation of a parameter that has this value."""
    if isinstance(value, tuple):
        return f"tuple[{', '.join(python_type(part) for part in value)}]"
    return type(value).__name__


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


def substitute(text: Text, args: Mapping[str, Text], constant: int) -> Text:
    """A class's output channels in the terms of its caller; a number where all are."""
    words = words_in(text.text)
    if all(args[word].text.isdigit() for word in words if word in args):
        return literal(constant)

    def passed(match: re.Match[str]) -> str:
        word = match.group()
        return bracket(args[word]) if word in args else word

    return Text(re.sub(r"\w+", passed, text.text), tight=text.tight and len(words) <= 1)
