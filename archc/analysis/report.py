"""All figures of a net in one object: what `archc params` prints."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

from archc.analysis.counts import Counts, count, without_heads
from archc.analysis.memory import Memory, Precision, memory
from archc.analysis.paths import depth, receptive_fields
from archc.ir import Graph
from archc.ops.base import Pair, Shape


@dataclass(frozen=True, slots=True)
class Layer:
    """A row of the table: a layer, all its towers together.

    `output` is `(C, H, W)`, `receptive_field` `(height, width)` in input pixels; counts are for
    one image; `line` is where the spec has it.
    """

    name: str
    op: str
    output: Shape
    params: int
    macs: int
    flops: int
    neurons: int
    receptive_field: Pair
    line: int


@dataclass(frozen=True, slots=True)
class StageTotal:
    """A labelled stage: the sums of its layers, the output `(C, H, W)` of its last."""

    name: str
    output: Shape
    params: int
    macs: int
    flops: int
    neurons: int


@dataclass(frozen=True)
class Report:
    """The figures of a net."""

    net: str
    doc: str
    input: Shape
    output: Shape
    counts: Counts
    without_heads: Counts
    depth: int
    receptive_field: Pair
    memory: Memory
    layers: tuple[Layer, ...]
    stages: tuple[StageTotal, ...]
    has_heads: bool


def report(graph: Graph, *, batch: int = 1, precision: Precision = "fp32") -> Report:
    """Every figure of a graph, its memory for a batch at a precision."""
    counts = [count(graph, node) for node in graph.nodes]
    # The counts of all nodes before each: those of any stage are a difference.
    before = list(accumulate(counts, initial=Counts()))
    fields = receptive_fields(graph)
    layers = tuple(
        Layer(
            name=node.path,
            op=node.op.word,
            output=node.output,
            **counts[i].as_dict(),
            receptive_field=fields[i].size,
            line=node.span.line,
        )
        for i, node in enumerate(graph.nodes)
        if node.op is not None and node.is_layer
    )
    stages = tuple(
        StageTotal(
            name=stage.name,
            output=graph.nodes[stage.last].output,
            **(before[stage.last + 1] - before[stage.first]).as_dict(),
        )
        for stage in graph.stages
        if stage.named
    )
    return Report(
        net=graph.name,
        doc=graph.doc,
        input=graph.input,
        output=graph.shape,
        counts=before[-1],
        without_heads=without_heads(graph, counts),
        depth=depth(graph),
        receptive_field=fields[graph.output].size,
        memory=memory(graph).at(batch=batch, precision=precision),
        layers=layers,
        stages=stages,
        has_heads=bool(graph.heads),
    )


def field_json(field: Pair) -> int | list[int]:
    """A receptive field: one number where it is square, else `[height, width]`."""
    return field[0] if field[0] == field[1] else list(field)


def as_json(found: Report) -> dict[str, object]:
    """The report as the object that `archc params --json` prints.

    Counts are for one image; memory is in bytes, for the batch that it names.
    """
    inference, training = found.memory.inference, found.memory.training
    return {
        "net": found.net,
        "input": list(found.input),
        "output": list(found.output),
        "params": found.counts.params,
        "trainable": found.counts.params,
        "macs": found.counts.macs,
        "flops": found.counts.flops,
        "neurons": found.counts.neurons,
        "depth": found.depth,
        "receptive_field": field_json(found.receptive_field),
        "memory": {
            "batch": found.memory.batch,
            "precision": found.memory.precision,
            "weights": inference.weights,
            "activations_inference": inference.activations,
            "inference": inference.total,
            "weights_training": training.weights,
            "gradients": training.gradients,
            "momentum": training.momentum,
            "activations_training": training.activations,
            "training": training.total,
        },
        "layers": [
            {
                "name": layer.name,
                "op": layer.op,
                "output": list(layer.output),
                "params": layer.params,
                "macs": layer.macs,
                "receptive_field": field_json(layer.receptive_field),
                "line": layer.line,
            }
            for layer in found.layers
        ],
    }
