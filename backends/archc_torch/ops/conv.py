"""Convolution in PyTorch."""

from __future__ import annotations

from archc.emit.outline import Layer
from archc.emit.python import Call, literal
from archc.ops.conv import Conv
from archc_torch.ops.base import Written, emits, sized, window


@emits(Conv)
def conv(layer: Layer, op: Conv) -> Written:
    """nn.Conv2d: weights OIHW and output sizes rounded down, as ours."""
    named = window(layer, op, stride=(1, 1))
    if op.groups != 1:
        named.append(("groups", layer.fields["groups"]))
    if not op.bias:
        named.append(("bias", literal(False)))
    args = [layer.channels[0], layer.fields["out"], sized(layer, "kernel")]
    return Written(module=Call("nn.Conv2d", args, named))
