"""Counts against the papers' numbers, worked out elsewhere (tests/facts/nets.json)."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest

from archc.analysis.arithmetic import arithmetic, explained
from archc.analysis.counts import Counts, count, total
from archc.analysis.paths import depth, receptive_fields
from archc.analysis.report import as_json, report
from archc.ir import Graph
from tests.nets import GOOGLENET, ROOT, SMALL, net, spec

FACTS = json.loads((Path(__file__).parent.parent / "facts" / "nets.json").read_text("utf-8"))

NETS = {
    "alexnet_two_tower_227": ROOT / "specs" / "alexnet.arch",
    "vgg_D": ROOT / "specs" / "vgg_d.arch",
    "googlenet_paper_with_aux": GOOGLENET,
}

# Where the facts name a stage by another word than our canonical names.
RENAMED = {
    "alexnet_two_tower_227": {
        "norm1": "lrn1", "norm2": "lrn2",
        "pool1": "maxpool1", "pool2": "maxpool2", "pool5": "maxpool3",
    },
    "googlenet_paper_with_aux": {
        "norm1": "lrn1", "norm2": "lrn2", "pool1": "maxpool1", "pool2": "maxpool2",
        "pool3": "maxpool3", "pool4": "maxpool4", "pool5": "avgpool1", "fc": "fc1",
        "linear": "fc1", "classifier": "fc1",
        **{f"{name}": f"i{name}" for name in "3a 3b 4a 4b 4c 4d 4e 5a 5b".split()},
    },
}  # fmt: skip


def part(graph: Graph, name: str) -> tuple[Counts, tuple[int, int, int]]:
    """The counts and output of a layer or stage."""
    for stage in graph.stages:
        if stage.name == name:
            nodes = graph.nodes[stage.first : stage.last + 1]
            return total(graph, nodes), nodes[-1].output
    node = next(node for node in graph.nodes if node.path == name)
    return count(graph, node), node.output


@pytest.mark.parametrize("fact", NETS)
def test_totals(fact: str) -> None:
    graph = spec(NETS[fact])
    counts = total(graph, graph.nodes)
    assert counts.params == FACTS[fact]["params"]
    assert counts.macs == FACTS[fact]["macs"]
    assert list(graph.input) == FACTS[fact]["input"]


@pytest.mark.parametrize(
    ("fact", "stage"), [(fact, stage) for fact in NETS for stage in FACTS[fact]["stages"]]
)
def test_every_stage(fact: str, stage: str) -> None:
    expected = FACTS[fact]["stages"][stage]
    graph = spec(NETS[fact])
    if fact.startswith("googlenet") and stage == "conv2":
        # The facts take the 1x1 reduction and the 3x3 convolution as one stage.
        parts = [part(graph, name) for name in ("conv2", "conv3")]
        counts, output = parts[0][0] + parts[1][0], parts[1][1]
    else:
        counts, output = part(graph, RENAMED.get(fact, {}).get(stage, stage))
    assert counts.params == expected["params"]
    assert counts.macs == expected["macs"]
    assert list(output) == expected["out"]


def test_alexnets_neurons() -> None:
    """The true sum of its layers' outputs (docs/papers.md); the paper says 650,000."""
    graph = spec(NETS["alexnet_two_tower_227"])
    assert total(graph, graph.nodes).neurons == 659_272


@pytest.mark.parametrize(("name", "layers"), [("alexnet", 8), ("vgg_d", 16), ("lenet", 5)])
def test_depth(name: str, layers: int) -> None:
    assert depth(spec(ROOT / "specs" / f"{name}.arch")) == layers


def test_googlenet_has_22_weight_layers_heads_apart() -> None:
    graph = spec(GOOGLENET)
    assert depth(graph) == 22
    found = report(graph)
    assert found.counts.params == 13_378_280
    assert found.without_heads.params == 6_998_552
    assert found.without_heads.macs == 1_582_671_872


def fields(graph: Graph) -> list[tuple[int, int]]:
    return [field.size for field in receptive_fields(graph)[1:]]


def test_stacks_of_3x3_see_5x5_and_7x7() -> None:
    """Simonyan & Zisserman 2014, Section 2.3."""
    graph = net("input(8x32x32) conv(3, 1, 8) conv(3, 1, 8) conv(3, 1, 8)")
    assert fields(graph) == [(3, 3), (5, 5), (7, 7)]


def test_receptive_fields_over_strides_and_branches() -> None:
    graph = net(
        """input(3x32x32) conv(5, 2, 4) maxpool(2, 2)
        concat { | conv(1x3, 1, 2, pad=0x1) | conv(3, 1, 2, pad=same) conv(3, 1, 2, pad=same) }
        fc(5)"""
    )
    # 5; 5 + 1 * 2 = 7 with a step of 4; branches 7 x (7 + 8) and (7 + 16) squared;
    # the map is 7x7: fc reaches 6 steps of 4 further.
    assert fields(graph) == [(5, 5), (7, 7), (7, 15), (15, 15), (23, 23), (23, 23), (47, 47)]


def test_the_field_is_the_part_of_the_input_that_an_output_depends_on() -> None:
    """Seen from outside: which input pixels change the middle of the last map."""
    import numpy as np

    from tests.oracle import interpreter

    graph = net(
        """input(1x33x37) conv(3x5, 2x1, 2) tanh avgpool(3, 2)
        concat { | conv(1, 1, 2) | conv(3, 1, 2, pad=same) tanh avgpool(3, 1, pad=same) }"""
    )
    weights = interpreter.random_weights(graph, np.random.default_rng(0))
    x = np.random.default_rng(1).normal(size=(1, *graph.input))
    before = interpreter.run(graph, weights, x)[-1]
    middle = (before.shape[2] // 2, before.shape[3] // 2)
    rows, columns = set(), set()
    for row, column in np.ndindex(*graph.input[1:]):
        changed = x.copy()
        changed[0, 0, row, column] += 1.0
        after = interpreter.run(graph, weights, changed)[-1]
        if (after[..., middle[0], middle[1]] != before[..., middle[0], middle[1]]).any():
            rows.add(row)
            columns.add(column)
    assert (len(rows), len(columns)) == receptive_fields(graph)[-1].size


def test_towers_count_each_copy() -> None:
    one = net("input(3x9x9) conv(3, 1, 4) lrn(3) conv(3, 1, 6)")
    two = net("input(3x9x9) towers(2) { conv(3, 1, 4) lrn(3) conv(3, 1, 6) }")
    for a, b in zip(one.nodes[1:], two.nodes[1:], strict=True):
        doubled = count(one, a) + count(one, a)
        assert count(two, b) == doubled
        assert b.output == (2 * a.output[0], *a.output[1:])


def test_flops_are_two_a_mac_and_the_rest() -> None:
    graph = net("input(2x6x6) conv(3, 1, 4) relu maxpool(2, 2) lrn(3) fc(5, bias=false) softmax")
    found = [count(graph, node).flops for node in graph.nodes[1:]]
    macs = 4 * 4 * 4 * 2 * 9
    assert found == [2 * macs + 64, 64, 16 * 4, 16 * (3 + 2 + 4), 2 * 16 * 5, 15]


@pytest.mark.parametrize("name", SMALL)
def test_a_report_holds_together(name: str) -> None:
    found = as_json(report(SMALL[name]))
    layers = found["layers"]
    assert isinstance(layers, list)
    assert found["params"] == sum(layer["params"] for layer in layers)
    assert found["macs"] == sum(layer["macs"] for layer in layers)
    assert found["output"] == layers[-1]["output"]
    json.dumps(found)


def value(text: str) -> int:
    """The value of `floor((227 + 2*0 - 11)/4) + 1`, worked out by Python's own arithmetic."""
    names = {"floor": math.floor, "ceil": math.ceil, "__builtins__": {}}
    return eval(text.replace(",", ""), names)


@pytest.mark.parametrize("name", [*SMALL, "alexnet.arch", "vgg_d.arch", "lenet.arch"])
def test_the_arithmetic_that_is_shown_comes_out(name: str) -> None:
    """Every line's two sides are equal, and what it ends in is what the table has."""
    graph = SMALL[name] if name in SMALL else spec(ROOT / "specs" / name)
    for node in graph.nodes:
        found: dict[str, int] = {}
        for line in arithmetic(graph, node):
            text = re.sub(r"^(height|width|in \d+ towers) ", "", line).partition(", the last")[0]
            formula, _, unit = text.rpartition(" ") if text[-1].isalpha() else (text, "", "size")
            sides = formula.split(" = ")
            assert len({value(side) for side in sides}) == 1, line
            found[unit] = value(sides[-1])
        if node.op is None or not found:
            continue
        counts = count(graph, node)
        assert found.get("params", counts.params) == counts.params
        assert found.get("MACs", counts.macs) == counts.macs
        assert ("params" in found) == (counts.params > 0)
        assert ("MACs" in found) == (counts.macs > 0)


def test_the_arithmetic_reads_as_a_course_writes_it() -> None:
    graph = net("input(3x227x227) conv(11, 4, 96) maxpool(3, 2) conv(1x3, 1, 8) fc(10)")
    assert explained(graph).splitlines() == [
        "conv1: 55 = floor((227 + 2*0 - 11)/4) + 1",
        "conv1: (11*11*3 + 1)*96 = 34,944 params",
        "conv1: 55*55*96*11*11*3 = 105,415,200 MACs",
        "maxpool1: 27 = floor((55 + 2*0 - 3)/2) + 1",
        "conv2: height 27 = floor((27 + 2*0 - 1)/1) + 1",
        "conv2: width 25 = floor((27 + 2*0 - 3)/1) + 1",
        "conv2: (1*3*96 + 1)*8 = 2,312 params",
        "conv2: 27*25*8*1*3*96 = 1,555,200 MACs",
        "fc1: (27*25*8 + 1)*10 = 54,010 params",
        "fc1: 27*25*8*10 = 54,000 MACs",
    ]
