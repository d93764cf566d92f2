"""The net for whole images: fully connected layers at every place (VGG, section 3.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archc.ir import Graph, Node
from archc.ops.base import OpError, Shape
from archc.ops.conv import Conv
from archc.ops.linear import Fc, SlidingFc
from archc.ops.pool import GlobalAvgPool
from archc.passes.base import rebuild
from archc.passes.to_logits import ends_in_softmax

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Dense:
    """Every fully connected layer over C x H x W becomes a convolution with a kernel of H x W,
    and a classifier's scores before its softmax are averaged over all places.

    At the net's own input it is the same function. A larger image gives a map of scores, one for
    each place of a window as large as the input. It is for a net without towers: `MergeTowers`
    comes before it. `dense_weights` says how weights map.
    """

    def __call__(self, graph: Graph) -> Graph:
        return _for_whole_images(graph, _convolution)


@dataclass(frozen=True)
class Sliding:
    """The same function with the same weights: each fully connected layer keeps the arrays that
    it is trained with, and is applied at every place of a map larger than its own input.

    For a net that is trained on images of its own input's size and measured on whole ones. Aux
    heads, which are for training alone, stay as they are.
    """

    def __call__(self, graph: Graph) -> Graph:
        return _for_whole_images(
            graph, lambda node, fc, _: node if graph.in_head(node) else _sliding(node, fc)
        )


def _for_whole_images(graph: Graph, changed: Callable[[Node, Fc, Shape], Node]) -> Graph:
    """The graph with each `fc` over a map of some shape changed, and its scores averaged."""
    moved: dict[int, int] = {}
    nodes: list[Node] = []
    for i, node in enumerate(graph.nodes):
        inputs = tuple(moved[j] for j in node.inputs)
        if isinstance(node.op, Fc):
            node = changed(node, node.op, graph.each_inputs(node)[0])
        elif i == graph.output and graph.shape[1:] == (1, 1) and ends_in_softmax(graph):
            inputs = (_averaged(nodes, inputs[0], node, graph),)
        moved[i] = len(nodes)
        nodes.append(node._replace(inputs=inputs))
    return rebuild(graph, nodes, moved)


def _convolution(node: Node, fc: Fc, arriving: Shape) -> Node:
    """The same weights: groups of channels are groups of the flattened map, C coming first."""
    conv = Conv(kernel=arriving[1:], stride=1, out=fc.out, groups=fc.groups, bias=fc.bias)
    # A parameter of a block that named `fc` does not name this.
    return node._replace(op=conv, callee="")


def _sliding(node: Node, fc: Fc) -> Node:
    op = SlidingFc(out=fc.out, groups=fc.groups, bias=fc.bias)
    return node._replace(op=op, callee="")


def _averaged(nodes: list[Node], scores: int, softmax: Node, graph: Graph) -> int:
    """The mean of the scores over all places; the index of its node."""
    if isinstance(nodes[scores].op, GlobalAvgPool):
        return scores
    taken = {node.name for node in graph.nodes if node.scope is softmax.scope}
    name = "mean"
    while name in taken:
        name += "_"
    shape = nodes[scores].output
    nodes.append(
        Node(
            name,
            GlobalAvgPool(),
            (scores,),
            (shape[0], 1, 1),
            softmax.scope,
            softmax.span,
        )
    )
    return len(nodes) - 1


def dense_weights(graph: Graph, weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The weights of a net as its dense form has them: (out, C H W) as (out, C, H, W).

    Names stay; those of aux heads, which the dense form has not, are left out.
    """
    found: dict[str, np.ndarray] = {}
    for node in graph.nodes:
        for name, weight in {**graph.weights(node), **graph.buffers(node)}.items():
            path = f"{node.path}.{name}"
            found[path] = weights[path].reshape(weight.shape)
    return found


class TooSmallError(Exception):
    """Raised where a net cannot be applied to an input of that size; says the layer and why."""


def check_input(graph: Graph, shape: Shape) -> None:
    """Raise `TooSmallError` unless the net takes an input `(C, H, W)` of that size.

    Sizes are worked out as for the net's own input, and its output must be one place.
    """
    outputs: list[Shape] = []
    for node in graph.nodes:
        if node.op is None:
            outputs.append(shape)
            continue
        try:
            outputs.append(node.op.shape([outputs[i] for i in node.inputs]))
        except OpError as error:
            raise TooSmallError(f"{node.path}: {error}") from error
    if outputs[graph.output] != graph.shape:
        raise TooSmallError("the scores are more than one a class")
