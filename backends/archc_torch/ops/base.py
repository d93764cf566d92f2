"""What the emitters of PyTorch's ops share."""

from __future__ import annotations

from archc.emit.outline import Layer
from archc.emit.python import Call, Text, Tree, literal
from archc.emit.written import Emitters, is_open
from archc.ops.base import Pair, pair
from archc.ops.conv import Conv, Deconv
from archc.ops.pool import Pool

EMITTERS = Emitters()
emits = EMITTERS.of


def size(pair: tuple[int, int]) -> Text:
    """A size as PyTorch takes it: one number where height and width agree."""
    return literal(pair[0] if pair[0] == pair[1] else pair)


def as_map(tree: Tree, layer: Layer, i: int = 0) -> Tree:
    """An input as `(N, C, H, W)`: a vector becomes a map of one place."""
    if not layer.flat_inputs[i]:
        return tree
    return Call("unflatten", [Text("1"), Text("(-1, 1, 1)")], on=tree)


def as_features(tree: Tree, layer: Layer, i: int = 0) -> Tree:
    """An input as `(N, C * H * W)`, flattened in the order C, H, W."""
    if layer.flat_inputs[i]:
        return tree
    return Call("flatten", [Text("1")], on=tree)


def sized(layer: Layer, field: str) -> Text:
    """A kernel or stride: the parameter it is given as, else its value."""
    if is_open(layer, field):
        return layer.fields[field]
    return size(pair(getattr(layer.op, field)))


def window(layer: Layer, op: Conv | Deconv | Pool, *, stride: Pair) -> list[tuple[str, Tree]]:
    """`stride` and `padding` as keywords, left out where they are PyTorch's defaults.

    `stride` is what PyTorch takes where it is not said.
    """
    named: list[tuple[str, Tree]] = []
    if is_open(layer, "stride") or pair(op.stride) != stride:
        named.append(("stride", sized(layer, "stride")))
    if op.pad == "same" and is_open(layer, "kernel"):
        named.append(("padding", _same(layer, op)))
    elif is_open(layer, "pad"):
        named.append(("padding", layer.fields["pad"]))
    elif op.padding() != (0, 0):
        named.append(("padding", size(op.padding())))
    return named


def _same(layer: Layer, op: Conv | Deconv | Pool) -> Text:
    """(k - 1) / 2 for a kernel that is a parameter."""
    kernel = layer.fields["kernel"].text
    if isinstance(op.kernel, int):
        return Text(f"({kernel} - 1) // 2")
    return Text(f"(({kernel}[0] - 1) // 2, ({kernel}[1] - 1) // 2)")
