"""The net of one tower: which exchanges stand where."""

from __future__ import annotations

import pytest

from archc.diagnostics import DiagnosticError
from archc.driver import load
from archc.ir import Graph
from archc.ops.exchange import Exchange, TowerDropout
from archc.passes import SplitTowers, replicas, run
from tests.nets import net


def split(graph: Graph) -> Graph:
    return run([SplitTowers()], graph)


def exchanges(graph: Graph) -> list[tuple[str, str, list[str]]]:
    """Each exchange of a split net: its word, what it takes and who reads it."""
    return [
        (
            node.op.word,
            graph.nodes[node.inputs[0]].path,
            [reader.path for reader in graph.nodes if i in reader.inputs],
        )
        for i, node in enumerate(graph.nodes)
        if isinstance(node.op, Exchange)
    ]


def test_alexnet() -> None:
    """The paper's Figure 2: the GPUs communicate before conv3 and the fully connected layers."""
    whole = load("alexnet")
    part = split(whole)
    assert exchanges(part) == [
        ("cross_towers", "maxpool2", ["conv3"]),
        ("cross_towers", "maxpool3", ["fc6"]),
        ("cross_towers", "dropout1", ["fc7"]),
        ("leave_towers", "dropout2", ["fc8"]),
    ]
    assert part.part_of == 2
    nodes = {node.path: node for node in part.nodes}
    assert nodes["conv2"].each == (128, 27, 27)
    assert nodes["maxpool2_whole"].each == (256, 13, 13)
    assert isinstance(nodes["dropout1"].op, TowerDropout)
    assert not any(node.towers > 1 for node in part.nodes)


def test_weights_are_slices_along_the_first_axis() -> None:
    whole = net(
        """input(3x9x9) conv(3, 1, 4)
        towers(3) { conv(3, 1, 2) bn deconv(2, 1, 5) fc(4) layernorm }
        fc(2)"""
    )
    part = split(whole)
    shapes = {
        f"{node.path}.{name}": weight.shape
        for node in part.nodes
        for name, weight in {**part.weights(node), **part.buffers(node)}.items()
    }
    for node in whole.nodes:
        for name, weight in {**whole.weights(node), **whole.buffers(node)}.items():
            first, *rest = weight.shape
            assert shapes.pop(f"{node.path}.{name}") == (first // node.towers, *rest)
    assert not shapes


def test_a_trunk_gets_the_gradients_of_all_towers_and_the_image_none() -> None:
    image = net("input(1x8x8) towers(2) { conv(3, 1, 2) } fc(2)")
    assert exchanges(split(image)) == [("leave_towers", "conv1", ["fc1"])]
    pooled = net("input(1x8x8) maxpool(2, 2) towers(2) { conv(3, 1, 2) } fc(2)")
    assert exchanges(split(pooled)) == [("leave_towers", "conv1", ["fc1"])]
    trunk = net("input(1x8x8) conv(3, 1, 4) relu towers(2) { conv(3, 1, 2) } fc(2)")
    assert exchanges(split(trunk)) == [
        ("enter_towers", "relu1", ["conv2"]),
        ("leave_towers", "conv2", ["fc1"]),
    ]


def test_a_map_is_joined_once_however_many_read_it() -> None:
    branches = net(
        """input(1x8x8)
        towers(2) { conv(3, 1, 2) }
        towers(2) { concat { | conv(1, 1, 2) | conv(3, 1, 2, pad=1) | maxpool(3, 1, pad=1) } }
        fc(2)"""
    )
    assert exchanges(split(branches)) == [
        ("cross_towers", "conv1", ["conv2", "conv3", "maxpool1"]),
        ("leave_towers", "concat1", ["fc1"]),
    ]


def test_a_map_that_towers_and_others_read() -> None:
    """It is joined for all, and the towers enter from there: a residual around a region."""
    around = net(
        """input(1x8x8)
        towers(2) { conv(3, 1, 2) }
        add { | skip | towers(2) { conv(1, 1, 2) } }
        fc(2)"""
    )
    assert exchanges(split(around)) == [
        ("leave_towers", "conv1", ["conv1_shared", "add1"]),
        ("enter_towers", "conv1_whole", ["conv2"]),
        ("leave_towers", "conv2", ["add1"]),
    ]


def test_a_whole_map_beside_a_towers_own() -> None:
    """Within towers, `skip` hands the whole map to each tower; its own maps need nothing."""
    inside = net(
        """input(1x8x8) conv(1, 1, 4)
        towers(2) { add { | skip | conv(3, 1, 4, pad=1) } relu }
        fc(2)"""
    )
    assert exchanges(split(inside)) == [
        ("enter_towers", "conv1", ["conv2", "tile1"]),
        ("leave_towers", "relu1", ["fc1"]),
    ]


def test_between_the_iterations_of_a_repeat_and_around_a_block() -> None:
    """Exchanges stand in what is repeated, and before a block that reads the map within."""
    repeated = split(
        net(
            "input(1x8x8) repeat(3) { towers(2) { conv(3, 1, 2, pad=1) relu } } fc(2)",
        )
    )
    assert exchanges(repeated) == [
        ("cross_towers", "repeat1.0.relu1", ["repeat1.1.conv1"]),
        ("cross_towers", "repeat1.1.relu1", ["repeat1.2.conv1"]),
        ("leave_towers", "repeat1.2.relu1", ["fc1"]),
    ]
    block = split(
        net(
            "input(1x8x8) conv(1, 1, 2) towers(2) { b(2) b(3) } fc(2)",
            "block b(n) { concat { | conv(1, 1, n) | conv(3, 1, n, pad=1) } }",
        )
    )
    assert exchanges(block) == [
        ("enter_towers", "conv1", ["b1.conv1", "b1.conv2"]),
        ("leave_towers", "b2.concat1", ["fc1"]),
    ]
    outside = next(node for node in block.nodes if isinstance(node.op, Exchange))
    assert outside.path == "conv1_shared"


def test_a_net_that_ends_in_towers_gives_the_whole_output() -> None:
    part = split(net("input(1x8x8) towers(2) { conv(3, 1, 2) }"))
    assert exchanges(part) == [("leave_towers", "conv1", [])]
    assert part.shape == (4, 6, 6)


def fault(graph: Graph) -> tuple[str, int, int]:
    with pytest.raises(DiagnosticError) as caught:
        split(graph)
    (found,) = caught.value.diagnostics
    assert found.span is not None
    return found.code, found.span.line, found.span.column


def test_a_net_without_towers() -> None:
    assert fault(net("input(1x8x8) fc(2) softmax")) == ("E0901", 1, 5)


def test_towers_of_two_numbers() -> None:
    differing = net("input(1x8x8)\n towers(2) { conv(3, 1, 2) }\n towers(3) { fc(2) }")
    assert fault(differing) == ("E0902", 3, 14)


def test_a_softmax_that_no_tower_has_whole() -> None:
    assert fault(net("input(1x8x8)\n towers(2) { fc(2) softmax }")) == ("E0903", 2, 20)
    within = net("input(1x8x8) towers(2) { fc(4) softmax } fc(2) softmax")
    assert exchanges(split(within)) == [("leave_towers", "softmax1", ["fc2"])]


def test_devices_that_are_no_replicas() -> None:
    assert replicas(2, 6) == 3
    for devices in (1, 3):
        with pytest.raises(DiagnosticError, match="E0904"):
            replicas(2, devices)
