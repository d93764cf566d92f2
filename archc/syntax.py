"""The tree of a spec as its author wrote it: every node knows its characters.

Nothing is resolved here: a name is a word, an argument is an expression.
"""

from __future__ import annotations

from dataclasses import dataclass

from archc.source import Span

RESERVED = frozenset(
    "net block recipe init expect assumed input in if else repeat as from import skip defaults "
    "after but last concat add mul towers aux true false and or not".split()
)
"""The words of the language. They are no names of nets, blocks, parameters or labels."""


@dataclass(frozen=True, slots=True)
class Ident:
    """A name and its place."""

    text: str
    span: Span


# Expressions ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Number:
    """`64`, `0.5`, `138M`. `precision` is half a unit of the last digit printed."""

    value: int | float
    precision: float
    span: Span


@dataclass(frozen=True, slots=True)
class Dims:
    """`1x7`, `3x224x224`."""

    values: tuple[int, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class String:
    value: str
    span: Span


@dataclass(frozen=True, slots=True)
class Truth:
    value: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Name:
    """`n`, `same`, `i4a.output`: a parameter, a choice of a field, or a part of the net."""

    parts: tuple[str, ...]
    span: Span

    @property
    def text(self) -> str:
        return ".".join(self.parts)


@dataclass(frozen=True, slots=True)
class Call:
    """`normal(0, 0.01)`: a form in a recipe, a function in a claim."""

    name: Ident
    args: tuple[Arg, ...]
    depth: int
    span: Span


@dataclass(frozen=True, slots=True)
class Sequence:
    """`[1, k]`."""

    values: tuple[Expr, ...]
    depth: int
    span: Span


@dataclass(frozen=True, slots=True)
class Negative:
    operand: Expr
    depth: int
    span: Span


@dataclass(frozen=True, slots=True)
class Binary:
    left: Expr
    operator: str
    right: Expr
    depth: int
    span: Span


Expr = Number | Dims | String | Truth | Name | Call | Sequence | Negative | Binary


# The body of a net ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Arg:
    """`64`, `pad=same`, `lr = 0.01 assumed "the Caffe solver"`."""

    name: Ident | None
    value: Expr
    assumed: String | None
    span: Span


@dataclass(frozen=True, slots=True)
class Branch:
    items: tuple[Item, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Chain:
    """`{ item item ... }`: ops side by side are composed."""

    items: tuple[Item, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Branches:
    """`{ | ... | ... }`."""

    branches: tuple[Branch, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Item:
    """An op, a block call, or a structure (`concat`, `towers`, `aux`); a bare group has no name."""

    label: Ident | None
    name: Ident | None
    args: tuple[Arg, ...]
    body: Chain | Branches | None
    span: Span


@dataclass(frozen=True, slots=True)
class Param:
    name: Ident
    default: Expr | None


@dataclass(frozen=True, slots=True)
class Block:
    name: Ident
    params: tuple[Param, ...]
    doc: str
    items: tuple[Item, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Expect:
    """`expect params ~ 138M`: a claim that the compiler checks."""

    left: Expr
    operator: str
    right: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Setting:
    """`batch 128`, `optimizer sgd(lr = 0.01)`."""

    name: Ident
    value: Expr
    assumed: String | None
    span: Span


@dataclass(frozen=True, slots=True)
class Steps:
    """`augment { resize(256) flip }`."""

    name: Ident
    items: tuple[Item, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Fill:
    """`normal(0, 0.01)` (what = None: the weights), `bias 0`."""

    what: Ident | None
    value: Number | Call
    span: Span


@dataclass(frozen=True, slots=True)
class Rule:
    """`conv, fc: normal(0, 0.01), bias 0`."""

    targets: tuple[Name, ...]
    fills: tuple[Fill, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Initialisation:
    rules: tuple[Rule, ...]
    span: Span


Clause = Setting | Steps | Initialisation


@dataclass(frozen=True, slots=True)
class Recipe:
    clauses: tuple[Clause, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Net:
    name: Ident
    params: tuple[Param, ...]
    doc: str
    items: tuple[Item, ...]
    expects: tuple[Expect, ...]
    recipes: tuple[Recipe, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class File:
    """A parsed `.arch` file."""

    nets: tuple[Net, ...]
    blocks: tuple[Block, ...]
    span: Span
