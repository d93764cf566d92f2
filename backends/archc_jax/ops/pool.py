"""Pooling in JAX."""

from __future__ import annotations

from collections.abc import Sequence

from archc.emit.outline import Layer
from archc.emit.python import Call, Text, Tree, literal
from archc.emit.written import Written
from archc.ops.base import Pair
from archc.ops.pool import AvgPool, GlobalAvgPool, MaxPool, Pool
from archc_jax.ops.base import KEPT, as_map, emits, keeps, padding, sized


@emits(MaxPool)
def maxpool(layer: Layer, op: MaxPool) -> Written:
    """nnx.max_pool is typed for paddings in words only; nnx.pool takes pairs (before, after)."""
    kernel, stride, pad = _window(layer, op)
    if op.round == "up":
        return _carried("max_pool_up", layer, [kernel], [("strides", stride), *_given(pad)])
    if pad == (0, 0) or keeps(layer, op):
        return _flax("nnx.max_pool", layer, op, [])
    pairs = Text(f"[(p, p) for p in {pad.text}]") if isinstance(pad, Text) else _pairs(pad)
    args = [Text("-jnp.inf"), Text("lax.max"), kernel, stride, pairs]
    return Written(function=lambda x: Call("nnx.pool", [as_map(x[0], layer), *args]))


@emits(AvgPool)
def avgpool(layer: Layer, op: AvgPool) -> Written:
    """nnx.avg_pool counts the padding unless told not to; what round=up adds never counts."""
    kernel, stride, pad = _window(layer, op)
    named: list[tuple[str, Tree]] = [("strides", stride), *_given(pad)]
    counts: list[tuple[str, Tree]] = [("count_include_pad", literal(True))]
    if op.round == "up":
        return _carried("avg_pool_up", layer, [kernel], named + (counts if op.count_pad else []))
    if pad == (0, 0) or keeps(layer, op):
        uncounted = pad != (0, 0) and not op.count_pad
        return _flax(
            "nnx.avg_pool", layer, op, [("count_include_pad", literal(False))] if uncounted else []
        )
    return _carried("avg_pool", layer, [kernel], named + (counts if op.count_pad else []))


@emits(GlobalAvgPool)
def global_avgpool(layer: Layer, op: GlobalAvgPool) -> Written:
    named: list[tuple[str, Tree]] = [("axis", Text("(1, 2)")), KEPT]
    return Written(function=lambda x: Call("mean", [], named, on=as_map(x[0], layer)))


def _window(layer: Layer, op: Pool) -> tuple[Text, Text, Pair | Text]:
    return sized(layer, "kernel"), sized(layer, "stride"), padding(layer, op)


def _flax(name: str, layer: Layer, op: Pool, rest: Sequence[tuple[str, Tree]]) -> Written:
    """Flax's own pooling, without padding or with as much as keeps the size."""
    kernel, stride, pad = _window(layer, op)
    same = [] if pad == (0, 0) else [("padding", literal("SAME"))]
    named = [("strides", stride), *same, *rest]
    return Written(function=lambda x: Call(name, [as_map(x[0], layer), kernel], named))


def _carried(
    name: str, layer: Layer, args: Sequence[Tree], named: Sequence[tuple[str, Tree]]
) -> Written:
    """A pooling of the runtime."""
    return Written(function=lambda x: Call(name, [as_map(x[0], layer), *args], named), helper=name)


def _given(pad: Pair | Text) -> list[tuple[str, Tree]]:
    """The padding as a pair (height, width), where there is any."""
    if isinstance(pad, Text):
        return [("padding", pad)]
    return [] if pad == (0, 0) else [("padding", literal(pad))]


def _pairs(pad: Pair) -> Text:
    return Text(f"[({pad[0]}, {pad[0]}), ({pad[1]}, {pad[1]})]")
