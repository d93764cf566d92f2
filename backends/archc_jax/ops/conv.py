"""Convolution and transposed convolution in JAX."""

from __future__ import annotations

from archc.emit.outline import Layer
from archc.emit.python import Call, Text, Tree, literal
from archc.emit.written import Written, is_open
from archc.ops.base import pair
from archc.ops.conv import Conv, Deconv
from archc_jax.ops.base import RNGS, emits, keeps, padding, sized


@emits(Conv)
def conv(layer: Layer, op: Conv) -> Written:
    """nnx.Conv: it pads to keep the size unless told otherwise."""
    named: list[tuple[str, Tree]] = []
    if is_open(layer, "stride") or pair(op.stride) != (1, 1):
        named.append(("strides", _number(layer, "stride")))
    if not keeps(layer, op):
        named.append(("padding", _padding(layer, op)))
    if op.groups != 1 or is_open(layer, "groups"):
        named.append(("feature_group_count", layer.fields["groups"]))
    return Written(module=Call("nnx.Conv", _sizes(layer), [*named, *_bias(op), RNGS]))


def _number(layer: Layer, field: str) -> Text:
    """A size as nnx.Conv takes all but its kernel: one number where height and width agree."""
    if is_open(layer, field):
        return layer.fields[field]
    height, width = pair(getattr(layer.op, field))
    return literal(height if height == width else (height, width))


def _padding(layer: Layer, op: Conv) -> Text:
    if op.pad == "same" and is_open(layer, "kernel") and isinstance(op.kernel, int):
        return Text(f"({layer.fields['kernel'].text} - 1) // 2", tight=False)
    pad = padding(layer, op)
    if isinstance(pad, Text):
        return layer.fields["pad"] if is_open(layer, "pad") else pad
    if pad == (0, 0):
        return literal("VALID")
    return literal(pad[0] if pad[0] == pad[1] else pad)


@emits(Deconv)
def deconv(layer: Layer, op: Deconv) -> Written:
    """nnx.ConvTranspose, or a class of our own for groups and for what depends on parameters.

    Flax takes the padding of the stretched map.
    """
    named: list[tuple[str, Tree]] = []
    if is_open(layer, "stride") or pair(op.stride) != (1, 1):
        named.append(("strides", sized(layer, "stride")))
    if op.groups == 1 and not any(is_open(layer, name) for name in ("kernel", "pad", "groups")):
        named.append(("padding", _stretched(layer, op)))
        return Written(module=Call("nnx.ConvTranspose", _sizes(layer), [*named, *_bias(op), RNGS]))
    pad = padding(layer, op)
    if pad != (0, 0):
        named.append(("padding", pad if isinstance(pad, Text) else literal(pad)))
    named.append(("groups", layer.fields["groups"]))
    call = Call("GroupedConvTranspose", _sizes(layer), [*named, *_bias(op), RNGS])
    return Written(module=call, helper="GroupedConvTranspose")


def _stretched(layer: Layer, op: Deconv) -> Text:
    """The padding of the map that the stride has stretched: k - 1 - p on each side."""
    kernel, stride = pair(op.kernel), pair(op.stride)
    covered = all(k >= s for k, s in zip(kernel, stride, strict=True))
    if op.padding() == (0, 0) and covered and not is_open(layer, "stride"):
        return literal("VALID")
    sides = [k - 1 - p for k, p in zip(kernel, op.padding(), strict=True)]
    return literal(tuple((side, side) for side in sides))


def _sizes(layer: Layer) -> list[Tree]:
    return [layer.channels[0], layer.fields["out"], sized(layer, "kernel")]


def _bias(op: Conv | Deconv) -> list[tuple[str, Tree]]:
    return [] if op.bias else [("use_bias", literal(False))]
