"""Two nets side by side: which layers are the same, which changed, which only one of them has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from archc.analysis.report import Layer, Report, field_json, report
from archc.expand.values import arguments
from archc.ir import Graph, Node
from archc.ops.base import Op, Pair
from archc.ops.conv import Conv
from archc.ops.norm import Lrn
from archc.ops.pool import GlobalAvgPool, Pool

Mark = Literal[" ", "~", "-", "+"]
"""The same in both, changed, only in A, only in B."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A layer of one net: its figures, and the op with its arguments as a spec writes it."""

    layer: Layer
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """A layer of A beside the one of B that it was aligned with; None where there is none."""

    a: Compared | None
    b: Compared | None

    @property
    def mark(self) -> Mark:
        if self.a is None:
            return "+"
        if self.b is None:
            return "-"
        return " " if _whole(self.a) == _whole(self.b) else "~"


@dataclass(frozen=True, slots=True)
class Total:
    """A figure of both nets. A receptive field is `(height, width)`."""

    name: str
    a: int | Pair
    b: int | Pair

    @property
    def ratio(self) -> float | None:
        """B / A; None where A is 0, or where a receptive field is not square."""
        a, b = _one(self.a), _one(self.b)
        return b / a if a and b is not None else None


@dataclass(frozen=True)
class Comparison:
    """Two nets side by side.

    `rows` are weight layers, pools and norms. Of all other ops (activations, dropout, softmax,
    merges) `others_a` and `others_b` have only those that the other net has nowhere.
    """

    a: Report
    b: Report
    rows: tuple[Row, ...]
    totals: tuple[Total, ...]
    others_a: tuple[str, ...]
    others_b: tuple[str, ...]


def compare(a: Graph, b: Graph) -> Comparison:
    """What changed from net A to net B."""
    of_a, of_b = report(a), report(b)
    rows_a, others_a = _split(a, of_a)
    rows_b, others_b = _split(b, of_b)
    return Comparison(
        a=of_a,
        b=of_b,
        rows=tuple(_aligned(rows_a, rows_b, (_whole, _text, _weights, _word))),
        totals=(
            Total("params", of_a.counts.params, of_b.counts.params),
            Total("macs", of_a.counts.macs, of_b.counts.macs),
            Total("params_without_aux", of_a.without_heads.params, of_b.without_heads.params),
            Total("macs_without_aux", of_a.without_heads.macs, of_b.without_heads.macs),
            Total("depth", of_a.depth, of_b.depth),
            Total("receptive_field", of_a.receptive_field, of_b.receptive_field),
            Total("neurons", of_a.counts.neurons, of_b.counts.neurons),
        ),
        others_a=tuple(text for text in others_a if text not in others_b),
        others_b=tuple(text for text in others_b if text not in others_a),
    )


def _split(graph: Graph, found: Report) -> tuple[list[Compared], dict[str, None]]:
    """The layers that get a row, and the texts of all others, each once."""
    rows: list[Compared] = []
    others: dict[str, None] = {}
    nodes = [node for node in graph.nodes if node.op is not None and node.is_layer]
    for node, layer in zip(nodes, found.layers, strict=True):
        if layer.params or isinstance(node.op, Pool | GlobalAvgPool | Lrn):
            rows.append(Compared(layer, spelled(node)))
        else:
            others[spelled(node._replace(towers=1))] = None
    return rows, others


def spelled(node: Node) -> str:
    """`conv(3, 1, 64, pad=1)`: an op with its arguments. Those that mean the same are written
    the same: `pad=same` as the number it is, `3x3` as `3`."""
    op = node.op
    if op is None:
        return "input"
    text = f"{op.word}{arguments(_plain(op), {})}"
    return f"{text} in {node.towers} towers" if node.towers > 1 else text


def _plain(op: Op) -> Op:
    values: dict[str, object] = {name: getattr(op, name) for name in type(op).model_fields}
    if isinstance(op, Conv | Pool):
        values["pad"] = op.padding()
    return op.model_copy(update={name: _square(value) for name, value in values.items()})


def _square(value: object) -> object:
    match value:
        case (int(height), int(width)) if height == width:
            return height
        case _:
            return value


_Key = Callable[[Compared], object]


def _whole(layer: Compared) -> object:
    """What has to be alike for a layer to be the same."""
    return layer.text, layer.layer.output, layer.layer.params


def _text(layer: Compared) -> object:
    return layer.text


def _weights(layer: Compared) -> object:
    """The op of a weight layer. A pool or norm, which nets move about, is like no other here."""
    return layer.layer.op if layer.layer.params else id(layer)


def _word(layer: Compared) -> object:
    return layer.layer.op


_MOST_PAIRS = 10**6
"""Where more layers than that could be paired, those that repeat most are not searched for."""


def _aligned(a: Sequence[Compared], b: Sequence[Compared], keys: Sequence[_Key]) -> Iterator[Row]:
    """Rows in order: layers alike by the first key side by side; between them, those that the
    next keys pair; what is left, first A's and then B's."""
    if not keys or not a or not b:
        yield from (Row(layer, None) for layer in a)
        yield from (Row(None, layer) for layer in b)
        return
    key, *looser = keys
    # What both begin with needs no search, which is quadratic where layers repeat.
    start = 0
    while start < min(len(a), len(b)) and key(a[start]) == key(b[start]):
        yield Row(a[start], b[start])
        start += 1
    a, b = a[start:], b[start:]
    vast = len(a) * len(b) > _MOST_PAIRS
    matcher = SequenceMatcher(None, [*map(key, a)], [*map(key, b)], autojunk=vast)
    for tag, a_from, a_to, b_from, b_to in matcher.get_opcodes():
        if tag == "equal":
            pairs = zip(a[a_from:a_to], b[b_from:b_to], strict=True)
            yield from (Row(one, other) for one, other in pairs)
        else:
            yield from _aligned(a[a_from:a_to], b[b_from:b_to], looser)


def _one(figure: int | Pair) -> int | None:
    """A figure as one number; None for a field that is not square."""
    if isinstance(figure, int):
        return figure
    return figure[0] if figure[0] == figure[1] else None


def as_json(found: Comparison) -> dict[str, object]:
    """The comparison as the object that `archc compare --json` prints."""
    return {
        "a": {"net": found.a.net, **{each.name: _figure(each.a) for each in found.totals}},
        "b": {"net": found.b.net, **{each.name: _figure(each.b) for each in found.totals}},
        "ratio": {each.name: each.ratio for each in found.totals},
        "rows": [
            {"mark": row.mark, "a": _layer_json(row.a), "b": _layer_json(row.b)}
            for row in found.rows
        ],
        "others": {"a": list(found.others_a), "b": list(found.others_b)},
    }


def _figure(figure: int | Pair) -> int | list[int]:
    return figure if isinstance(figure, int) else field_json(figure)


def _layer_json(compared: Compared | None) -> dict[str, object] | None:
    if compared is None:
        return None
    layer = compared.layer
    return {
        "name": layer.name,
        "op": compared.text,
        "output": list(layer.output),
        "params": layer.params,
        "macs": layer.macs,
        "receptive_field": field_json(layer.receptive_field),
        "line": layer.line,
    }
