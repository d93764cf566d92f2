"""Random nests of `repeat` and `if`, held against what a plain program makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from hypothesis import example, given, settings
from hypothesis import strategies as st

from archc.ops.conv import Conv
from archc.ops.merge import Skip
from tests.nets import net


class Value(NamedTuple):
    """`i1 + 2`: a counter or `in`, and a number; or a number alone."""

    name: str
    plus: int

    def text(self) -> str:
        return f"{self.name} + {self.plus}" if self.name else str(self.plus)

    def of(self, values: Mapping[str, int]) -> int:
        return values.get(self.name, 0) + self.plus


class Op(NamedTuple):
    """`conv(1, 1, n)`, in a block of its own or not."""

    out: Value
    block: bool


class Repeat(NamedTuple):
    times: Value
    counter: str
    body: Sequence[Any]


class If(NamedTuple):
    left: Value
    sign: str
    right: Value
    then: Sequence[Any]
    otherwise: Sequence[Any] | None


Step = Op | Repeat | If


@st.composite
def chains(draw: st.DrawFn, depth: int = 3, names: tuple[str, ...] = ()) -> list[Step]:
    """A chain of steps; `names` are the counters that are known there."""
    small = st.builds(Value, st.sampled_from(["", *names]), st.integers(0, 2))
    value = st.builds(Value, st.sampled_from(["", "in", *names]), st.integers(0, 2))
    steps: list[Step] = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["op", "op", "repeat", "if"] if depth else ["op"]))
        if kind == "op":
            out = draw(small)
            steps.append(Op(out._replace(plus=out.plus + 1), draw(st.booleans())))
        elif kind == "repeat":
            counter = f"i{depth}"
            body = draw(chains(depth - 1, (*names, counter)))
            steps.append(Repeat(draw(small), counter, body))
        else:
            arms = chains(depth - 1, names)
            sign = draw(st.sampled_from(["==", "!=", "<", ">="]))
            then, otherwise = draw(arms), draw(st.none() | st.just([]) | arms)
            steps.append(If(draw(value), sign, draw(value), then, otherwise))
    return steps


def text(steps: Sequence[Step]) -> str:
    """The chain as a spec writes it."""
    return " ".join(map(_text, steps))


def _text(step: Step) -> str:
    match step:
        case Op(out, block):
            return f"b({out.text()})" if block else f"conv(1, 1, {out.text()})"
        case Repeat(times, counter, body):
            return f"repeat({times.text()}) as {counter} {{ {text(body)} }}"
        case If(left, sign, right, then, otherwise):
            arm = f"if {left.text()} {sign} {right.text()} {{ {text(then)} }}"
            if otherwise is None:
                return arm
            if len(otherwise) == 1 and isinstance(otherwise[0], If):
                return f"{arm} else {text(otherwise)}"
            return f"{arm} else {{ {text(otherwise) or 'skip'} }}"


class Scope:
    """The words counted so far, and what names begin with."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.counts: dict[str, int] = {}

    def name(self, word: str) -> str:
        self.counts[word] = self.counts.get(word, 0) + 1
        return f"{self.path}{word}{self.counts[word]}"


def layers(
    steps: Sequence[Step], scope: Scope, values: dict[str, int]
) -> Iterator[tuple[str, int]]:
    """The names and outputs of the layers that a chain comes to."""
    for step in steps:
        match step:
            case Op(out, block):
                name = scope.name("b" if block else "conv")
                values["in"] = out.of(values)
                yield f"{name}.conv1" if block else name, values["in"]
            case Repeat(times, counter, body):
                path = scope.name("repeat")
                for i in range(times.of(values)):
                    values[counter] = i
                    if len(body) == 1 and isinstance(body[0], Op) and body[0].block:
                        values["in"] = body[0].out.of(values)
                        yield f"{path}.{i}.conv1", values["in"]
                    else:
                        yield from layers(body, Scope(f"{path}.{i}."), values)
            case If(left, sign, right, then, otherwise):
                difference = left.of(values) - right.of(values)
                taken = {
                    "==": difference == 0,
                    "!=": difference != 0,
                    "<": difference < 0,
                    ">=": difference >= 0,
                }[sign]
                arms = (then, otherwise or []) if taken else (otherwise or [], then)
                before = dict(scope.counts)
                yield from layers(arms[0], scope, values)
                after, scope.counts = scope.counts, before
                count(arms[1], scope)
                scope.counts |= {
                    word: max(number, scope.counts.get(word, 0)) for word, number in after.items()
                }


def count(steps: Sequence[Step], scope: Scope) -> None:
    """Take the names of an arm that is not walked."""
    for step in steps:
        match step:
            case Op(_, block):
                scope.name("b" if block else "conv")
            case Repeat():
                scope.name("repeat")
            case If(_, _, _, then, otherwise):
                before = dict(scope.counts)
                count(then, scope)
                after, scope.counts = scope.counts, before
                count(otherwise or [], scope)
                scope.counts |= {
                    word: max(number, scope.counts.get(word, 0)) for word, number in after.items()
                }


@settings(max_examples=200)
@given(chains())
@example([If(Value("in", 0), "==", Value("", 3), [Op(Value("", 1), False)] * 2, None)])
@example([Repeat(Value("", 2), "i3", [Op(Value("i3", 1), True)])])
def test_nests(steps: list[Step]) -> None:
    graph = net(f"input(3x4x4) {text(steps)} relu", "block b(n) { conv(1, 1, n) }")
    found = [
        (node.path, node.op.out)
        for node in graph.nodes
        if isinstance(node.op, Conv) and not isinstance(node.op, Skip)
    ]
    assert found == list(layers(steps, Scope(""), {"in": 3}))
    # A chain: each layer reads the one before it.
    assert all(node.inputs == (i,) for i, node in enumerate(graph.nodes[1:]))
