"""Normalisation in JAX."""

from __future__ import annotations

from archc.emit.outline import Layer
from archc.emit.python import Call, Tree, literal
from archc.emit.written import Written, is_open
from archc.ops.norm import Bn, LayerNorm, LayerScale, Lrn
from archc_jax.ops.base import RNGS, as_map, emits


@emits(Lrn)
def lrn(layer: Layer, op: Lrn) -> Written:
    """JAX has none."""
    fields = ["n", "k", "alpha", "beta"]
    named: list[tuple[str, Tree]] = [(field, layer.fields[field]) for field in fields]
    name = "lrn"
    if op.groups != 1:
        name = "tower_lrn"
        named.append(("towers", layer.fields["groups"]))
    return Written(function=lambda x: Call(name, [as_map(x[0], layer)], named), helper=name)


@emits(Bn)
def bn(layer: Layer, op: Bn) -> Written:
    """nnx.BatchNorm keeps the biased variance, ours the unbiased."""
    named: list[tuple[str, Tree]] = []
    for field, name in (("momentum", "momentum"), ("eps", "epsilon")):
        default = Bn.model_fields[field].default
        if getattr(op, field) != default or is_open(layer, field):
            named.append((name, layer.fields[field]))
    return Written(module=Call("BatchNorm", [layer.channels[0]], named), helper="BatchNorm")


@emits(LayerNorm)
def layernorm(layer: Layer, op: LayerNorm) -> Written:
    """nnx.LayerNorm normalises the last axis, which the channels are.

    Its fast variance, the mean of squares less the square of the mean, loses digits.
    """
    channels, eps = layer.channels[0], layer.fields["eps"]
    if op.groups != 1:
        call = Call("ChannelNorm", [channels, eps, layer.fields["groups"]])
        return Written(module=call, helper="ChannelNorm")
    named: list[tuple[str, Tree]] = [("epsilon", eps), ("use_fast_variance", literal(False))]
    return Written(module=Call("nnx.LayerNorm", [channels], [*named, RNGS]))


@emits(LayerScale)
def layerscale(layer: Layer, op: LayerScale) -> Written:
    args = [layer.channels[0], layer.fields["init"]]
    return Written(module=Call("LayerScale", args), helper="LayerScale")
