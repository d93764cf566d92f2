"""What is repeated, as few lines: one for instances that differ by a rule, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from archc import syntax
from archc.emit.outline.classes import Argument, ClassOutline, Run
from archc.emit.outline.grouping import Repeated
from archc.emit.outline.symbolic import bracket, safe, times, words_in
from archc.emit.python import Text, identifier, literal
from archc.ir import Scope

if TYPE_CHECKING:
    from archc.emit.outline.class_builder import ClassBuilder

MOST_ROWS = 12
"""How many instances are written one by one; more are a table and a loop over it."""


def counted_loop(builder: ClassBuilder, known: Repeated, arriving: Text) -> tuple[list[Run], Text]:
    """A repeat whose count is a parameter of the class, and the channels behind it."""
    step = known.scope.definition
    if not isinstance(step, syntax.Repeat) or known.group is None:
        raise TypeError("a repeat of something")
    count = builder.said(step.args[0].value, known.scope, arriving)
    made = builder.class_of(known.group)
    first = builder.iterations(known.scope)[0]
    index = _index_name(builder, step)
    each, out = arriving, arriving
    if known.pace == "grows":
        args = builder.arguments(first, made, arriving, Text(index))
        behind = builder.channels_behind(first)
        joined = _joined(arriving, builder.after(made, args, arriving, behind))
        each = _plus(arriving, times(Text(index), joined))
        out = _plus(arriving, times(count, joined))
    args = builder.arguments(first, made, each, Text(index))
    used = index if _uses(args, index) else ""
    return [Run(made, args, count, used)], out


def runs(
    builder: ClassBuilder, iterations: Sequence[Scope], arriving: Text
) -> tuple[list[Run], Text]:
    """A repeat that is written out: instance by instance, told from one another as text."""
    grown = _growing(builder, iterations, arriving)
    if grown is not None:
        return grown
    made: list[ClassOutline] = []
    args: list[tuple[Argument, ...]] = []
    at = arriving
    for i, scope in enumerate(iterations):
        one = builder.class_of(builder.groups.of[id(scope)])
        given = builder.arguments(scope, one, at, literal(i))
        at = builder.after(one, given, at, builder.channels_behind(scope))
        made.append(one)
        args.append(given)
    found = [
        Run(one, given, literal(len(list(same))))
        for (one, given), same in groupby(zip(made, args, strict=True))
    ]
    if len(found) > 2 and all(one is made[0] for one in made):
        step = iterations[0].parent.definition if iterations[0].parent else None
        index = _index_name(builder, step if isinstance(step, syntax.Repeat) else None)
        rule = _by_rule(args, index)
        if rule is not None:
            return [Run(made[0], rule, literal(len(args)), index)], at
        if len(found) > MOST_ROWS:
            return [_table(made[0], args)], at
    return found, at


def _growing(
    builder: ClassBuilder, iterations: Sequence[Scope], arriving: Text
) -> tuple[list[Run], Text] | None:
    """A repeat that joins the same to its map each time, as a loop; None for any other."""
    groups = builder.groups
    alike = len({groups.of[id(scope)] for scope in iterations}) == 1
    if len(iterations) < 3 or not alike or groups.pace(iterations) != "grows":
        return None
    first = iterations[0]
    step = first.parent.definition if first.parent else None
    index = _index_name(builder, step if isinstance(step, syntax.Repeat) else None)
    made = builder.class_of(groups.of[id(first)])
    given = builder.arguments(first, made, arriving, literal(0))
    joined = _joined(arriving, builder.after(made, given, arriving, builder.channels_behind(first)))
    each = _plus(arriving, times(Text(index), joined))
    rows = [builder.arguments(scope, made, each, Text(index)) for scope in iterations]
    if any(row != rows[0] for row in rows) or (arriving.text.isdigit() and joined.text.isdigit()):
        return None  # of numbers, `_by_rule` makes shorter ones
    count = literal(len(iterations))
    out = _plus(arriving, times(count, joined))
    return [Run(made, rows[0], count, index if _uses(rows[0], index) else "")], out


def _by_rule(rows: Sequence[tuple[Argument, ...]], index: str) -> tuple[Argument, ...] | None:
    """The arguments of all rows as text in a counter: each constant, or of equal steps."""
    found: list[Argument] = []
    for column in zip(*rows, strict=True):
        if all(cell == column[0] for cell in column):
            found.append(column[0])
            continue
        numbers = [
            int(cell.text) for cell in column if isinstance(cell, Text) and cell.text.isdigit()
        ]
        steps = {b - a for a, b in pairwise(numbers)}
        if len(numbers) != len(column) or len(steps) != 1:
            return None
        (step,) = steps
        if step < 0:
            return None
        term = Text(index) if step == 1 else Text(f"{step} * {index}", tight=False)
        found.append(_plus(literal(numbers[0]), term) if numbers[0] else term)
    return tuple(found)


def _table(made: ClassOutline, rows: Sequence[tuple[Argument, ...]]) -> Run:
    """A loop over the values of the arguments that differ."""
    varying = [
        i
        for i, column in enumerate(zip(*rows, strict=True))
        if any(cell != column[0] for cell in column)
    ]
    names = {i: made.parameters[i].name for i in varying}
    args = tuple(Text(names[i]) if i in names else cell for i, cell in enumerate(rows[0]))
    cells = tuple(
        tuple(cell.text for i in varying if isinstance(cell := row[i], Text)) for row in rows
    )
    return Run(made, args, literal(len(rows)), ", ".join(names.values()), cells)


def _index_name(builder: ClassBuilder, step: syntax.Repeat | None) -> str:
    name = step.counter.text if step is not None and step.counter else "i"
    return identifier(safe(name), {*builder.used.values(), builder.in_name})


def _uses(args: Sequence[Argument], index: str) -> bool:
    return any(isinstance(arg, Text) and index in words_in(arg.text) for arg in args)


def _joined(before: Text, after: Text) -> Text:
    """What was joined to some channels: `k` of `in_channels` and `in_channels + k`."""
    if before.text.isdigit() and after.text.isdigit():
        return literal(int(after.text) - int(before.text))
    rest = after.text.removeprefix(f"{bracket(before)} + ")
    return Text(rest, tight=" " not in rest)


def _plus(a: Text, b: Text) -> Text:
    return Text(f"{a.text} + {b.text}", tight=False)
