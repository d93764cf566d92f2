"""Convolution and transposed convolution in JAX."""

from __future__ import annotations

from archc.emit.outline import Layer
from archc.emit.python import Call, Text, Tree, literal
from archc.emit.written import Written, is_open
from archc.ops.base import pair
from archc.ops.conv import Conv, Deconv
from archc_jax.ops.base import RNGS, emits, is_settled, keeps, padding, sized


@emits(Conv)
def conv(layer: Layer, op: Conv) -> Written:
    """nnx.Conv: it pads to keep the size unless told otherwise."""
    named: list[tuple[str, Tree]] = []
    if is_open(layer, "stride") or pair(op.stride) != (1, 1):
        named.append(("strides", _number(layer, "stride")))
    if not (is_settled(layer) and keeps(op)):
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
    """nnx.ConvTranspose lacks groups and takes the padding of the stretched map."""
    pad = padding(layer, op)
    named: list[tuple[str, Tree]] = []
    if is_open(layer, "stride") or pair(op.stride) != (1, 1):
        named.append(("strides", sized(layer, "stride")))
    if pad != (0, 0):
        named.append(("padding", pad if isinstance(pad, Text) else literal(pad)))
    if op.groups != 1 or is_open(layer, "groups"):
        named.append(("groups", layer.fields["groups"]))
    call = Call("ConvTranspose", _sizes(layer), [*named, *_bias(op), RNGS])
    return Written(module=call, helper="ConvTranspose")


def _sizes(layer: Layer) -> list[Tree]:
    return [layer.channels[0], layer.fields["out"], sized(layer, "kernel")]


def _bias(op: Conv | Deconv) -> list[tuple[str, Tree]]:
    return [] if op.bias else [("use_bias", literal(False))]
