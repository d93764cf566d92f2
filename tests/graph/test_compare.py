"""Two nets side by side: which layers are aligned, and how the difference is printed."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path

import pytest

from archc.analysis.compare import Comparison, as_json, compare
from archc.cli.compare import as_markdown, as_text
from archc.ir import Graph
from tests.nets import ROOT, SMALL, SPECS, net, spec


def zoo(name: str) -> Graph:
    return spec(ROOT / "specs" / f"{name}.arch")


def changes(found: Comparison) -> list[tuple[str, str, str]]:
    """Every row that is not the same: its mark, and the op of A and of B."""
    return [
        (row.mark, row.a.text if row.a else "", row.b.text if row.b else "")
        for row in found.rows
        if row.mark != " "
    ]


def test_vgg_b_has_two_convs_more_than_a() -> None:
    found = compare(zoo("vgg_a"), zoo("vgg_b"))
    assert changes(found) == [
        ("+", "", "conv(3, 1, 64, pad=1)"),
        ("+", "", "conv(3, 1, 128, pad=1)"),
    ]
    assert [row.b.layer.name for row in found.rows if row.a is None and row.b] == ["conv2", "conv4"]
    assert len(found.rows) == 18
    totals = {each.name: (each.a, each.b) for each in found.totals}
    assert totals["params"] == (132_863_336, 133_047_848)
    assert totals["macs"] == (7_609_090_048, 11_308_466_176)
    assert totals["depth"] == (11, 13)
    assert (found.others_a, found.others_b) == ((), ())


def test_the_other_way_round_they_are_gone() -> None:
    marks = [mark for mark, _, _ in changes(compare(zoo("vgg_b"), zoo("vgg_a")))]
    assert marks == ["-", "-"]


def test_vgg_d_is_c_with_larger_kernels() -> None:
    assert changes(compare(zoo("vgg_c"), zoo("vgg_d"))) == [
        ("~", f"conv(1, 1, {n})", f"conv(3, 1, {n}, pad=1)") for n in (256, 512, 512)
    ]


def test_zfnet_against_alexnet() -> None:
    found = compare(zoo("alexnet_1tower"), zoo("zfnet"))
    assert changes(found)[0] == ("~", "conv(11, 4, 96)", "conv(7, 2, 96, pad=1)")
    same = [row.a.layer.name for row in found.rows if row.mark == " " and row.a]
    assert same == "lrn1 conv3 conv4 conv5 fc6 fc7 fc8".split()


@pytest.mark.parametrize("name", ["alexnet", "alexnet_1tower"])
def test_weight_layers_meet_where_pools_moved(name: str) -> None:
    found = compare(zoo(name), zoo("zfnet"))
    pairs = [(row.a.layer.name, row.b.layer.name) for row in found.rows if row.a and row.b]
    assert {(f"conv{i}", f"conv{i}") for i in range(1, 6)} < set(pairs)


def test_a_row_tells_multiply_adds_and_receptive_field() -> None:
    """Of VGG's conv7, by hand: 56*56*256*256 with 1x1; nine times that, 8 pixels more, with 3x3."""
    text = as_text(compare(zoo("vgg_c"), zoo("vgg_d")))
    row = next(line for line in text.splitlines() if line.startswith("~"))
    a, b = (side.split() for side in row.split("conv7:")[1:])
    assert a[-4:] == ["256x56x56", "65,792", "205,520,896", "32"]
    assert b[-4:] == ["256x56x56", "590,080", "1,849,688,064", "40"]


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_a_net_is_itself(path: Path) -> None:
    graph = spec(path)
    found = compare(graph, graph)
    assert changes(found) == []
    assert (found.others_a, found.others_b) == ((), ())
    assert all(each.ratio == 1 for each in found.totals)


@pytest.mark.parametrize("name", SMALL)
def test_every_layer_has_one_row_in_order(name: str) -> None:
    for other in SMALL.values():
        found = compare(SMALL[name], other)
        for rows, alone in (
            ([row.a for row in found.rows], compare(SMALL[name], SMALL[name])),
            ([row.b for row in found.rows], compare(other, other)),
        ):
            assert [row for row in rows if row] == [row.a for row in alone.rows]
        assert as_text(found)
        assert as_markdown(found)
        json.dumps(as_json(found))


def test_what_means_the_same_is_the_same() -> None:
    one = net("input(3x9x9) conv(3, 1, 4, pad=same) maxpool(3, 2, pad=same) fc(2)")
    other = net("input(3x9x9) conv(3x3, 1x1, 4, pad=1x1, groups=1) maxpool(3, 2x2, pad=1) fc(2)")
    assert changes(compare(one, other)) == []
    wide = net("input(5x9x9) conv(3, 1, 4, pad=1) maxpool(3, 2, pad=1) fc(2)")
    assert changes(compare(one, wide)) == [("~", "conv(3, 1, 4, pad=1)", "conv(3, 1, 4, pad=1)")]


def test_other_ops_are_told_once() -> None:
    one = net("input(3x9x9) conv(3, 1, 4) tanh conv(3, 1, 4) tanh fc(2) dropout(0.5) softmax")
    other = net("input(3x9x9) towers(2) { conv(3, 1, 2) relu } fc(2) dropout(0.4) softmax")
    found = compare(one, other)
    assert found.others_a == ("tanh", "dropout(0.5)")
    assert found.others_b == ("relu", "dropout(0.4)")
    assert "\nalso only in A: tanh, dropout(0.5)\n" in as_text(found)
    assert found.rows[0].b
    assert found.rows[0].b.text == "conv(3, 1, 2) in 2 towers"


def test_a_ratio_may_be_none() -> None:
    found = compare(SMALL["no weights"], net("input(3x9x9) conv(3x1, 1, 2) softmax"))
    ratios = {each.name: each.ratio for each in found.totals}
    assert ratios["params"] is None
    assert ratios["receptive_field"] is None
    assert as_text(found).splitlines()[-2].split() == ["receptive", "field", "6", "3x1", "-"]


def test_json_keys() -> None:
    found = as_json(compare(zoo("vgg_a"), zoo("vgg_b")))
    assert list(found) == "a b ratio rows others".split()
    totals = "params macs params_without_aux macs_without_aux depth receptive_field neurons".split()
    text = json.loads(json.dumps(found))
    assert list(text["a"]) == list(text["b"]) == ["net", *totals]
    assert list(text["ratio"]) == totals
    assert text["ratio"]["depth"] == 13 / 11
    added = text["rows"][1]
    assert (added["mark"], added["a"]) == ("+", None)
    assert list(added["b"]) == "name op output params macs receptive_field line".split()
    assert (added["b"]["name"], added["b"]["receptive_field"]) == ("conv2", 5)
    assert text["others"] == {"a": [], "b": []}


def test_hostile_names_are_escaped() -> None:
    graph = net('"\x1b[31m a | b <script> [x](y) &lt; ~~z" input(3x9x9) conv(3, 1, 4) fc(2)')
    nodes = list(graph.nodes)
    nodes[1] = nodes[1]._replace(name="x|\\|\x1b`y")
    hostile = dataclasses.replace(graph, nodes=tuple(nodes))
    found = compare(hostile, hostile)
    text, markdown = as_text(found), as_markdown(found)
    assert "\x1b" not in text + markdown
    assert markdown.startswith("- A: �\\[31m a \\| b \\<script\\> \\[x\\](y) \\&lt; \\~\\~z\n")
    assert "| x\\|\\\\\\|�\\`y: conv(3, 1, 4) |" in markdown


def test_many_layers_that_repeat() -> None:
    """A search among alike layers is quadratic, and no net may take it far."""
    body = "input(3x4x4) conv(1, 1, {n}) repeat(5000) {{ conv(1, 1, 4) conv(1, 1, 5) }} fc(2)"
    one, other = net(body.format(n=3)), net(body.format(n=6))
    began = time.process_time()
    found = compare(one, other)
    assert time.process_time() - began < 20
    assert sum(row.a is not None for row in found.rows) == 10_002
