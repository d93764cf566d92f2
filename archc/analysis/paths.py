"""What is read off the paths from the input: depth and receptive field."""

from __future__ import annotations

from dataclasses import dataclass

from archc.ir import Graph
from archc.ops.base import Pair


def depth(graph: Graph) -> int:
    """The longest path from the input to the output, counted in conv and fc layers.

    Aux heads are no part of it, since nothing of the output depends on them.
    """
    depths: list[int] = []
    for node in graph.nodes:
        before = max((depths[i] for i in node.inputs), default=0)
        depths.append(before + (node.op is not None and node.op.counted))
    return depths[graph.output]


@dataclass(frozen=True, slots=True)
class Field:
    """The part of the input that an element sees, and the step between neighbours' parts.

    Both in input pixels, `(height, width)`; what reaches over the edge into padding counts.
    """

    size: Pair = (1, 1)
    step: Pair = (1, 1)


def receptive_fields(graph: Graph) -> list[Field]:
    """A field a node: the largest over branches.

    size' = size + (kernel - 1) * step;  step' = step * stride.
    """
    fields: list[Field] = []
    for node in graph.nodes:
        if node.op is None:
            fields.append(Field())
            continue
        above = [fields[i] for i in node.inputs]
        reach = node.op.reach(graph.each_inputs(node))
        size, step = [0, 0], [0, 0]
        for axis in (0, 1):
            widest = max(field.step[axis] for field in above)
            largest = max(field.size[axis] for field in above)
            size[axis] = largest + (reach.kernel[axis] - 1) * widest
            step[axis] = widest * reach.stride[axis]
        fields.append(Field((size[0], size[1]), (step[0], step[1])))
    return fields
