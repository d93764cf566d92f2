"""What each construct means: the same net as one that is written out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from archc.analysis.counts import count
from archc.driver import check, load
from archc.ir import Graph
from archc.ops.merge import Skip
from archc.passes import verify
from archc.source import Source
from tests.nets import net


def layers(graph: Graph) -> list[object]:
    """What a net computes, layer by layer, whatever the names.

    A `skip` is what stands for nothing; what reads it reads what arrived there.
    """
    place: dict[int, int] = {}
    found: list[object] = []
    for i, node in enumerate(graph.nodes):
        if isinstance(node.op, Skip):
            place[i] = place[node.inputs[0]]
            continue
        place[i] = len(found)
        counts = count(graph, node)
        inputs = [place[j] for j in node.inputs]
        found.append((node.op, inputs, node.each, node.towers, node.shared, counts))
    heads = [(place[h.tap], place[h.output], h.weight) for h in graph.heads]
    return [*found, heads, place[graph.output]]


def names(graph: Graph) -> list[str]:
    return [node.path for node in graph.nodes[1:] if not isinstance(node.op, Skip)]


def same(text: Graph, by_hand: Graph) -> None:
    assert layers(text) == layers(by_hand)


BLOCKS = """
block c3(n, act = relu) { conv(3, 1, n, pad=same) act }
block residual(n, s = 1) {
  add {
    | conv(3, s, n, pad=1) bn relu conv(3, 1, n, pad=1) bn
    | if s == 1 and in == n { skip } else { conv(1, s, n) bn }
  }
  relu
}
block stage(n, times, s = 2) {
  residual(n, s)
  repeat(times - 1) { residual(n) }
}
"""
PLAIN = "add { | conv(3, 1, %d, pad=1) bn relu conv(3, 1, %d, pad=1) bn | skip } relu "
DOWN = "add { | conv(3, 2, %d, pad=1) bn relu conv(3, 1, %d, pad=1) bn | conv(1, 2, %d) bn } relu "


# Each construct, and the same written out.
PAIRS = {
    "repeat": ("repeat(3) { conv(3, 1, 8) relu }", "conv(3, 1, 8) relu " * 3),
    "no repeat": ("relu repeat(0) { conv(3, 1, 8) } tanh", "relu tanh"),
    "repeat of a repeat": (
        "repeat(2) as i { repeat(i + 1) as j { conv(1, 1, 4 * i + j + 1) } tanh }",
        "conv(1, 1, 1) tanh conv(1, 1, 5) conv(1, 1, 6) tanh",
    ),
    "repeat over a list": (
        "repeat(len([4, 6])) as i { fc(w[i]) }",
        "fc(4) fc(6)",
    ),
    "repeat in branches": (
        "concat { | repeat(2) { c3(4) } | skip | repeat(0) { relu } }",
        "concat { | conv(3, 1, 4, pad=same) relu conv(3, 1, 4, pad=same) relu | skip | skip }",
    ),
    "repeat in towers": (
        "conv(1, 1, 4) towers(2) { repeat(2) as i { conv(3, 1, in + i) relu } }",
        "conv(1, 1, 4) towers(2) { conv(3, 1, in) relu conv(3, 1, in + 1) relu }",
    ),
    "repeat of what arrives": ("repeat(in) { fc(5) } fc(in)", "fc(5) fc(5) fc(5) fc(5)"),
    "if": ("if in == 3 { relu } else { tanh }", "relu"),
    "else": ("if in != 3 { relu } else { tanh }", "tanh"),
    "else if": ("if in == 1 { relu } else if in == 3 { tanh } else { sigmoid }", "tanh"),
    "the last else": ("if in == 1 { relu } else if in == 2 { tanh } else { sigmoid }", "sigmoid"),
    "no else": ("relu if in == 4 { tanh } fc(2)", "relu fc(2)"),
    "skip": ("relu if in == 3 { skip } else { tanh } fc(2)", "relu fc(2)"),
    "if in a branch": (
        "conv(3, 1, 8) add { | conv(3, 1, 8, pad=same) | if in == 8 { skip } else { bn } }",
        "conv(3, 1, 8) add { | conv(3, 1, 8, pad=same) | skip }",
    ),
    "if by and, or, not": (
        "if in == 3 and not w[0] < 4 or in / 0 == 1 { relu } else { tanh }",
        "relu",
    ),
    "if of counters": (
        "repeat(3) as i { if i == 0 { relu } else if i % 2 == 1 { tanh } else { sigmoid } }",
        "relu tanh sigmoid",
    ),
    "if around aux": (
        "if in == 3 { aux(weight = 0.3) { fc(10) softmax } } relu fc(10) softmax",
        "aux(weight = 0.3) { fc(10) softmax } relu fc(10) softmax",
    ),
    "stages": (
        "conv(3, 1, 8) stage(8, 2, 1) stage(16, 3)",
        "conv(3, 1, 8)" + PLAIN % (8, 8) * 2 + DOWN % (16, 16, 16) + PLAIN % (16, 16) * 2,
    ),
    "an op given": ("c3(4, tanh)", "conv(3, 1, 4, pad=same) tanh"),
    "an op given with arguments": (
        "c3(4, leaky_relu(w[0] / 8)) c3(5, act = avgpool(in - 2, 2))",
        "conv(3, 1, 4, pad=same) leaky_relu(0.5) conv(3, 1, 5, pad=same) avgpool(3, 2)",
    ),
    "skip given": ("c3(4, skip)", "conv(3, 1, 4, pad=same)"),
    "a block given": ("c3(4, residual(in))", "conv(3, 1, 4, pad=same)" + PLAIN % (4, 4)),
    "arguments at the place of use": (
        "twice(maxpool) twice(avgpool)",
        "maxpool(3, 2) maxpool(2, 1) avgpool(3, 2) avgpool(2, 1)",
    ),
    "an op handed on": ("outer(gelu(approximate=true))", "conv(1, 1, 2) gelu(approximate=true)"),
    "an op handed on with arguments": (
        "handing(leaky_relu, 0.5)", "conv(1, 1, 2) leaky_relu(0.5)"),
    "defaults": (
        ("defaults { maxpool(2, 2) conv(stride=1, pad=same) } conv(3, out=4) maxpool maxpool(3) "
        "conv(3, 2, 5, pad=0)"),
        "conv(3, 1, 4, pad=same) maxpool(2, 2) maxpool(3, 2) conv(3, 2, 5)",
    ),
    "defaults in blocks": (
        "twice(maxpool) c3(4, maxpool) defaults { maxpool(4, 3, pad=1) }",
        "maxpool(3, 2, pad=1) maxpool(2, 1, pad=1) conv(3, 1, 4, pad=same) maxpool(4, 3, pad=1)",
    ),
    "defaults of parameters": (
        "defaults { conv(k, 1, in * 2, pad=same) } conv conv(5) other(2)",
        "conv(3, 1, 6, pad=same) conv(5, 1, 12, pad=same) conv(3, 1, 24, pad=same)",
    ),
    "after": (
        "after conv { bn relu } conv(3, 1, 4) c3(5, tanh) fc(3)",
        "conv(3, 1, 4) bn relu conv(3, 1, 5, pad=same) bn relu tanh fc(3)",
    ),
    "after but last": (
        "after conv, fc but last { relu } conv(3, 1, 4) fc(5) fc(3) softmax",
        "conv(3, 1, 4) relu fc(5) relu fc(3) softmax",
    ),
    "after but last of each": (
        ("after conv but last { relu } after fc but last { tanh } conv(3, 1, 4) conv(3, 1, 4) "
        "fc(5) fc(3)"),
        "conv(3, 1, 4) relu conv(3, 1, 4) fc(5) tanh fc(3)",
    ),
    "after in heads": (
        "after fc but last { relu } fc(6) aux(weight = 0.3) { fc(5) fc(4) softmax } fc(4) softmax",
        "fc(6) relu aux(weight = 0.3) { fc(5) relu fc(4) softmax } fc(4) softmax",
    ),
    "after at the end of branches": (
        ("after conv but last { relu } conv(1, 1, 4) concat { | conv(1, 1, 2) conv(1, 1, 3) | "
        "conv(3, 1, 3, pad=1) } softmax"),
        ("conv(1, 1, 4) relu concat { | conv(1, 1, 2) relu conv(1, 1, 3) | conv(3, 1, 3, pad=1) } "
        "softmax"),
    ),
    "several after": (
        "after conv { bn } after conv, fc { relu } conv(3, 1, 4) fc(2)",
        "conv(3, 1, 4) bn relu fc(2) relu",
    ),
    "after is followed by nothing": (
        "after conv { conv(1, 1, in) relu } after relu { tanh } conv(3, 1, 4) relu",
        "conv(3, 1, 4) conv(1, 1, 4) relu relu tanh",
    ),
    "after in the net's terms": (
        "after conv { dropout(p) } drop(0.25)",
        "conv(1, 1, 2) dropout(0.5) dropout(0.25)",
    ),
    "after in towers": (
        "after conv { lrn(3) } conv(1, 1, 4) towers(2) { conv(3, 1, 4) }",
        "conv(1, 1, 4) lrn(3) towers(2) { conv(3, 1, 4) lrn(3) }",
    ),
    "shorthand": (
        "conv3-64 relu conv1x7-32 max-pool(3, 2) Conv5-k FC-4096 fc-k ResNorm(5) soft-max",
        ("conv(3, 1, 64, pad=same) relu conv(1x7, 1, 32, pad=same) maxpool(3, 2) "
        "conv(5, 1, 3, pad=same) fc(4096) fc(3) lrn(5) softmax"),
    ),
    "shorthand with arguments": (
        "conv3-64(stride=2, bias=false) conv3-8(pad=0)",
        "conv(3, 2, 64, pad=same, bias=false) conv(3, 1, 8)",
    ),
    "shorthand with defaults": (
        "defaults { conv(stride=2, pad=1) } conv3-4 conv3-5(stride=1)",
        "conv(3, 2, 4, pad=1) conv(3, 1, 5, pad=1)",
    ),
}  # fmt: skip
MORE = """
block twice(pool) { pool(3, 2) pool(2, 1) }
block outer(f) { inner(f) }
block handing(f, a) { inner(f(a)) }
block inner(f) { conv(1, 1, 2) f }
block other(k) { conv(3) }
block drop(p) { conv(1, 1, 2) dropout(p) }
"""


def test_in_is_what_arrives_at_the_op_that_is_given() -> None:
    """Not what arrives at the call: the other names are those of the call."""
    graph = net("input(3x9x9) b(5, conv(1, 1, in + n))", OTHER, "(n = 1)")
    same(graph, net("input(3x9x9) conv(3, 1, 5) conv(1, 1, 6)"))


OTHER = "block b(n, f) { conv(3, 1, n) f }"


@pytest.mark.parametrize("name", PAIRS)
def test_by_hand(name: str) -> None:
    text, by_hand = PAIRS[name]
    params = "(k = 3, p = 0.5, w = [4, 6])"
    graph = net(f"input(3x32x32) {text}", BLOCKS + MORE, params)
    same(graph, net(f"input(3x32x32) {by_hand}"))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("repeat(2) { conv(1, 1, 2) relu }",
         "repeat1.0.conv1 repeat1.0.relu1 repeat1.1.conv1 repeat1.1.relu1"),
        ("s: repeat(2) { c3(2) } repeat(1) { relu }",
         "s.0.conv1 s.0.relu1 s.1.conv1 s.1.relu1 repeat2.0.relu1"),
        ("s: repeat(1) { c3(2) c3(2) }",
         "s.0.c3_1.conv1 s.0.c3_1.relu1 s.0.c3_2.conv1 s.0.c3_2.relu1"),
        ("s: repeat(1) { b: c3(2) }", "s.0.b.conv1 s.0.b.relu1"),
        ("repeat(1) { repeat(2) { relu } } relu", ("repeat1.0.repeat1.0.relu1 "
         "repeat1.0.repeat1.1.relu1 relu1")),
        ("g: { repeat(1) { relu } } repeat(1) { relu }", "repeat1.0.relu1 repeat2.0.relu1"),
        ("if in == 3 { relu relu } else { relu } relu", "relu1 relu2 relu3"),
        ("if in == 4 { relu relu } else { relu } relu", "relu1 relu3"),
        ("if in == 4 { relu c3(2) } relu c3(2)", "relu2 c3_2.conv1 c3_2.relu1"),
        ("if in == 4 { concat { | relu | relu } } else if in == 3 { tanh } relu",
         "tanh1 relu3"),
        ("if in == 4 { repeat(3) { relu } } repeat(1) { relu }", "repeat2.0.relu1"),
        ("if in == 4 { a: relu } relu", "relu2"),
        ("after relu { tanh } relu tanh relu", "relu1 tanh1 tanh2 relu2 tanh3"),
        ("conv1-8 c: conv1-8 fc-3", "conv1 c fc1"),
        ("c3(2, tanh) c3(2, residual(2))", ("c3_1.conv1 c3_1.tanh1 c3_2.conv1 "
         "c3_2.residual1.conv1 c3_2.residual1.bn1 c3_2.residual1.relu1 c3_2.residual1.conv2 "
         "c3_2.residual1.bn2 c3_2.residual1.add1 c3_2.residual1.relu2")),
    ],
)  # fmt: skip
def test_names(text: str, found: str) -> None:
    assert names(net(f"input(3x8x8) {text}", BLOCKS)) == found.split()


def test_what_stands_for_nothing_has_names_too() -> None:
    """An `if` that takes no arm is a node all the same: no two of one name."""
    text = "if in == 4 { relu } if in == 4 { relu } repeat(0) { relu } if in == 3 { skip } q q"
    verify(net(f"input(3x8x8) {text} fc(2)", "block q { if in == 4 { relu } }"))


def test_stages() -> None:
    graph = net("input(3x8x8) s: repeat(2) { c3(2) relu } c3(2) repeat(1) { c3(3) }", BLOCKS)
    found = {stage.name: (stage.first, stage.last, stage.named) for stage in graph.stages}
    assert found == {
        "s.0.c3_1": (1, 2, False),
        "s.0": (1, 3, False),
        "s.1.c3_1": (4, 5, False),
        "s.1": (4, 6, False),
        "s": (1, 6, True),
        "c3_1": (7, 8, False),
        "repeat2.0": (9, 10, False),
        "repeat2": (9, 10, False),
    }


def test_import_is_the_same_as_inline(tmp_path: Path) -> None:
    body = "net n { input(3x32x32) conv(3, 1, 8) stage(8, 2, 1) stage(16, 3) outer(tanh) }"
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "more.arch").write_text(MORE)
    (tmp_path / "blocks.arch").write_text(f'import "parts/more.arch"\n{BLOCKS}')
    (tmp_path / "net.arch").write_text(f'import "blocks.arch"\n{body}')
    graph = load(str(tmp_path / "net.arch"))
    inline = check(Source("t", f"{body}\n{BLOCKS}{MORE}"))
    same(graph, inline)
    assert names(graph) == names(inline)
    assert [s.name.rpartition("/")[2] for s in graph.sources] == [
        "net.arch", "blocks.arch", "more.arch",
    ]  # fmt: skip
