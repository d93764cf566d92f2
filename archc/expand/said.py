"""Claims and recipe as their author wrote them, with numbers for parameters and the new names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import NamedTuple

from archc import syntax
from archc.evaluate import Environment, Value, evaluate
from archc.expand.naming import Names
from archc.expand.unroll import Unrolled
from archc.expand.values import literal
from archc.ir import Graph
from archc.source import Span

_OF_THE_LAST = frozenset({"output", "receptive_field"})
"""What is asked of a part's last layer, not of all."""

_FORMS = frozenset({"optimizer", "schedule", "loss", "average", "limit"})
"""Clauses whose value is a form: a name alone is no parameter there."""


class _Asked(NamedTuple):
    """`i4a.output`: a quantity of a part."""

    part: str
    part_span: Span
    quantity: str
    span: Span


class _Edit(NamedTuple):
    span: Span
    text: str


def counted_parts(graph: Graph) -> Set[str]:
    """The parts whose layers some claim sums up: as groups they can still be spoken of."""
    if graph.altered:
        return frozenset()
    return {
        asked.part
        for claim in graph.net.expects
        for side in (claim.left, claim.right)
        for asked in _asked(side)
        if asked.quantity not in _OF_THE_LAST
    }


def _asked(expr: syntax.Expr) -> Iterator[_Asked]:
    """The quantities of parts that a claim speaks of."""
    match expr:
        case syntax.Name(parts=(_, _, *_), span=span):
            cut = span.end - len(expr.parts[-1])
            part = Span(span.source, span.start, cut - 1)
            yield _Asked(".".join(expr.parts[:-1]), part, expr.parts[-1], span)
        case syntax.Call(args=(syntax.Arg(value=syntax.Name() as part),)):
            yield _Asked(part.text, part.span, expr.name.text, expr.span)
        case _:
            for inner in _inside(expr):
                yield from _asked(inner)


def _inside(expr: syntax.Expr) -> Iterator[syntax.Expr]:
    match expr:
        case syntax.Binary(left=left, right=right):
            yield left
            yield right
        case syntax.Negative(operand=operand) | syntax.Contrary(operand=operand):
            yield operand
        case syntax.Sequence(values=values):
            yield from values
        case syntax.Call(args=args):
            for arg in args:
                yield arg.value
        case _:
            pass


def _numbers(expr: syntax.Expr, values: Mapping[str, Value]) -> Iterator[_Edit]:
    """Parameters in an expression, as the numbers they are."""
    match expr:
        case syntax.Name(parts=(name,)) if name in values:
            yield _Edit(expr.span, literal(values[name]))
        case syntax.Element():
            yield _Edit(expr.span, literal(evaluate(expr, Environment(values))))
        case _:
            for inner in _inside(expr):
                yield from _numbers(inner, values)


def _edited(span: Span, edits: Iterator[_Edit]) -> str:
    """The characters of a span with some replaced."""
    text = span.text
    for edit in sorted(edits, key=lambda edit: edit.span.start, reverse=True):
        begin, end = edit.span.start - span.start, edit.span.end - span.start
        text = text[:begin] + edit.text + text[end:]
    return text


class Said:
    """What a graph's spec says of it beside its layers, for the tree that is written out."""

    def __init__(self, graph: Graph, tree: Unrolled, names: Names) -> None:
        self.graph = graph
        self.tree = tree
        self.names = names
        self.stages = {stage.name: (stage.first, stage.last) for stage in graph.stages}
        self.nodes = {node.path: (i, i) for i, node in enumerate(graph.nodes)}
        self.values: Mapping[str, Value] = graph.scope.arguments
        self.changes = dict(graph.changes)

    # Claims ------------------------------------------------------------------------------

    def claims(self) -> list[str]:
        return [_edited(claim.span, self._claim(claim)) for claim in self.graph.net.expects]

    def _claim(self, claim: syntax.Expect) -> Iterator[_Edit]:
        for side in (claim.left, claim.right):
            # Totals of the net, such as without_aux.params, stay as they are.
            asked = [a for a in _asked(side) if a.part in self.stages or a.part in self.nodes]
            for each in asked:
                yield self._quantity(each)
            parts = [each.part_span for each in asked]
            # A part may have the name of a parameter.
            yield from (edit for edit in _numbers(side, self.values) if edit.span not in parts)

    def _quantity(self, asked: _Asked) -> _Edit:
        first, last = self.stages.get(asked.part) or self.nodes[asked.part]
        part = self.names.parts.get(asked.part)
        if asked.quantity in _OF_THE_LAST:
            end = self.tree.read(last)
            real = [i for i in range(first, last + 1) if i not in self.tree.gone]
            if part is not None and real and real[-1] == end:
                return _Edit(asked.part_span, part.full_name)
            return _Edit(asked.part_span, self.names.nodes[end])
        if part is not None:
            return _Edit(asked.part_span, part.full_name)
        if first == last and first not in self.tree.gone:
            return _Edit(asked.part_span, self.names.nodes[first])
        # It holds nothing, and nothing is written of it.
        return _Edit(asked.span, "0")

    # The recipe --------------------------------------------------------------------------

    def recipe(self) -> list[str]:
        if not self.graph.net.recipes:
            return []
        recipe = self.graph.net.recipes[0]
        _, h, w = self.graph.input
        values: dict[str, Value] = {**self.values, "input": h if h == w else (h, w)}
        edits = [edit for clause in recipe.clauses for edit in self._clause(clause, values)]
        edits += [_Edit(span, text) for span, text in self.changes.items()]
        return [_edited(recipe.span, iter(edits))]

    def _clause(self, clause: syntax.Clause, values: Mapping[str, Value]) -> Iterator[_Edit]:
        match clause:
            case syntax.Setting(name=name, value=value):
                if name.text not in _FORMS or isinstance(value, syntax.Call):
                    yield from _numbers(value, values)
            case syntax.Steps(items=items):
                for step in items:
                    item = step.step if isinstance(step, syntax.AssumedStep) else step
                    if isinstance(item, syntax.Item):
                        for arg in item.args:
                            yield from self._argument(arg.value, values)
            case syntax.Initialisation(rules=rules):
                for rule in rules:
                    for target in rule.targets:
                        yield _Edit(target.span, self._target(target.text))
                    for fill in rule.fills:
                        yield from _numbers(fill.value, values)

    def _argument(self, expr: syntax.Expr, values: Mapping[str, Value]) -> Iterator[_Edit]:
        if expr.span not in self.changes:
            yield from _numbers(expr, values)

    def _target(self, name: str) -> str:
        """A target of `init` in the new names: an op stays, a call may become its layers."""
        weighted = {i: n.op.word for i, n in enumerate(self.graph.nodes) if n.op and n.op.counted}
        if name in weighted.values():
            return name
        if name in self.nodes and self.nodes[name][0] in weighted:
            return self.names.nodes[self.nodes[name][0]]
        part = self.names.parts.get(name)
        if part is not None:
            return part.full_name
        first, last = self.stages[name]
        return ", ".join(self.names.nodes[i] for i in weighted if first <= i <= last)
