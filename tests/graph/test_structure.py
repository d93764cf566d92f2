"""What elaboration makes of blocks, labels, towers and heads."""

from __future__ import annotations

from dataclasses import replace

import pytest

from archc.ops.conv import Conv
from archc.passes import MergeTowers, StripHeads, ToLogits, run, verify
from archc.passes.verify import BrokenGraphError
from tests.nets import SMALL, net


def paths(body: str, blocks: str = "", params: str = "") -> list[str]:
    return [node.path for node in net(body, blocks, params).nodes[1:]]


def test_names_are_labels_or_words_and_counters() -> None:
    found = paths("input(3x9x9) conv(3, 1, 4) first: conv(3, 1, 4) relu conv(1, 1, 2) relu")
    # A label does not change the number of the layers after it.
    assert found == ["conv1", "first", "relu1", "conv3", "relu2"]


def test_blocks_open_a_scope_groups_do_not() -> None:
    found = paths(
        "input(3x9x9) g: { conv(1, 1, 2) b(3) } b(4) named: b(5) c3() c3()",
        "block b(n) { conv(1, 1, n) g: { relu } } block c3() { conv(1, 1, 2) }",
    )
    assert found == [
        "conv1", "b1.conv1", "b1.relu1", "b2.conv1", "b2.relu1", "named.conv1", "named.relu1",
        "c3_1.conv1", "c3_2.conv1",
    ]  # fmt: skip


def test_heads_are_scopes() -> None:
    names = [node.path for node in SMALL["inception"].nodes]
    assert "aux1.fc2" in names
    assert "aux2.conv1" in names


def test_parameters_defaults_and_arithmetic() -> None:
    graph = net(
        "input(3x9x9) b(4) b(2, 6) b(m = 3, n = 1) b(k)",
        "block b(n, m = n * 2 - 1, c = in) { conv(1, 1, n * m + c) }",
        params="(k = 7 // 2)",
    )
    widths = [node.op.out for node in graph.nodes if isinstance(node.op, Conv)]
    assert widths == [4 * 7 + 3, 2 * 6 + 31, 3 + 43, 3 * 5 + 46]


def test_ops_are_case_insensitive() -> None:
    assert paths("input(3x9x9) Conv(3, 1, 4) ReLU MaxPool(3,2)") == ["conv1", "relu1", "maxpool1"]


def test_towers_are_one_node_with_a_count() -> None:
    graph = net("input(4x9x9) towers(2) { conv(3, 1, 6) relu conv(3, 1, 5) } conv(1, 1, 3)")
    conv1, relu1, conv2, conv3 = graph.nodes[1:]
    assert (conv1.towers, conv1.shared, conv1.each, conv1.output) == (
        2,
        True,
        (6, 7, 7),
        (12, 7, 7),
    )
    assert (relu1.towers, relu1.shared) == (2, False)
    assert (conv2.shared, conv2.output) == (False, (10, 5, 5))
    assert conv3.towers == 1
    assert graph.weights(conv1)["weight"].shape == (12, 4, 3, 3)
    assert graph.weights(conv2)["weight"].shape == (10, 6, 3, 3)


def test_merged_towers_are_grouped_convolutions() -> None:
    graph = net("input(4x9x9) towers(2) { conv(3, 1, 6) relu conv(3, 1, 5) lrn(3) }")
    merged = run([MergeTowers()], graph)
    conv1, _, conv2, lrn = (node.op for node in merged.nodes[1:])
    assert isinstance(conv1, Conv)
    assert isinstance(conv2, Conv)
    assert (conv1.out, conv1.groups) == (12, 1)
    assert (conv2.out, conv2.groups) == (10, 2)
    assert lrn is not None
    assert lrn.model_dump()["groups"] == 2


@pytest.mark.parametrize("name", SMALL)
def test_passes_leave_their_argument_alone_and_keep_weights(name: str) -> None:
    graph = SMALL[name]
    before = [(node.path, node.op, node.inputs) for node in graph.nodes]
    merged = run([MergeTowers(), ToLogits()], graph)
    assert [(node.path, node.op, node.inputs) for node in graph.nodes] == before

    def shapes(g):
        return {
            n.path: {k: w.shape for k, w in g.weights(n).items()} for n in g.nodes if g.weights(n)
        }

    assert shapes(merged) == shapes(graph)


def test_stripping_heads_keeps_names_and_stages() -> None:
    graph = SMALL["inception"]
    bare = run([StripHeads()], graph)
    assert [n.path for n in bare.nodes] == [
        n.path for n in graph.nodes if not n.path.startswith("aux")
    ]
    assert [stage.name for stage in bare.stages] == ["a", "b"]
    b = next(stage for stage in bare.stages if stage.name == "b")
    assert bare.nodes[b.first].path == "b.conv1"
    assert bare.nodes[b.last].path == "b.concat1"


def test_verify_finds_what_is_broken() -> None:
    graph = SMALL["vgg"]
    nodes = list(graph.nodes)
    broken = {
        "a later node": [*nodes[:2], nodes[2]._replace(inputs=(5,)), *nodes[3:]],
        "twice": [
            *nodes[:3],
            nodes[3]._replace(name=nodes[1].name, scope=nodes[1].scope),
            *nodes[4:],
        ],
        "shape": [*nodes[:3], nodes[3]._replace(each=(1, 1, 1)), *nodes[4:]],
        "first node": [*nodes[:3], nodes[3]._replace(op=None), *nodes[4:]],
    }
    verify(graph)
    for message, changed in broken.items():
        with pytest.raises(BrokenGraphError, match=message):
            verify(replace(graph, nodes=tuple(changed)))
    with pytest.raises(BrokenGraphError, match="output"):
        verify(replace(graph, output=len(nodes)))
