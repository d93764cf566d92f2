"""The fully connected layer in PyTorch."""

from __future__ import annotations

from dataclasses import replace

from archc.emit.outline import Layer
from archc.emit.python import Call, Text, literal
from archc.emit.written import Written
from archc.ops.linear import Fc, SlidingFc
from archc_torch.ops.base import as_map, emits, size


@emits(Fc)
def fc(layer: Layer, op: Fc) -> Written:
    """nn.Linear, or a short class of our own where the units fall into groups."""
    bias = [] if op.bias else [("bias", literal(False))]
    args = [_in_features(layer), layer.fields["out"]]
    if op.groups == 1:
        return Written(module=Call("nn.Linear", args, bias))
    return Written(
        module=Call("GroupedLinear", [*args, layer.fields["groups"]], bias),
        helper="GroupedLinear",
    )


@emits(SlidingFc)
def sliding_fc(layer: Layer, op: SlidingFc) -> Written:
    """The same module, which a function applies to maps."""
    helper = "slide" if op.groups == 1 else "slide_grouped"
    own = layer.shapes[0][1:]
    sized = [size(own)] if own != (1, 1) else []
    module = Text(f"self.{layer.name}")
    return replace(
        fc(layer, op),
        function=lambda x: Call(helper, [module, as_map(x[0], layer), *sized]),
        helper=helper,
    )


def _in_features(layer: Layer) -> Text:
    """C, or C * H * W of the map that is flattened."""
    _, h, w = layer.shapes[0]
    channels = layer.channels[0]
    if h == w == 1:
        return channels
    text = channels.text if channels.tight else f"({channels.text})"
    return Text(f"{text} * {h} * {w}", tight=False)
