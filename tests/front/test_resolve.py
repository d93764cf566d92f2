"""A resolved spec stands on its own, and is the same net."""

from __future__ import annotations

from pathlib import Path

import pytest

from archc.driver import check, load, setting
from archc.ir import Graph
from archc.parser import parse
from archc.resolve import resolved
from archc.source import Source

SPEC = """# A comment.
import "blocks/c3.arch"

net n(classes = 10, act = relu, widths = [8, 16],  # lists
      size) {
  input([3, size, size],  # of a size
        width = 1)
  after conv { act }
  repeat(len(widths)) as i { c3(widths[i], size > 20) maxpool(2, 2) }
  down(8)  # blocks of blocks
  fc(classes) softmax
  expect params == 3
  recipe { augment { resize(36) random_crop(input) } optimizer sgd(0.1)  batch 8  epochs 3 }
}

import "down.arch"  # a second one
"""
C3 = """import "../specs.arch"
net ignored { relu }
block c3(n, b) {  # an imported block
  conv(3, 1, n, pad=same, bias=b)
}
"""
DOWN = 'import "blocks/c3.arch"\n\nblock down(n) { c3(n, true)\n  maxpool(2, 2) }\n'


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    (tmp_path / "blocks").mkdir()
    (tmp_path / "n.arch").write_text(SPEC)
    (tmp_path / "blocks" / "c3.arch").write_text(C3.partition("\n")[2])
    (tmp_path / "down.arch").write_text(DOWN)
    return tmp_path / "n.arch"


def meaning(graph: Graph) -> list[object]:
    """What a graph computes, and the names in it."""
    return [
        graph.name,
        graph.input,
        graph.shape,
        [(n.path, n.op, n.inputs, n.each, n.towers, n.shared) for n in graph.nodes],
        [(s.name, s.first, s.last) for s in graph.stages],
        graph.recipe and graph.recipe.augment,
    ]


SETTINGS = {
    "nothing": {},
    "a number": {"classes": "5"},
    "an op": {"act": "tanh"},
    "an op with arguments": {"act": "leaky_relu(0.1, # a comment )\n)"},
    "skip": {"act": "skip"},
    "a list": {"widths": "[4, 4, 8]"},
    "a list of one": {"widths": "[4]"},
}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize(
    ("shape", "width"), [(None, None), ((1, 36, 40), None), (None, 0.5), ((3, 64, 64), 2.25)]
)
def test_the_same_net(
    name: str, shape: tuple[int, int, int] | None, width: float | None, spec: Path
) -> None:
    settings = {"size": "32", **SETTINGS[name]}
    graph = load(str(spec), settings, shape=shape, width=width)
    text = resolved(graph, {"batch": 4})
    # It is read from no file: what it imports would not be found.
    again = check(Source("kept.arch", text))
    assert meaning(again) == meaning(graph)
    assert again.recipe is not None
    assert again.recipe.batch == 4
    assert again.width == graph.width
    # Nothing is left to do a second time.
    assert meaning(check(Source("t", resolved(again, {})))) == meaning(graph)


def test_how_it_reads(spec: Path) -> None:
    graph = load(str(spec), {"size": "32", "act": "gelu"}, shape=(3, 24, 24), width=0.5)
    lines = resolved(graph, {}).splitlines()
    assert lines[0] == (
        "# As trained, with size = 32, act = gelu, --input = 3x24x24, --width = 0.5."
    )
    assert "net n(classes = 10, act = gelu, widths = [8, 16],  # lists" in lines
    assert "      size = 32) {" in lines
    assert "  input(3x24x24, width = 0.5)" in lines
    assert "augment { resize(27) random_crop(input) }" in "\n".join(lines)
    assert not [line for line in lines if "import " in line or "expect" in line]
    files = [line for line in lines if line.startswith("# From")]
    assert files == [f"# From {spec.parent}/blocks/c3.arch:", f"# From {spec.parent}/down.arch:"]
    assert [b.name.text for b in parse(Source("t", "\n".join(lines))).blocks] == ["c3", "down"]


def test_a_spec_without_settings_is_left_as_it_is() -> None:
    text = "net n { input(3x8x8) relu expect params == 0 }  # the end\n"
    assert resolved(check(Source("t", text)), {}) == text


def test_strings_in_lists() -> None:
    source = Source("t", "net n(w = 1, v = 2) { input(3x8x8) fc(3) }")
    graph = check(source, {"w": setting("w", '["a b", 1, [2, "c"]]'), "v": setting("v", "1x2")})
    again = check(Source("t", resolved(graph, {})))
    assert again.scope.arguments == {"w": ("a b", 1, (2, "c")), "v": (1, 2)}
