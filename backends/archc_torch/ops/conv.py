"""Convolution and transposed convolution in PyTorch."""

from __future__ import annotations

from archc.emit.outline import Layer
from archc.emit.python import Call, literal
from archc.emit.written import Written, is_open
from archc.ops.conv import Conv, Deconv
from archc_torch.ops.base import emits, sized, window


@emits(Conv)
def conv(layer: Layer, op: Conv) -> Written:
    """nn.Conv2d: weights OIHW and output sizes rounded down, as ours."""
    return _convolution("nn.Conv2d", layer, op)


@emits(Deconv)
def deconv(layer: Layer, op: Deconv) -> Written:
    """nn.ConvTranspose2d: weights IOHW and no output padding, as ours."""
    return _convolution("nn.ConvTranspose2d", layer, op)


def _convolution(module: str, layer: Layer, op: Conv | Deconv) -> Written:
    """The arguments of both are the same."""
    named = window(layer, op, stride=(1, 1))
    if op.groups != 1 or is_open(layer, "groups"):
        named.append(("groups", layer.fields["groups"]))
    if not op.bias:
        named.append(("bias", literal(False)))
    args = [layer.channels[0], layer.fields["out"], sized(layer, "kernel")]
    return Written(module=Call(module, args, named))
