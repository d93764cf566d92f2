"""Counts against the papers' numbers, worked out elsewhere (tests/facts/nets.json)."""

from __future__ import annotations

import json
import math
import re
from functools import cache
from pathlib import Path

import pytest

from archc.analysis.arithmetic import arithmetic, explained
from archc.analysis.counts import Counts, count, total
from archc.analysis.paths import depth, receptive_fields
from archc.analysis.report import as_json, report
from archc.ir import Graph
from tests.nets import ROOT, SMALL, SPECS, net, spec

FACTS = json.loads((Path(__file__).parent.parent / "facts" / "nets.json").read_text("utf-8"))

NETS = {
    "alexnet_two_tower_227": "alexnet",
    "alexnet_one_tower_paper_widths": "alexnet_1tower",
    "alexnet_half_one_gpu": "alexnet_half",
    "zfnet_paper": "zfnet",
    "vgg_A": "vgg_a",
    "vgg_A-LRN": "vgg_a_lrn",
    "vgg_B": "vgg_b",
    "vgg_B_shallow5x5": "vgg_b_5x5",
    "vgg_C": "vgg_c",
    "vgg_D": "vgg_d",
    "vgg_E": "vgg_e",
    "googlenet_paper_with_aux": "googlenet",
    "googlenet_paper_no_aux": "googlenet",
    "googlenet_naive_inception": "googlenet_naive",
}

# Where the facts name a stage by another word than our canonical names.
_COMMON = {"norm1": "lrn1", "norm2": "lrn2", "pool1": "maxpool1", "pool2": "maxpool2"}
_ALEXNET = {**_COMMON, "pool5": "maxpool3"}
_GOOGLENET = {
    **_COMMON, "pool3": "maxpool3", "pool4": "maxpool4", "pool5": "global_avgpool1",
    "linear": "fc1",
    **{name: f"i{name}" for name in "3a 3b 4a 4b 4c 4d 4e 5a 5b".split()},
}  # fmt: skip
RENAMED = {
    "alexnet": _ALEXNET,
    "zfnet": _ALEXNET,
    "vgg": {"fc6": "fc1", "fc7": "fc2", "fc8": "fc3"},
    "googlenet": _GOOGLENET,
}


@cache
def zoo(name: str) -> Graph:
    """The graph of a spec that comes with archc."""
    return spec(ROOT / "specs" / f"{name}.arch")


def between_pools(graph: Graph, number: int) -> tuple[Counts, tuple[int, int, int]]:
    """A row of VGG's Table 1: from the pool before it, or the input, to its own."""
    paths = [node.path for node in graph.nodes]
    first = paths.index(f"maxpool{number - 1}") + 1 if number > 1 else 1
    last = paths.index(f"maxpool{number}")
    return total(graph, graph.nodes[first : last + 1]), graph.nodes[last].output


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
    graph = zoo(NETS[fact])
    counts = total(graph, graph.nodes)
    if fact.endswith("no_aux"):
        counts = report(graph).without_heads
    assert counts.params == FACTS[fact]["params"]
    assert counts.macs == FACTS[fact]["macs"]
    assert list(graph.input) == FACTS[fact]["input"]


@pytest.mark.parametrize(
    ("fact", "stage"), [(fact, stage) for fact in NETS for stage in FACTS[fact]["stages"]]
)
def test_every_stage(fact: str, stage: str) -> None:
    expected = FACTS[fact]["stages"][stage]
    graph = zoo(NETS[fact])
    if stage.startswith("block"):
        counts, output = between_pools(graph, int(stage.removeprefix("block")))
    elif fact.startswith("googlenet") and stage == "conv2":
        # The facts take the 1x1 reduction and the 3x3 convolution as one stage.
        parts = [part(graph, name) for name in ("conv2", "conv3")]
        counts, output = parts[0][0] + parts[1][0], parts[1][1]
    else:
        counts, output = part(graph, RENAMED[fact.split("_")[0]].get(stage, stage))
    assert counts.params == expected["params"]
    assert counts.macs == expected["macs"]
    assert list(output) == expected["out"]


def test_alexnets_neurons() -> None:
    """The true sum of its layers' outputs (docs/papers.md); the paper says 650,000."""
    graph = zoo("alexnet")
    assert total(graph, graph.nodes).neurons == 659_272


def test_every_fact_has_its_spec() -> None:
    assert NETS.keys() == FACTS.keys()


def test_the_net_for_one_gpu_is_about_as_large_as_the_one_for_two() -> None:
    """Krizhevsky et al. 2012, footnote 2, worked out by hand: conv5 and fc6 are not halved."""
    half = FACTS["alexnet_half_one_gpu"]["stages"]
    by_hand = sum(half[name]["params"] for name in ("conv1", "conv2", "conv3", "conv4"))
    by_hand += (3 * 3 * 192 + 1) * 256
    by_hand += FACTS["alexnet_two_tower_227"]["stages"]["fc6"]["params"]
    by_hand += half["fc7"]["params"] + half["fc8"]["params"]
    graph = zoo("alexnet_one_gpu")
    assert total(graph, graph.nodes).params == by_hand == 59_798_312


def test_the_net_of_the_relu_figure() -> None:
    """cuda-convnet's: three of 5x5 that keep the size, pools that round 32 to 16, 8 and 4."""
    by_hand = (5 * 5 * 3 + 1) * 32 + (5 * 5 * 32 + 1) * 32 + (5 * 5 * 32 + 1) * 64
    by_hand += (64 * 4 * 4 + 1) * 10
    for name in ("cifar_relu", "cifar_tanh"):
        graph = zoo(name)
        assert total(graph, graph.nodes).params == by_hand
        kinds = [node.op.word for node in graph.nodes if node.op]
        assert kinds.count(name.removeprefix("cifar_")) == 3


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("alexnet", 8), ("alexnet_1tower", 8), ("alexnet_half", 8), ("zfnet", 8), ("lenet", 5),
        ("vgg_a", 11), ("vgg_a_lrn", 11), ("vgg_b", 13), ("vgg_b_5x5", 8), ("vgg_c", 16),
        ("vgg_d", 16), ("vgg_e", 19), ("cifar_relu", 4), ("cifar_tanh", 4),
    ],
)  # fmt: skip
def test_depth(name: str, layers: int) -> None:
    assert depth(zoo(name)) == layers


# Simonyan & Zisserman 2014, Table 1, below "input (224x224 RGB image)".
TABLE_1 = {
    "vgg_a": "1 2 33 44 44",
    "vgg_a_lrn": "1L 2 33 44 44",
    "vgg_b": "11 22 33 44 44",
    "vgg_c": "11 22 33p 44p 44p",
    "vgg_d": "11 22 333 444 444",
    "vgg_e": "11 22 3333 4444 4444",
}


@pytest.mark.parametrize("name", TABLE_1)
def test_a_spec_is_its_column_of_table_1_word_for_word(name: str) -> None:
    words: list[str] = []
    for row, width in zip(TABLE_1[name].split(), (64, 128, 256, 512, 512), strict=True):
        for layer in row:
            words += {"L": ["LRN"], "p": [f"conv1-{width}"]}.get(layer, [f"conv3-{width}"])
        words.append("maxpool")
    words += ["FC-4096", "FC-4096", "FC-classes", "soft-max"]
    text = (ROOT / "specs" / f"{name}.arch").read_text("utf-8")
    column = text.partition("input(3x224x224)\n")[2].partition("\n\n")[0]
    assert column.split() == words


def test_googlenet_has_22_weight_layers_heads_apart() -> None:
    graph = zoo("googlenet")
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
    """Seen from outside: which pixels of the input's middle row and column change the middle of
    the last map."""
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

    def reaches(row: int, column: int) -> bool:
        changed = x.copy()
        changed[0, 0, row, column] += 1.0
        after = interpreter.run(graph, weights, changed)[-1]
        return bool((after[..., *middle] != before[..., *middle]).any())

    _, height, width = graph.input
    rows = [row for row in range(height) if reaches(row, width // 2)]
    columns = [column for column in range(width) if reaches(height // 2, column)]
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


@pytest.mark.parametrize("name", [*SMALL, *(path.name for path in SPECS)])
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
