"""Normalisation in PyTorch."""

from __future__ import annotations

from archc.emit.outline import Layer
from archc.emit.python import Call, Tree
from archc.emit.written import Written, is_open
from archc.ops.norm import Bn, LayerNorm, LayerScale, Lrn
from archc_torch.ops.base import as_map, emits


@emits(Lrn)
def lrn(layer: Layer, op: Lrn) -> Written:
    """A function that converts: PyTorch divides alpha by n, the paper does not."""
    named: list[tuple[str, Tree]] = [
        (field, layer.fields[field]) for field in ("n", "k", "alpha", "beta")
    ]
    name = "lrn"
    if op.groups != 1:
        name = "tower_lrn"
        named.append(("towers", layer.fields["groups"]))
    return Written(function=lambda x: Call(name, [as_map(x[0], layer)], named), helper=name)


@emits(Bn)
def bn(layer: Layer, op: Bn) -> Written:
    """nn.BatchNorm: its momentum and its unbiased running variance are ours."""
    named: list[tuple[str, Tree]] = []
    if op.eps != Bn.model_fields["eps"].default or is_open(layer, "eps"):
        named.append(("eps", layer.fields["eps"]))
    if op.momentum != Bn.model_fields["momentum"].default or is_open(layer, "momentum"):
        named.append(("momentum", layer.fields["momentum"]))
    kind = "nn.BatchNorm1d" if layer.features else "nn.BatchNorm2d"
    return Written(module=Call(kind, [layer.channels[0]], named))


@emits(LayerNorm)
def layernorm(layer: Layer, op: LayerNorm) -> Written:
    """PyTorch's normalises the last axes; ours the channels, which stand second."""
    named: list[tuple[str, Tree]] = [("eps", layer.fields["eps"])]
    if op.groups != 1:
        named.append(("towers", layer.fields["groups"]))
    return Written(module=Call("ChannelNorm", [layer.channels[0]], named), helper="ChannelNorm")


@emits(LayerScale)
def layerscale(layer: Layer, op: LayerScale) -> Written:
    args = [layer.channels[0], layer.fields["init"]]
    return Written(module=Call("LayerScale", args), helper="LayerScale")
