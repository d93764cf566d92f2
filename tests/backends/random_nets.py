"""Random specs over the whole language: every op and argument, merges, blocks, repeats, conditions,
towers, heads, `from`, `defaults`, `after`, shorthand, width, odd sizes, vectors and maps.

A net grows item by item. archc itself says what each item makes of the map that arrives, and an
item that does not fit is drawn anew; so nets are valid by construction, but for clauses that act
on the whole net, which are left out where they do not fit. All chance is one `random.Random`:
a seed is a net, and Hypothesis can take its place.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from archc.diagnostics import DiagnosticError
from archc.driver import check
from archc.ir import Graph
from archc.ops import OPS
from archc.ops.base import Shape
from archc.source import Source

from .random_ops import MERGES, SPELLINGS, Value, arguments, channels, divisor, ops

ATTEMPTS = 12
"""Draws for one item before the chain ends where it is."""
CHANNELS, ELEMENTS, NODES = 30, 1600, 40
"""The most channels and elements that a map of the net may have, and nodes that an item may add."""
ACTIVATIONS = [word for word, op in OPS.items() if op.is_function]
PLAIN = [*ACTIVATIONS, "leaky_relu(0.2)", "gelu(approximate=true)", "skip"]
"""What a parameter may stand for."""

Accept = Callable[[Shape], bool]


@dataclass
class Scope:
    """Where a chain stands: the parameters and counters known there, with a value as text each,
    and the labels to go back to, with the shapes that stand there."""

    names: dict[str, str] = field(default_factory=dict[str, str])
    labels: dict[str, Shape] = field(default_factory=dict[str, Shape])
    depth: int = 0
    in_towers: bool = False

    def inner(self, **names: str) -> Scope:
        """A scope for what stands in braces: nothing in it is gone back to from outside."""
        return Scope(self.names | names, {}, self.depth + 1, self.in_towers)


def random_spec(rng: random.Random) -> str:
    """The text of a random net that ends in softmax."""
    return _Writer(rng).net()


def graph_of(text: str) -> Graph:
    """The graph of a random spec. Raises `DiagnosticError`."""
    return check(Source("random.arch", text))


class _Writer:
    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.blocks: dict[str, tuple[str, dict[str, str]]] = {}
        """Each block's text, and its parameters with a value each that fits its first call."""
        self.defaults = ""
        self.made = 0
        """Labels and blocks so far: what keeps their names apart."""

    # The net

    def net(self) -> str:
        rng = self.rng
        names = {
            "k": str(rng.randint(2, 6)),
            "classes": str(rng.randint(2, 5)),
            "widths": f"[{', '.join(str(rng.randint(2, 8)) for _ in range(3))}]",
            "deep": rng.choice(["true", "false"]),
            "act": rng.choice(PLAIN),
        }
        shape = (rng.randint(1, 5), rng.randint(5, 13), rng.randint(5, 13))
        if self._chance(0.3):
            self.defaults = (
                "defaults { "
                + rng.choice(
                    ["conv(bias = false)", "maxpool(round = up)  lrn(k = 1.0)", "avgpool(pad = 1)"]
                )
                + " }"
            )
        scope = Scope(dict(names))
        body: list[str] = []
        before = shape
        end = rng.choice(["fc", "fc", "fc", "pooled", "map"])
        for _ in range(rng.randint(2, 7)):
            item, before = self._item(scope, before, lambda _: True)
            body.append(item)
            if end != "map" and self._chance(0.15):
                head, _ = self._chain(scope.inner(), before, rng.randint(0, 2), lambda _: True)
                weight = rng.choice(["0.3", "0.5", "1.5"])
                body.append(f"aux(weight = {weight}) {{ {head} fc(classes) softmax }}")
        ends = {
            "fc": "fc(classes) softmax",
            "pooled": "conv(1, 1, classes) global_avgpool softmax",
            "map": "conv(1, 1, classes) softmax",
        }
        body.append(ends[end])
        params = ", ".join(f"{name} = {value}" for name, value in names.items())
        size = "x".join(map(str, shape))
        after = rng.choice(
            [
                "after conv { relu }",
                "after conv, deconv { bn tanh }",
                "after conv, fc but last { act }",
                "after concat { layernorm }  after conv but last { dropout(0.5) }",
                "after add { leaky_relu(0.1) }",
            ]
        )
        if not self._chance(0.3):
            after = ""
        width = rng.choice([", width = 0.5", ", width = 1.5"]) if self._chance(0.15) else ""
        texts = [
            self._whole(params, f"input({size}{scaled}) {self.defaults} {clause}", body)
            for scaled, clause in ((width, after), ("", after), ("", ""))
        ]
        for text in texts[:-1]:
            if self._fits(text) is not None:
                return text
        return texts[-1]

    def _whole(self, params: str, head: str, body: list[str]) -> str:
        lines = "".join(f"  {item}\n" for item in body)
        blocks = ""
        # Of the blocks those that are called, the later ones by the net or one another's bodies.
        for name, (text, _) in reversed(self.blocks.items()):
            if f"{name}(" in lines or f"{name}(" in blocks:
                blocks = f"{text}\n{blocks}"
        return f"net random({params}) {{\n  {head.strip()}\n{lines}}}\n{blocks}"

    # What fits

    def _fits(self, text: str) -> Graph | None:
        try:
            graph = graph_of(text)
        except DiagnosticError:
            return None
        sizes = [node.output for node in graph.nodes]
        small = all(c <= CHANNELS and c * h * w <= ELEMENTS for c, h, w in sizes)
        return graph if small and len(sizes) <= 4 * NODES else None

    def _after(self, names: Mapping[str, str], shape: Shape, item: str) -> Shape | None:
        """What an item makes of a map; None where it does not fit or is too large."""
        params = ", ".join(f"{name} = {value}" for name, value in names.items())
        size = "x".join(map(str, shape))
        head = f"input({size}) {self.defaults}"
        graph = self._fits(self._whole(params, head, [item]))
        if graph is None or len(graph.nodes) > NODES:
            return None
        return graph.nodes[graph.output].output

    # Chains and items

    def _chance(self, p: float) -> bool:
        return self.rng.random() < p

    def _label(self, letter: str) -> str:
        self.made += 1
        return f"{letter}{self.made}"

    def _chain(self, scope: Scope, shape: Shape, length: int, accept: Accept) -> tuple[str, Shape]:
        """Items side by side, none for a length of 0; each of them gives an accepted shape."""
        items: list[str] = []
        for _ in range(length):
            item, shape = self._item(scope, shape, accept)
            items.append(item)
        return " ".join(items), shape

    def _item(self, scope: Scope, shape: Shape, accept: Accept) -> tuple[str, Shape]:
        """One item that fits what arrives; `relu` where none is found."""
        keep = not accept((shape[0], shape[1] + 1, shape[2] + 1))
        for _ in range(ATTEMPTS):
            known = dict(scope.labels)
            made = self._draw(scope, shape, keep)
            if made is not None:
                item, after = made
                if after is None:
                    after = self._after(scope.names, shape, item)
                if after is not None and accept(after):
                    return item, after
            # What is thrown away cannot be gone back to.
            scope.labels = known
        return "relu", shape

    def _draw(self, scope: Scope, shape: Shape, keep: bool) -> tuple[str, Shape | None] | None:
        """An item, and its shape where that is known."""
        simple = [(self._op, 14), (self._shorthand, 1), (self._parameter, 1), (self._labelled, 2)]
        nested = [
            (self._merge, 4),
            (self._split, 1),
            (self._from, 2),
            (self._call, 3),
            (self._repeat, 1),
            (self._if, 1),
            (self._group, 1),
            (self._towers, 2),
        ]
        kinds = [*simple, *nested] if scope.depth < 3 else simple
        writers, weights = zip(*kinds, strict=True)
        return self.rng.choices(writers, weights)[0](scope, shape, keep)

    # Single ops

    def _op(self, scope: Scope, shape: Shape, keep: bool) -> tuple[str, None]:
        words = ops(keep=keep)
        if shape[0] == 1:
            words = [each for each in words if each not in ("softmax", "layernorm")]
        # Convolutions are what nets are made of; what leaves one place only comes less often.
        rare = {"fc": 0.4, "global_avgpool": 0.4, "conv": 3.0, "deconv": 1.5}
        word = self.rng.choices(words, [rare.get(each, 1.0) for each in words])[0]
        return self._written(scope, shape, word, keep), None

    def _written(self, scope: Scope, shape: Shape, word: str, keep: bool) -> str:
        """An op as specs write it: some arguments by position, the rest by name or not at all."""
        fields = OPS[word].model_fields
        given = arguments(self.rng, word, shape, keep=keep)
        by_name = False
        texts: list[str] = []
        for name, info in fields.items():
            value = given[name]
            if not info.is_required() and (value == info.default or name == "round"):
                by_name = True
                if name != "round" or value == "down":
                    continue
            by_name = by_name or not info.is_required() or self._chance(0.1)
            text = self._value(scope, shape, value)
            texts.append(f"{name}={text}" if by_name else text)
        spelled = word
        if word in SPELLINGS and self._chance(0.1):
            spelled = self.rng.choice(SPELLINGS[word])
        return f"{spelled}({', '.join(texts)})" if texts else spelled

    def _value(self, scope: Scope, shape: Shape, value: Value) -> str:
        match value:
            case bool():
                return str(value).lower()
            case int():
                return self._number(scope, shape, value)
            case float():
                return repr(value)
            case (first, second):
                if self._chance(0.7):
                    return f"{first}x{second}"
                return f"[{first}, {self._number(scope, shape, second)}]"
            case _:
                return str(value)

    def _number(self, scope: Scope, shape: Shape, value: int) -> str:
        """A whole number, now and then by what is known at its place."""
        numbers = {name: int(text) for name, text in scope.names.items() if text.isdigit()}
        if self._chance(0.6) or value == 0:
            return str(value)
        if shape[0] and self._chance(0.3):
            numbers = {"in": shape[0]}
        if not numbers:
            return str(value)
        name, known = self.rng.choice(sorted(numbers.items()))
        if known == value:
            return name
        if known and value % known == 0:
            return f"{value // known} * {name}"
        if known % value == 0:
            return f"{name} // {known // value}"
        forms = [
            f"{name} + {value - known}" if value > known else f"{name} - {known - value}",
            f"max({name}, {value})" if value > known else f"min({value}, {name})",
            f"ceil({name} / {-(-known // value)})"
            if -(-known // -(-known // value)) == value
            else "",
        ]
        return self.rng.choice([form for form in forms if form])

    def _shorthand(self, scope: Scope, shape: Shape, keep: bool) -> tuple[str, None]:
        if self._chance(0.2) and not keep:
            return f"FC-{channels(self.rng)}", None
        kernel = self.rng.choice(["3", "1", "1x3", "5"])
        counts = [name for name, text in scope.names.items() if text.isdigit() and text != "0"]
        out = self.rng.choice([*counts, str(channels(self.rng))])
        groups = divisor(self.rng, shape[0]) if out.isdigit() and self._chance(0.3) else 1
        if groups > 1 and int(out) % groups == 0:
            return f"conv{kernel}-{out}(groups={groups})", None
        return f"conv{kernel}-{out}", None

    def _parameter(self, scope: Scope, shape: Shape, keep: bool) -> tuple[str, None] | None:
        """An op by the parameter that stands for it."""
        known = [name for name, text in scope.names.items() if text in {*PLAIN, "bn", "layernorm"}]
        return (self.rng.choice(known), None) if known else None

    # Labels and groups

    def _labelled(self, scope: Scope, shape: Shape, keep: bool) -> tuple[str, Shape | None] | None:
        item, _ = self._op(scope, shape, keep)
        after = self._after(scope.names, shape, item)
        if after is None:
            return None
        label = self._label("x")
        scope.labels[label] = after
        return f"{label}: {item}", after

    def _group(self, scope: Scope, shape: Shape, keep: bool) -> tuple[str, Shape]:
        chain, after = self._chain(
            scope.inner(), shape, self.rng.randint(1, 2), _keeps(shape, keep)
        )
        return f"{self._label('g')}: {{ {chain} }}", after

    def _from(self, scope: Scope, shape: Shape, keep: bool) -> tuple[str, Shape] | None:
        """A merge with what stands at a label."""
        fitting = [name for name, there in scope.labels.items() if there[1:] == shape[1:]]
        if not fitting:
            return None
        label = self.rng.choice(fitting)
        there = scope.labels[label]
        chain, after = self._chain(
            scope.inner(), there, self.rng.randint(0, 1), _keeps(there, True)
        )
        branches = [f"from({label}) {chain}".strip(), "skip"]
        self.rng.shuffle(branches)
        word = "concat"
        total = (after[0] + shape[0], *shape[1:])
        if after == shape:
            word = self.rng.choice(MERGES)
            total = total if word == "concat" else shape
        return f"{word} {{ | {branches[0]} | {branches[1]} }}", total

    # Branches

    def _merge(self, scope: Scope, shape: Shape, keep: bool) -> tuple[str, None]:
        word = self.rng.choice(MERGES)
        number = self.rng.choice([2, 2, 2, 3, 1])
        reach = (
            "" if keep or self._chance(0.6) else self.rng.choice(["3, 2, pad=1", "2, 2", "3, 1"])
        )
        outs = channels(self.rng) if reach else shape[0]
        branches: list[str] = []
        for _ in range(number):
            inner = scope.inner()
            start, here = self._branch_start(reach, outs, shape)
            chain, after = self._chain(inner, here, self.rng.randint(0, 2), _keeps(here, True))
            texts = [text for text in (start, chain) if text]
            if word != "concat" and after[0] != outs:
                texts.append(f"conv(1, 1, {outs})")
            branches.append(" ".join(texts) or "skip")
        if word == "mul" and self._chance(0.5):
            gate = self.rng.choice(
                [
                    "global_avgpool conv(1, 1, {}) sigmoid",
                    "fc({}) hardsigmoid",
                    "global_avgpool fc({}) tanh",
                ]
            )
            branches.append(gate.format(outs))
        groups = ""
        if word == "concat" and self._chance(0.15):
            groups = f"(groups={divisor(self.rng, shape[0])})"
        return f"{word}{groups} {{ | {' | '.join(branches)} }}", None

    def _branch_start(self, reach: str, outs: int, shape: Shape) -> tuple[str, Shape]:
        """What makes a branch's map smaller, the same for all branches, and its shape."""
        if not reach:
            return "", shape
        sizes, _, pad = reach.partition(", pad")
        word = self.rng.choice(["conv", "maxpool", "avgpool"])
        out = f", {outs}" if word == "conv" else ""
        start = f"{word}({sizes}{out}{', pad' + pad if pad else ''})"
        here = self._after({}, shape, start)
        return (start, here) if here is not None else ("", shape)

    def _split(self, scope: Scope, shape: Shape, keep: bool) -> tuple[str, None] | None:
        counts = [d for d in (2, 3, 4) if shape[0] % d == 0]
        if not counts:
            return None
        number = self.rng.choice(counts)
        part = (shape[0] // number, *shape[1:])
        branches = []
        for _ in range(number):
            chain, _ = self._chain(scope.inner(), part, self.rng.randint(0, 2), _keeps(part, True))
            branches.append(chain or "skip")
        return f"split {{ | {' | '.join(branches)} }}", None

    # Blocks

    def _call(self, scope: Scope, shape: Shape, keep: bool) -> tuple[str, None] | None:
        if not self.blocks or self._chance(0.4):
            name = self._block(scope, shape, keep)
            fresh = True
        else:
            name = self.rng.choice(sorted(self.blocks))
            fresh = False
        _, values = self.blocks[name]
        given: list[str] = []
        by_name = False
        for parameter, value in values.items():
            if not fresh and self._chance(0.3):
                by_name = True
                continue
            if not fresh and self._chance(0.4):
                value = self._other(value)
            text = self._number(scope, shape, int(value)) if value.isdigit() else value
            given.append(f"{parameter}={text}" if by_name or self._chance(0.2) else text)
            by_name = by_name or "=" in given[-1].split("(")[0]
        label = f"{self._label('i')}: " if self._chance(0.3) else ""
        return f"{label}{name}({', '.join(given)})", None

    def _other(self, value: str) -> str:
        """Another value of the same kind."""
        if value.isdigit():
            return str(self.rng.randint(1, 6))
        if value in ("true", "false"):
            return self.rng.choice(["true", "false"])
        if value.startswith("["):
            return f"[{self.rng.randint(1, 6)}, {self.rng.randint(1, 6)}]"
        return self.rng.choice(PLAIN)

    def _block(self, caller: Scope, shape: Shape, keep: bool) -> str:
        """A new block whose body fits this shape; its name."""
        rng = self.rng
        kinds = {
            "n": str(rng.randint(1, 8)),
            "s": "1",
            "deep": rng.choice(["true", "false"]),
            "sizes": f"[{rng.randint(1, 6)}, {rng.randint(1, 6)}]",
            "act": rng.choice(PLAIN),
            "norm": rng.choice(["bn", "layernorm", "skip", "relu6"]),
        }
        values = {name: kinds[name] for name in kinds if self._chance(0.5)}
        scope = Scope(dict(values), depth=caller.depth + 1, in_towers=caller.in_towers)
        before = dict(self.blocks)
        chain, _ = self._chain(scope, shape, rng.randint(1, 3), _keeps(shape, keep))
        if "sizes" in values:
            chain += " conv(1, 1, sizes[0] + len(sizes))"
        # A block that was made for the body of this one stays; what it is called is taken.
        self.blocks = before | self.blocks
        name = self._label("b")
        # Every parameter has a default, so that any of them may be left out.
        params = ", ".join(f"{each} = {value}" for each, value in values.items())
        self.blocks[name] = f"block {name}({params}) {{ {chain} }}", values
        return name

    # Control, towers

    def _repeat(self, scope: Scope, shape: Shape, keep: bool) -> tuple[str, None]:
        times = self.rng.randint(0, 3)
        counter = self._label("j") if self._chance(0.5) else ""
        inner = scope.inner(**({counter: "0"} if counter else {}))
        chain, _ = self._chain(inner, shape, self.rng.randint(1, 2), _keeps(shape, keep))
        if counter and self._chance(0.5):
            chain += f" conv(1, 1, {shape[0]} + {counter})"
        head = f"repeat({times}) as {counter}" if counter else f"repeat({times})"
        return f"{head} {{ {chain} }}", None

    def _if(self, scope: Scope, shape: Shape, keep: bool) -> tuple[str, None]:
        numbers = [name for name, text in scope.names.items() if text.isdigit()]
        flags = [name for name, text in scope.names.items() if text in ("true", "false")]
        conditions = [f"in {self.rng.choice(['>', '==', '!='])} {shape[0]}"]
        conditions += [f"{name} < {self.rng.randint(1, 6)}" for name in numbers]
        conditions += [*flags, *(f"not {name}" for name in flags)]
        conditions += [f"{name} and in > 2" for name in flags]
        accept = _keeps(shape, keep)
        then, _ = self._chain(scope.inner(), shape, self.rng.randint(1, 2), accept)
        text = f"if {self.rng.choice(conditions)} {{ {then} }}"
        if self._chance(0.6):
            other, _ = self._chain(scope.inner(), shape, self.rng.randint(1, 2), accept)
            text += f" else {{ {other} }}"
        return text, None

    def _towers(self, scope: Scope, shape: Shape, keep: bool) -> tuple[str, Shape] | None:
        if scope.in_towers or scope.depth:
            return None
        number = self.rng.choice([2, 2, 3])
        inner = scope.inner()
        inner.in_towers = True
        inner.labels = {}
        accept = _keeps(shape, keep)
        chain, each = self._chain(inner, shape, self.rng.randint(1, 3), accept)
        after = (each[0] * number, *each[1:])
        if after[0] > CHANNELS:
            return None
        scope.labels |= {
            name: (there[0] * number, *there[1:]) for name, there in inner.labels.items()
        }
        return f"towers({number}) {{ {chain} }}", after


def _keeps(shape: Shape, keep: bool) -> Accept:
    return (lambda after: after[1:] == shape[1:]) if keep else (lambda _: True)
