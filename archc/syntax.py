"""The tree of a spec as its author wrote it: every node knows its characters.

Nothing is resolved here: a name is a word, an argument is an expression.
"""

from __future__ import annotations

from typing import NamedTuple

from archc.source import Span

RESERVED = frozenset(
    "net block recipe init expect assumed input in if else repeat as from import skip defaults "
    "after but last concat add mul towers aux true false and or not".split()
)
"""The words of the language. They are no names of nets, blocks, parameters or labels."""


class Ident(NamedTuple):
    """A name and its place."""

    text: str
    span: Span


# Expressions ---------------------------------------------------------------------------


class Number(NamedTuple):
    """`64`, `0.5`, `138M`. `precision` is half a unit of the last digit printed."""

    value: int | float
    precision: float
    span: Span


class Dims(NamedTuple):
    """`1x7`, `3x224x224`."""

    values: tuple[int, ...]
    span: Span


class String(NamedTuple):
    value: str
    span: Span


class Truth(NamedTuple):
    value: bool
    span: Span


class Name(NamedTuple):
    """`n`, `same`, `i4a.output`: a parameter, a word of a field, an op, or a part of the net."""

    parts: tuple[str, ...]
    span: Span

    @property
    def text(self) -> str:
        return ".".join(self.parts)


class Call(NamedTuple):
    """`normal(0, 0.01)`: a form in a recipe, a function in a claim."""

    name: Ident
    args: tuple[Arg, ...]
    depth: int
    span: Span


class Element(NamedTuple):
    """`widths[i]`: the element of a list, counted from 0."""

    name: Name
    place: Expr
    depth: int
    span: Span


class Sequence(NamedTuple):
    """`[1, k]`."""

    values: tuple[Expr, ...]
    depth: int
    span: Span


class Negative(NamedTuple):
    operand: Expr
    depth: int
    span: Span


class Contrary(NamedTuple):
    """`not n`."""

    operand: Expr
    depth: int
    span: Span


class Binary(NamedTuple):
    """Arithmetic, a comparison, or `and` and `or`."""

    left: Expr
    operator: str
    right: Expr
    depth: int
    span: Span


Expr = (
    Number | Dims | String | Truth | Name | Call | Element | Sequence | Negative | Contrary | Binary
)


# The body of a net ---------------------------------------------------------------------


class Arg(NamedTuple):
    """`64`, `pad=same`, `lr = 0.01 assumed "the Caffe solver"`."""

    name: Ident | None
    value: Expr
    assumed: String | None
    span: Span


class Branch(NamedTuple):
    items: tuple[Step, ...]
    span: Span


class Chain(NamedTuple):
    """`{ item item ... }`: ops side by side are composed."""

    items: tuple[Step, ...]
    span: Span


class Branches(NamedTuple):
    """`{ | ... | ... }`."""

    branches: tuple[Branch, ...]
    span: Span


class Item(NamedTuple):
    """An op, a block call, or a structure (`concat`, `towers`, `aux`); a bare group has no name.

    A name with a hyphen is a paper's shorthand: `conv3-64`, `soft-max`.
    """

    label: Ident | None
    name: Ident | None
    args: tuple[Arg, ...]
    body: Chain | Branches | None
    span: Span


class Repeat(NamedTuple):
    """`repeat(n) as i { ... }`."""

    label: Ident | None
    args: tuple[Arg, ...]
    counter: Ident | None
    body: Chain | Branches | None
    span: Span


class Choice(NamedTuple):
    """`if n > 1 { ... } else { ... }`; `otherwise` is a choice of its own after `else if`."""

    condition: Expr
    then: Chain | Branches
    otherwise: Chain | Branches | Choice | None
    span: Span
    depth: int = 1
    """How many conditions there are, one after the other."""


Step = Item | Repeat | Choice
"""What a chain is made of."""


class Param(NamedTuple):
    name: Ident
    default: Expr | None


class Block(NamedTuple):
    name: Ident
    params: tuple[Param, ...]
    doc: str
    items: tuple[Step, ...]
    span: Span


class Expect(NamedTuple):
    """`expect params ~ 138M`: a claim that the compiler checks."""

    left: Expr
    operator: str
    right: Expr
    span: Span


class Setting(NamedTuple):
    """`batch 128`, `optimizer sgd(lr = 0.01)`."""

    name: Ident
    value: Expr
    assumed: String | None
    span: Span


class Steps(NamedTuple):
    """`augment { resize(256) flip }`."""

    name: Ident
    items: tuple[Step | AssumedStep, ...]
    span: Span


class AssumedStep(NamedTuple):
    """`flip assumed "the solver"`."""

    step: Step
    source: String
    span: Span


class Fill(NamedTuple):
    """`normal(0, 0.01)` (what = None: the weights), `bias 0`, `glorot assumed "Caffe"`."""

    what: Ident | None
    value: Number | Call
    assumed: String | None
    span: Span


class Rule(NamedTuple):
    """`conv, fc: normal(0, 0.01), bias 0`."""

    targets: tuple[Name, ...]
    fills: tuple[Fill, ...]
    span: Span


class Initialisation(NamedTuple):
    rules: tuple[Rule, ...]
    span: Span


Clause = Setting | Steps | Initialisation


class Recipe(NamedTuple):
    clauses: tuple[Clause, ...]
    span: Span


class Defaults(NamedTuple):
    """`defaults { maxpool(2, 2) }`: arguments that the net leaves out."""

    items: tuple[Step, ...]
    span: Span


class After(NamedTuple):
    """`after conv, fc but last { relu }`: what follows every such op of the net."""

    names: tuple[Ident, ...]
    but_last: bool
    items: tuple[Step, ...]
    span: Span


class Import(NamedTuple):
    """`import "inception.arch"`: the blocks of another file."""

    path: String
    span: Span


class Net(NamedTuple):
    name: Ident
    params: tuple[Param, ...]
    doc: str
    items: tuple[Step, ...]
    expects: tuple[Expect, ...]
    recipes: tuple[Recipe, ...]
    defaults: tuple[Defaults, ...]
    afters: tuple[After, ...]
    span: Span


class File(NamedTuple):
    """A parsed `.arch` file."""

    imports: tuple[Import, ...]
    nets: tuple[Net, ...]
    blocks: tuple[Block, ...]
    span: Span
