"""What training asks of a net beyond being a net."""

from __future__ import annotations

from archc.diagnostics import Sink, fail
from archc.errors.recipes import HeadDiffers, NoLoss, NoRecipe
from archc.ir import Graph
from archc.ops.activation import Softmax
from archc.ops.base import written
from archc.ops.conv import Conv
from archc.ops.norm import Bn
from archc.recipe import Recipe


def trainable(graph: Graph) -> Recipe:
    """The recipe that a net is trained by.

    Raises `DiagnosticError` where the net has none (E0506), does not end in a softmax over
    C x 1 x 1 (E0507), or has an aux head that tells other classes apart (E0508).
    """
    if graph.recipe is None:
        fail(NoRecipe(net=graph.name, span=graph.net.name.span))
    last = graph.nodes[graph.output]
    if not isinstance(last.op, Softmax) or graph.shape[1:] != (1, 1):
        word = last.op.word if last.op else "its input"
        fail(NoLoss(net=graph.name, last=f"{word} over {written(graph.shape)}", span=last.span))
    sink = Sink()
    for head in graph.heads:
        shape = graph.nodes[head.output].output
        if shape != graph.shape:
            sink.add(
                HeadDiffers(
                    head=head.scope.name,
                    shape=written(shape),
                    net=written(graph.shape),
                    span=graph.nodes[head.output].span,
                )
            )
    sink.raise_if_failed()
    return graph.recipe


def filters(graph: Graph) -> tuple[str, ...]:
    """The canonical names of the weights whose rows are the filters of a conv."""
    return tuple(
        f"{node.path}.weight" for node in graph.nodes if node.op and node.op.word == Conv.word
    )


def wide(graph: Graph) -> frozenset[str]:
    """The canonical names of the weights that a half precision leaves in float32: those of batch
    normalisation, whose statistics they meet."""
    return frozenset(
        f"{node.path}.{name}"
        for node in graph.nodes
        if node.op and node.op.word == Bn.word
        for name in graph.weights(node)
    )
