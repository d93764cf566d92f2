"""Bytes of weights and activations, in training and at inference."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from archc.analysis.counts import total
from archc.ir import Graph
from archc.ops.base import elements

Precision = Literal["fp32", "bf16"]
"""What layers compute in: float32, or bfloat16 as by the frameworks' autocast."""

BYTES: dict[Precision, int] = {"fp32": 4, "bf16": 2}
"""Bytes a number."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Bytes by what they are for. What inference does not need is 0 there."""

    weights: int
    activations: int
    gradients: int = 0
    momentum: int = 0

    @property
    def total(self) -> int:
        return self.weights + self.gradients + self.momentum + self.activations


@dataclass(frozen=True, slots=True)
class Memory:
    """What a net keeps in memory, for a batch at a precision (docs/params.md).

    Numbers, not bytes: params, the weights; live, the most that the maps of one image hold at any
    layer, each freed after its last use, aux heads left out; kept, one image and every layer's
    output, which the backward pass reads: nothing is computed in place or twice. buffers, how many
    numbers the optimiser and the average remember of each weight.
    """

    params: int
    live: int
    kept: int
    buffers: int
    batch: int = 1
    precision: Precision = "fp32"

    @property
    def inference(self) -> Usage:
        """Weights and the largest sum of live maps, both at the precision."""
        size = BYTES[self.precision]
        return Usage(weights=size * self.params, activations=size * self.batch * self.live)

    @property
    def training(self) -> Usage:
        """Weights, gradients and the optimiser's buffers in float32, every output at the precision.

        Autocast computes in bfloat16 and leaves the rest in float32.
        """
        weights = BYTES["fp32"] * self.params
        return Usage(
            weights=weights,
            gradients=weights,
            momentum=weights * self.buffers,
            activations=BYTES[self.precision] * self.batch * self.kept,
        )

    def at(self, *, batch: int = 1, precision: Precision = "fp32") -> Memory:
        """The same net for another batch or precision. Raises `ValueError` for what is neither."""
        if type(batch) is not int or batch < 1:
            raise ValueError(f"a batch is a whole number, 1 or above, not {batch!r}")
        if precision not in BYTES:
            raise ValueError(f"a precision is fp32 or bf16, not {precision!r}")
        return replace(self, batch=batch, precision=precision)


def memory(graph: Graph) -> Memory:
    """The memory of a net, for one image in float32."""
    sizes = [elements(node.output) for node in graph.nodes]
    recipe = graph.recipe
    buffers = 0
    if recipe is not None:
        remembered = recipe.optimizer.buffers if recipe.optimizer else 0
        buffers = remembered + (1 if recipe.average else 0)
    return Memory(
        params=total(graph, graph.nodes).params,
        live=_peak(graph, sizes),
        kept=sum(sizes),
        buffers=buffers,
    )


def _peak(graph: Graph, sizes: list[int]) -> int:
    """The largest sum of live maps while the nodes run in order."""
    main = [i for i, node in enumerate(graph.nodes) if not graph.in_head(node)]
    last_use = {j: i for i in main for j in graph.nodes[i].inputs}
    # The output lives to the end; the input from the beginning.
    last_use[graph.output] = len(graph.nodes)
    live = peak = 0
    for i in main:
        live += sizes[i]
        peak = max(peak, live)
        live -= sum(sizes[j] for j in set(graph.nodes[i].inputs) if last_use[j] == i)
        if i not in last_use:
            live -= sizes[i]
    return peak
