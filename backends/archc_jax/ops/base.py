"""What the emitters of JAX's ops share: channels last, sizes as pairs."""

from __future__ import annotations

from dataclasses import replace

from archc.emit.outline import Layer
from archc.emit.python import Call, Index, Text, Tree, literal
from archc.emit.written import Emitters, is_open
from archc.ops.base import Pair, pair
from archc.ops.conv import Conv, Deconv
from archc.ops.pool import Pool

EMITTERS = Emitters()
emits = EMITTERS.of

RNGS = ("rngs", Text("rngs"))
"""The argument of every module that begins with random weights or draws later."""

KEPT = ("keepdims", literal(True))
"""The argument of a mean over all places that leaves a map of one."""


def as_map(tree: Tree, layer: Layer, i: int = 0) -> Tree:
    """An input as `(N, H, W, C)`: a vector becomes a map of one place."""
    return Index(tree, ":, None, None") if layer.flat_inputs[i] else tree


def as_features(tree: Tree, layer: Layer, i: int = 0) -> Tree:
    """An input as `(N, C * H * W)`, in the order C, H, W of the weights."""
    if layer.flat_inputs[i]:
        return tree
    return vectors(tree) if layer.shapes[i][1:] == (1, 1) else Call("flatten", [tree])


def vectors(tree: Tree) -> Tree:
    """Maps of one place as vectors; where they are means over the places, as plain means."""
    if isinstance(tree, Call) and KEPT in tree.named:
        return replace(tree, named=[each for each in tree.named if each != KEPT])
    return Call("squeeze", [Text("(1, 2)")], on=tree)


def sized(layer: Layer, field: str) -> Text:
    """A kernel or stride as a pair: from the parameter it is given as, else its value."""
    value = getattr(layer.op, field)
    if not is_open(layer, field):
        return literal(pair(value))
    text = layer.fields[field].text
    return Text(f"({text}, {text})") if isinstance(value, int) else layer.fields[field]


def keeps(layer: Layer, op: Conv | Pool) -> bool:
    """Whether the padding is Flax's "SAME" in all instances of the class.

    That is as much before as behind where the stride is 1; else it may pad more behind. Kernels
    of one place it does not pad, whatever the stride.
    """
    if is_open(layer, "kernel") or is_open(layer, "pad"):
        return False
    kernel, pad = pair(op.kernel), op.padding()
    if kernel == (1, 1):
        return pad == (0, 0)
    centred = all(k % 2 and p == k // 2 for k, p in zip(kernel, pad, strict=True))
    return centred and pair(op.stride) == (1, 1) and not is_open(layer, "stride")


def padding(layer: Layer, op: Conv | Deconv | Pool) -> Pair | Text:
    """The padding of height and width: a pair, or text where it depends on a parameter."""
    if op.pad == "same" and is_open(layer, "kernel"):
        kernel = layer.fields["kernel"].text
        if isinstance(op.kernel, int):
            return Text(f"(({kernel} - 1) // 2, ({kernel} - 1) // 2)")
        return Text(f"(({kernel}[0] - 1) // 2, ({kernel}[1] - 1) // 2)")
    return sized(layer, "pad") if is_open(layer, "pad") else op.padding()
