"""Pooling in PyTorch."""

from __future__ import annotations

from archc.emit.outline import Layer
from archc.emit.python import Call, Text, Tree, literal
from archc.emit.written import Written, is_open
from archc.ops.base import pair
from archc.ops.pool import AvgPool, GlobalAvgPool, MaxPool, Pool
from archc_torch.ops.base import as_map, emits, sized, window


@emits(MaxPool)
def maxpool(layer: Layer, op: MaxPool) -> Written:
    """F.max_pool2d: its ceil_mode is our round=up, its padding never wins."""
    named = _window(layer, op)
    return Written(
        function=lambda x: Call(
            "F.max_pool2d", [as_map(x[0], layer), sized(layer, "kernel")], named
        )
    )


@emits(AvgPool)
def avgpool(layer: Layer, op: AvgPool) -> Written:
    """F.avg_pool2d counts the padding unless told not to; what ceil_mode adds, never."""
    named = _window(layer, op)
    if not op.count_pad and (op.padding() != (0, 0) or is_open(layer, "pad")):
        named.append(("count_include_pad", literal(False)))
    return Written(
        function=lambda x: Call(
            "F.avg_pool2d", [as_map(x[0], layer), sized(layer, "kernel")], named
        )
    )


@emits(GlobalAvgPool)
def global_avgpool(layer: Layer, op: GlobalAvgPool) -> Written:
    return Written(
        function=lambda x: Call("F.adaptive_avg_pool2d", [as_map(x[0], layer), Text("1")])
    )


def _window(layer: Layer, op: Pool) -> list[tuple[str, Tree]]:
    """PyTorch's stride is the kernel unless given."""
    # With a kernel that is a parameter, a stride that is not is said in any case.
    named = window(layer, op, stride=(0, 0) if is_open(layer, "kernel") else pair(op.kernel))
    if op.round == "up":
        named.append(("ceil_mode", literal(True)))
    return named
