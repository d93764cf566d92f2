"""How large a net is at least, told from its text before it is expanded.

Sixty lines of blocks that call one another twice are more layers than there are atoms: walking
up to the limit would take seconds, and this takes none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from archc import syntax
from archc.diagnostics import fail
from archc.elaborate.graph_builder import MAX_NODES
from archc.elaborate.structures import word_of
from archc.elaborate.walk import MAX_STEPS
from archc.errors import shapes as shape_errors

_DEEPEST = 200
"""Blocks that call one another more deeply are refused by the walk."""


def check_size(net: syntax.Net, blocks: Mapping[str, syntax.Block]) -> None:
    """Raise `DiagnosticError` at the item by which the net is certainly too large."""
    least = _Least(blocks)
    total = _Size()
    for step in net.items:
        total += least.of(step, 0)
        for what, count, limit, unit in (
            ("a net", total.layers, MAX_NODES, "layers"),
            ("an expansion", total.steps, MAX_STEPS, "items"),
        ):
            if count > limit:
                fault = shape_errors.TooLarge(
                    what=what, count=count, limit=limit, unit=unit, span=step.span
                )
                fail(fault)


class _Size(NamedTuple):
    """How many layers there are, and how many items are walked over for them."""

    layers: int = 0
    steps: int = 0

    def __add__(self, other: tuple[object, ...]) -> _Size:
        if not isinstance(other, _Size):
            return NotImplemented
        return _Size(self.layers + other.layers, self.steps + other.steps)

    def times(self, count: int) -> _Size:
        return _Size(self.layers * count, self.steps * count)

    def or_less(self, other: _Size) -> _Size:
        return _Size(min(self.layers, other.layers), min(self.steps, other.steps))


_STEP = _Size(steps=1)


class _Least:
    def __init__(self, blocks: Mapping[str, syntax.Block]) -> None:
        self.blocks = blocks
        self.sizes: dict[str, _Size] = {}

    def of(self, step: syntax.Step, depth: int) -> _Size:
        """What a step adds at least."""
        return _STEP + self._within(step, depth) if depth <= _DEEPEST else _Size()

    def _within(self, step: syntax.Step, depth: int) -> _Size:
        match step:
            case syntax.Repeat(args=args, body=body):
                times = args[0].value if len(args) == 1 else None
                if not isinstance(times, syntax.Number) or not isinstance(times.value, int):
                    return _Size()
                return (_STEP + self._body(body, depth)).times(times.value)
            case syntax.Choice(then=then, otherwise=otherwise):
                if isinstance(otherwise, syntax.Choice):
                    return self._body(then, depth).or_less(self.of(otherwise, depth + 1))
                return self._body(then, depth).or_less(self._body(otherwise, depth))
            case _ if step.name is not None and step.name.text in self.blocks:
                return self._block(step.name.text, depth)
            case _:
                # Of structures, what they hold; an op that takes no braces is a layer.
                held = self._body(step.body, depth)
                layer = not step.body and word_of(step) not in ("from", "skip")
                return _Size(layers=1) if layer else held

    def _block(self, name: str, depth: int) -> _Size:
        if name not in self.sizes:
            self.sizes[name] = _Size()  # a block that calls itself is refused by the walk
            self.sizes[name] = self._chain(self.blocks[name].items, depth)
        return self.sizes[name]

    def _body(self, body: syntax.Chain | syntax.Branches | None, depth: int) -> _Size:
        total = _Size()
        if isinstance(body, syntax.Branches):
            for branch in body.branches:
                total += self._chain(branch.items, depth)
        elif body:
            total = self._chain(body.items, depth)
        return total

    def _chain(self, items: Sequence[syntax.Step], depth: int) -> _Size:
        total = _Size()
        for step in items:
            total += self.of(step, depth + 1)
        return total
