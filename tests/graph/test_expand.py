"""Specs written out: the same layers, in a text without blocks, repeats and parameters."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings

from archc.analysis.counts import count
from archc.cli import main
from archc.diagnostics import DiagnosticError
from archc.driver import check, setting
from archc.expand import expanded
from archc.ir import Graph
from archc.layout import formatted
from archc.ops.merge import Skip, Tile
from archc.parser import parse
from archc.source import Source
from tests.docs.blocks import complete, every
from tests.graph.features import FEATURES
from tests.graph.random_specs import specs
from tests.nets import GOOGLENET, SMALL, SPECS, spec


def rewritten(graph: Graph) -> Graph:
    """The graph of the text that a graph is written out as, which holds what it should only."""
    text = expanded(graph)
    source = Source("expanded.arch", text)
    assert formatted(source) == text
    file = parse(source)
    assert not file.imports
    assert not file.blocks
    net = file.nets[0]
    assert (net.params, net.defaults, net.afters) == ((), (), ())
    again = check(source)
    assert {node.scope.kind for node in again.nodes} <= {"net", "aux"}
    return again


def is_written(graph: Graph, index: int) -> bool:
    """Whether a node is one of the new text: one that passes on what arrives is not, unless it
    hands it out to towers."""
    node = graph.nodes[index]
    return not isinstance(node.op, Skip) or (node.shared and node.towers > 1)


def places(graph: Graph) -> dict[int, int]:
    """Which node of the new text each node is, or is read as."""
    found: dict[int, int] = {}
    count = 0
    for index, node in enumerate(graph.nodes):
        if is_written(graph, index):
            found[index], count = count, count + 1
        else:
            found[index] = found[node.inputs[0]]
    return found


def same(graph: Graph, again: Graph) -> None:
    """All that is asked of a net is the same of the one written out."""
    place = places(graph)
    nodes = [node for i, node in enumerate(graph.nodes) if is_written(graph, i)]
    assert len(nodes) == len(again.nodes)
    for before, after in zip(nodes, again.nodes, strict=True):
        op = Tile(copies=1) if isinstance(before.op, Skip) else before.op
        inputs = tuple(place[i] for i in before.inputs)
        wanted = op, inputs, before.each, before.towers, before.shared
        assert (after.op, after.inputs, after.each, after.towers, after.shared) == wanted
    assert again.output == place[graph.output]
    heads = [(place[head.tap], place[head.output], head.weight) for head in graph.heads]
    assert [(head.tap, head.output, head.weight) for head in again.heads] == heads
    assert (again.name, again.doc, again.input) == (graph.name, graph.doc, graph.input)
    claims = 0 if graph.altered else len(graph.net.expects)
    assert len(again.net.expects) == claims
    sources = [assumption.source for assumption in graph.assumed]
    kept = [assumption.source for assumption in again.assumed]
    noted = [line for line in again.source.text.splitlines() if line.strip().startswith("# ")]
    for source in sources:
        assert source in kept or any(f'assumed "{source}"' in line for line in noted)
    assert (graph.recipe is None) == (again.recipe is None)
    if graph.recipe is None or again.recipe is None:
        return
    for field in ("batch", "epochs", "augment", "evaluate", "optimizer", "schedule"):
        assert getattr(again.recipe, field) == getattr(graph.recipe, field)
    for before, after in zip(nodes, again.nodes, strict=True):
        if before.op and before.op.counted:
            starts = again.recipe.init_of(before.op.word, after.path)
            assert starts == graph.recipe.init_of(before.op.word, before.path), before.path


GRAPHS = (
    {path.name: spec(path) for path in (*SPECS, GOOGLENET)}
    | SMALL
    | {
        block.place: check(Source(block.place, complete(block)))
        for block in every("arch")
        if block.manner not in ("refused", "imports")
    }
)


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_specs(graph: Graph) -> None:
    same(graph, rewritten(graph))


@pytest.mark.parametrize("name", FEATURES)
def test_features(name: str) -> None:
    graph = check(Source("feature.arch", FEATURES[name]))
    same(graph, rewritten(graph))


def lines(text: str, settings: dict[str, str] | None = None) -> list[str]:
    """What a text is written out as: the lines within its net, as they stand."""
    values = {name: setting(name, value) for name, value in (settings or {}).items()}
    graph = check(Source("short.arch", text), values)
    same(graph, rewritten(graph))
    _, _, *inner, _ = expanded(graph).splitlines()
    return [line.strip() for line in inner if line][1:]


def test_a_label_stays_where_it_is_alone() -> None:
    text = """net n { input(3x8x8) a: b() b() z: relu concat { | from(a) | from(b2) } }
    block b() { x: relu y: conv(1, 1, 2) concat { | from(x) conv(1, 1, 1) | skip } }"""
    assert lines(text) == [
        "input(3x8x8)",
        "a: {",
        "a_x: relu",
        "a_y: conv(1, 1, 2)",
        "concat { | from(a_x)  conv(1, 1, 1) | skip }",
        "}",
        "b2_x: relu",
        "b2_y: conv(1, 1, 2)",
        "concat { | from(b2_x)  conv(1, 1, 1) | skip }",
        "z: relu",
        "concat { | from(a) | from(concat2) }",
    ]


def test_settings_are_worked_in_and_leave_the_claims_out() -> None:
    text = """net n(k = 2, act = relu, deep = true) {
      input(3x8x8) conv(1, 1, k) if deep { act } fc(k) softmax
      expect params == 266
      recipe { optimizer sgd(lr = 1 / k) batch k epochs k + 1 }
    }"""
    assert lines(text)[-2:] == [
        "expect params == 266",
        "recipe { optimizer sgd(lr = 1/2) batch 2 epochs 2 + 1 }",
    ]
    said = lines(text, {"k": "4", "act": "leaky_relu(0.2)"})
    assert said == [
        "input(3x8x8)",
        "conv(1, 1, 4) leaky_relu(slope=0.2)",
        "fc(4) softmax",
        "recipe { optimizer sgd(lr = 1/4) batch 4 epochs 4 + 1 }",
    ]


def test_imports_are_gone(tmp_path: Path) -> None:
    (tmp_path / "blocks.arch").write_text("block b(n) { conv(1, 1, n) relu }")
    path = tmp_path / "net.arch"
    path.write_text('import "blocks.arch"\nnet n { input(3x8x8) b(3) b(4) }')
    graph = spec(path)
    same(graph, rewritten(graph))
    assert "import" not in expanded(graph)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["expand", "vgg_d", "--set", "classes=10"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("# specs/vgg_d.arch with classes = 10, written out by archc expand.\n")
    assert "fc(10) softmax" in text
    path = tmp_path / "vgg.arch"
    assert main(["expand", "vgg_d", "--set", "classes=10", "-o", str(path)]) == 0
    assert capsys.readouterr() == ("", "")
    assert path.read_text("utf-8") == text
    assert main(["fmt", "--check", str(path)]) == 0
    assert main(["check", str(path)]) == 0
    capsys.readouterr()
    assert main(["expand", "vgg_d", "-o", str(tmp_path / "no" / "x.arch")]) == 1
    assert "error[E0605]" in capsys.readouterr().err
    assert main(["expand", "nonet"]) == 1
    assert "error[E0001]" in capsys.readouterr().err


# Random specs ----------------------------------------------------------------------------


def claimed(graph: Graph, text: str) -> str:
    """A text with a true claim of every part and layer, and an `init` that names them all."""
    said: list[str] = []
    rules: list[str] = []
    for stage in graph.stages:
        nodes = graph.nodes[stage.first : stage.last + 1]
        params = sum(count(graph, node).params for node in nodes)
        size = "x".join(map(str, nodes[-1].output))
        said += [f"expect {stage.name}.params == {params}", f"expect {stage.name}.output == {size}"]
        if any(node.op and node.op.counted for node in nodes):
            rules.append(f"{stage.name}: bias {len(rules)}")
    stages = {stage.name for stage in graph.stages}
    for node in (node for node in graph.nodes if node.path not in stages):
        said.append(f"expect {node.path}.flops == {count(graph, node).flops}")
        if node.op and node.op.counted and len(rules) % 3 == 0:
            rules.append(f"{node.path}: bias {len(rules)}")
    recipe = f"recipe {{ init {{ {'; '.join(rules)} }} optimizer sgd(lr = 1) batch 1 epochs 1 }}"
    return text % " ".join([*said, recipe])


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(specs())
def test_any_spec(text: str) -> None:
    try:
        first = check(Source("random.arch", text % ""))
    except DiagnosticError as error:
        # A label may be what a counter gives later; an unlabelled one has it first.
        assume("E0308" not in {fault.code for fault in error.diagnostics})
        raise
    graph = check(Source("random.arch", claimed(first, text)))
    same(graph, rewritten(graph))
