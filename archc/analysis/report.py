"""All figures of a net in one object: what `archc params` prints."""

from __future__ import annotations

from dataclasses import dataclass

from archc.analysis.counts import Counts, count, total
from archc.analysis.memory import Memory, memory
from archc.analysis.paths import depth, receptive_fields
from archc.ir import Graph
from archc.ops.base import Pair, Shape


@dataclass(frozen=True)
class Layer:
    """A row of the table."""

    name: str
    op: str
    output: Shape
    counts: Counts
    receptive_field: Pair
    line: int


@dataclass(frozen=True)
class StageTotal:
    """A labelled stage: the sums of its layers, the output of its last."""

    name: str
    output: Shape
    counts: Counts


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


def report(graph: Graph) -> Report:
    """Every figure of a graph."""
    counts = [count(graph, node) for node in graph.nodes]
    fields = receptive_fields(graph)
    layers = tuple(
        Layer(
            node.path,
            node.op.word,
            node.output,
            counts[i],
            fields[i].size,
            node.span.line,
        )
        for i, node in enumerate(graph.nodes)
        if node.op is not None
    )
    stages = tuple(
        StageTotal(
            stage.name,
            graph.nodes[stage.last].output,
            sum(counts[stage.first : stage.last + 1], Counts()),
        )
        for stage in graph.stages
        if stage.named
    )
    main = [node for node in graph.nodes if not graph.in_head(node)]
    return Report(
        net=graph.name,
        doc=graph.doc,
        input=graph.input,
        output=graph.shape,
        counts=sum(counts, Counts()),
        without_heads=total(graph, main),
        depth=depth(graph),
        receptive_field=fields[graph.output].size,
        memory=memory(graph),
        layers=layers,
        stages=stages,
        has_heads=bool(graph.heads),
    )


def field_json(field: Pair) -> int | list[int]:
    """A receptive field: one number where it is square, else `[height, width]`."""
    return field[0] if field[0] == field[1] else list(field)


def as_json(found: Report) -> dict[str, object]:
    """The report as the object that `archc params --json` prints.

    Counts are for one image; memory is in bytes.
    """
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
            "weights": found.memory.weights,
            "activations_inference": found.memory.inference,
            "activations_training": found.memory.training,
        },
        "layers": [
            {
                "name": layer.name,
                "op": layer.op,
                "output": list(layer.output),
                "params": layer.counts.params,
                "macs": layer.counts.macs,
                "receptive_field": field_json(layer.receptive_field),
                "line": layer.line,
            }
            for layer in found.layers
        ],
    }
