"""Python text: names that are safe, literals quoted by Python's rules, and layout.

Expressions are small trees; `statement` lays one out as `ruff format` does at 88 columns.
"""

from __future__ import annotations

import json
import keyword
import textwrap
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import cast

WIDTH = 88
"""The widest line of an emitted program: the default of the formatters."""


@dataclass(frozen=True)
class Text:
    """An atom: a name, a literal, or arithmetic on them. `tight`: needs no brackets in `*`."""

    text: str
    tight: bool = True


@dataclass(frozen=True)
class Call:
    """`function(args, name=value)`; on a tree, `tree.method(args)`."""

    function: str
    args: Sequence[Tree] = ()
    named: Sequence[tuple[str, Tree]] = ()
    on: Tree | None = None


@dataclass(frozen=True)
class Items:
    """`[a, b]`, or `(a, b)`."""

    items: Sequence[Tree] = field(default=())
    brackets: str = "[]"


@dataclass(frozen=True)
class Infix:
    """`a + b + c`."""

    operator: str
    operands: Sequence[Tree]


@dataclass(frozen=True)
class Index:
    """`tree[index]`."""

    on: Tree
    index: str


@dataclass(frozen=True)
class Each:
    """`*(tree for index in values)`: arguments, as many as there are values."""

    tree: Tree
    index: str
    values: Tree


@dataclass(frozen=True)
class Either:
    """`then if condition else otherwise`."""

    condition: str
    then: Tree
    otherwise: Tree


Tree = Text | Call | Items | Infix | Index | Each | Either


def name(text: str) -> Text:
    return Text(text)


def literal(value: object) -> Text:
    """A value as Python writes it; strings quoted with double quotes."""
    match value:
        case str():
            return Text(quoted(value))
        case tuple():
            parts = cast("tuple[object, ...]", value)
            inner = ", ".join(literal(part).text for part in parts)
            return Text(f"({inner})")
        case float():
            return Text(number(value))
        case bool() | int() | None:
            return Text(repr(value))
        case _:
            raise TypeError(f"no literal for {type(value).__name__}")


def number(value: float) -> str:
    """A float as `ruff format` leaves it: `0.5`, `1e-4`, `2.0`."""
    text = repr(value)
    mantissa, _, exponent = text.partition("e")
    if not exponent:
        return text
    return f"{mantissa}e{int(exponent)}"


def quoted(text: str) -> str:
    """A string literal in double quotes; nothing in `text` can end it."""
    # JSON's escapes are a part of Python's.
    return json.dumps(text, ensure_ascii=False)


def comment(text: str) -> str:
    """Text that is safe in a comment: on one line, printable."""
    return "".join(c if c.isprintable() else "?" for c in text)


def docstring(text: str) -> str:
    """Text that is safe between triple quotes."""
    safe = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    if safe.endswith('"'):
        safe = safe[:-1] + '\\"'
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in safe)


def wrapped(text: str, width: int) -> str:
    """A description in lines of so many characters at most."""
    return (
        "\n".join(textwrap.wrap(text, width, break_on_hyphens=False)) if len(text) > width else text
    )


def identifier(text: str, taken: Collection[str] = ()) -> str:
    """A Python identifier for a name of a spec: the same, or with underscores behind it."""
    while keyword.iskeyword(text) or text in taken or _is_private(text):
        text += "_"
    return text


def _is_private(name: str) -> bool:
    """Whether Python puts a class's name before a name within it: `__conv1`, not `__call__`."""
    return name.startswith("__") and not name.endswith("__")


def class_name(text: str, doc: str = "") -> str:
    """`VggD` for `vgg_d`; as the description spells it where it begins with the name."""
    first = doc.split(maxsplit=1)[0] if doc.split() else ""
    spelled = "".join(c for c in first if c.isascii() and c.isalnum())
    plain = text.replace("_", "").lower()
    if plain and spelled.lower().startswith(plain) and not spelled[0].isdigit():
        return spelled[0].upper() + spelled[1 : len(plain)]
    parts = [part for part in text.split("_") if part]
    camel = "".join(part[0].upper() + part[1:] for part in parts) or "Net"
    if camel[0].isdigit():
        camel = f"Net{camel}"
    return camel


# Layout ------------------------------------------------------------------------------------


def flat(tree: Tree) -> str:
    """A tree on one line."""
    match tree:
        case Text(text=text):
            return text
        case Items(items=items, brackets=brackets):
            inner = ", ".join(flat(item) for item in items)
            if brackets == "()" and len(items) == 1:
                inner += ","
            return f"{brackets[0]}{inner}{brackets[1]}"
        case Infix(operator=operator, operands=operands):
            return f" {operator} ".join(_operand(operand, operator) for operand in operands)
        case Index(on=on, index=index):
            return f"{_receiver(on)}[{index}]"
        case Each(tree=inner, index=index, values=values):
            return f"*({flat(inner)} for {index} in {flat(values)})"
        case Either(condition=condition, then=then, otherwise=otherwise):
            return f"{flat(then)} if {condition} else {flat(otherwise)}"
        case Call():
            return f"{_head(tree)}({', '.join(_arguments(tree))})"


def _operand(tree: Tree, operator: str) -> str:
    """An operand, in brackets where it is a sum within a product."""
    return f"({flat(tree)})" if _is_inner(tree, operator) else flat(tree)


def _is_inner(tree: Tree, operator: str) -> bool:
    """Whether an operand must stand in brackets."""
    return isinstance(tree, Either) or (isinstance(tree, Infix) and tree.operator != operator)


def _receiver(tree: Tree) -> str:
    """A tree before a dot or an index."""
    return f"({flat(tree)})" if isinstance(tree, Infix | Either) else flat(tree)


def _head(call: Call) -> str:
    return call.function if call.on is None else f"{_receiver(call.on)}.{call.function}"


def _arguments(call: Call) -> list[str]:
    return [flat(arg) for arg in call.args] + [f"{key}={flat(arg)}" for key, arg in call.named]


def layout(tree: Tree, indent: int, before: str = "", after: str = "") -> list[str]:
    """The lines of a tree that follows `before` and precedes `after`, at an indentation."""
    line = f"{' ' * indent}{before}{flat(tree)}{after}"
    if len(line) <= WIDTH:
        return [line]
    match tree:
        case Text() | Index():
            return [line]
        case Each(tree=inner, index=index, values=values):
            opening = f"{' ' * indent}{before}*("
            rest = layout(values, indent + 4, f"for {index} in ")
            return [opening, *layout(inner, indent + 4), *rest, f"{' ' * indent}){after}"]
        case Either(condition=condition, then=then, otherwise=otherwise):
            return [
                f"{' ' * indent}{before}(",
                *layout(then, indent + 4),
                f"{' ' * (indent + 4)}if {condition}",
                *layout(otherwise, indent + 4, "else "),
                f"{' ' * indent}){after}",
            ]
        case Infix(operands=operands, operator=operator):
            return _broken_infix(operands, operator, indent, before, after)
        case Items(items=items, brackets=brackets):
            opening = f"{' ' * indent}{before}{brackets[0]}"
            parts: list[tuple[str, Tree]] = [("", item) for item in items]
            return [opening, *_each(parts, indent + 4), f"{' ' * indent}{brackets[1]}{after}"]
        case Call(on=Call() as inner) if not _arguments(tree) or len(flat(inner)) > WIDTH // 2:
            # `f(...).flatten(1)`: what is broken is the call before the method.
            rest = f".{tree.function}({', '.join(_arguments(tree))}){after}"
            return layout(inner, indent, before, rest)
        case Call():
            opening = f"{' ' * indent}{before}{_head(tree)}("
            closing = f"{' ' * indent}){after}"
            together = f"{' ' * (indent + 4)}{', '.join(_arguments(tree))}"
            if len(together) <= WIDTH:
                return [opening, together, closing]
            parts = [("", arg) for arg in tree.args]
            parts += [(f"{key}=", arg) for key, arg in tree.named]
            return [opening, *_each(parts, indent + 4), closing]


def _broken_infix(
    operands: Sequence[Tree], operator: str, indent: int, before: str, after: str
) -> list[str]:
    """Brackets around, and an operand a line, each after its operator."""
    lines = [f"{' ' * indent}{before}("]
    for i, operand in enumerate(operands):
        sign = f"{operator} " if i else ""
        inner = layout(operand, indent + 4, sign)
        # What is broken has its brackets already.
        if len(inner) == 1 and _is_inner(operand, operator):
            inner = layout(operand, indent + 4, f"{sign}(", ")")
        lines += inner
    return [*lines, f"{' ' * indent}){after}"]


def _each(parts: Sequence[tuple[str, Tree]], indent: int) -> list[str]:
    """One part a line, each with its comma."""
    return [line for before, part in parts for line in layout(part, indent, before, ",")]


def statement(before: str, tree: Tree, indent: int, remark: str = "") -> list[str]:
    """A statement such as `x = tree`, with a remark beside it, or above where it is too wide."""
    lines = layout(tree, indent, before)
    if not remark:
        return lines
    if len(lines) == 1 and len(lines[0]) + 4 + len(remark) <= WIDTH:
        return [f"{lines[0]}  # {remark}"]
    return [f"{' ' * indent}# {remark}", *lines]


def function_head(function: str, params: Sequence[str], returns: str, indent: int) -> list[str]:
    """`def function(params) -> returns:`, broken where it is too wide."""
    return layout(
        Call(function, [Text(param) for param in params]), indent, "def ", f" -> {returns}:"
    )
