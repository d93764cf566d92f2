"""The Python API: what a net says of itself, and what it becomes."""

from __future__ import annotations

import inspect
import subprocess
import sys
import traceback
from dataclasses import FrozenInstanceError, replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch

import archc
from archc.analysis.counts import count
from archc.analysis.notebook import as_html
from archc.analysis.report import report
from archc.driver import compile_graph
from tests.nets import GOOGLENET, ROOT, SMALL, net

TINY = "net tiny(classes = 3, size = 3x8x8) { input(size) conv(3, 1, 4) relu fc(classes) softmax }"


def refused(code: str, spec: str, /, **settings: object) -> str:
    """What is said of a spec that is refused with this code alone."""
    with pytest.raises(archc.DiagnosticError) as caught:
        archc.parse(spec, **settings)
    assert [fault.code for fault in caught.value.diagnostics] == [code]
    return str(caught.value)


# Reading -------------------------------------------------------------------------------------


def test_by_name_by_path_and_from_text() -> None:
    path = ROOT / "specs" / "alexnet.arch"
    text = path.read_text("utf-8")
    for found in (archc.load("alexnet"), archc.load(path), archc.load(str(path))):
        assert (found.name, found.params, found.spec) == ("alexnet", 60_965_224, text)
    assert archc.parse(text).macs == 724_406_816
    with pytest.raises(archc.DiagnosticError, match="nonet"):
        archc.load("nonet")


def test_lines_may_end_as_on_any_machine() -> None:
    found = archc.parse("net n {\r\n  input(3x8x8)\r  fc(3)\n softmax }")
    assert [layer.line for layer in found.layers] == [3, 4]
    assert "\r" not in found.spec


def test_text_that_no_file_could_hold() -> None:
    said = refused("E0003", 'net n { "é\ud800" input(3x8x8) fc(3) }')
    assert "its byte 11 belongs to no character" in said


@pytest.mark.parametrize(
    ("settings", "output"),
    [({}, 3), ({"classes": 5}, 5), ({"size": (1, 9, 9)}, 3), ({"size": [3, 7, 7]}, 3)],
)
def test_settings(settings: dict[str, object], output: int) -> None:
    found = archc.parse(TINY, **settings)
    assert found.output == (output, 1, 1)
    assert found.input == tuple(settings.get("size", (3, 8, 8)))


def test_settings_of_each_kind_mean_what_they_mean_on_the_command_line() -> None:
    text = """net n(b = true, p = 0.1, round = "x") { input(3x8x8)
      conv(3, 1, 4, bias=b) dropout(p) fc(2) }"""
    assert archc.parse(text, b=False).params == archc.parse(text).params - 4
    dropout = archc.parse(text, p=0.25).graph.nodes[2].op
    assert dropout is not None
    assert dropout.model_dump() == {"p": 0.25}
    assert archc.parse(text, round="y").graph.altered == {"round": "y"}


def test_a_number_of_a_library_is_written_as_a_number() -> None:
    text = "net n(p = 0.1) { input(3x8x8) dropout(p) fc(2) }"
    plain, other = archc.parse(text, p=0.25), archc.parse(text, p=np.float64(0.25))
    assert plain.source("torch") == other.source("torch")


def test_claims_are_of_the_net_as_published() -> None:
    text = "net n(classes = 3) { input(3x8x8) fc(classes) expect params == 1 }"
    refused("E0401", text)
    assert archc.parse(text, classes=4).params == 4 * (3 * 8 * 8 + 1)


@pytest.mark.parametrize(
    "value",
    [
        None, {}, {1}, b"3", 3j, Ellipsis, np.int64(3), [1, "x"], [[1]], [True], (None,),
        float("nan"), float("inf"), 10**19, [10**19], 'a"b', "a\nb", "a\x1b[31m",
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_setting(value: object) -> None:
    said = refused("E0303", TINY, classes=value)
    assert said.startswith("error[E0303]: classes of the net is ")
    assert "\n" not in said
    assert said.isprintable()


@pytest.mark.parametrize("value", ["ten", 2.5, 0, -1, True, (1, 2)])
def test_a_setting_that_the_net_cannot_use(value: object) -> None:
    assert "classes" in refused("E0303", TINY, classes=value)


def test_a_setting_that_the_net_does_not_have() -> None:
    assert "did you mean 'classes'?" in refused("E0317", TINY, clases=3)
    refused("E0317", TINY, spec=3)
    refused("E0317", TINY, text=3)


# Figures -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMALL)
def test_rows_and_totals_hold_together(name: str) -> None:
    graph = SMALL[name]
    found = archc.Net(graph)
    for figure in ("params", "macs", "flops", "neurons"):
        assert getattr(found, figure) == sum(getattr(layer, figure) for layer in found.layers)
        assert [getattr(layer, figure) for layer in found.layers] == [
            getattr(count(graph, node), figure) for node in graph.nodes if node.is_layer
        ]
    names = [node.path for node in graph.nodes if node.is_layer]
    assert [layer.name for layer in found.layers] == names
    assert found.memory.inference.weights == 4 * found.params


def test_totals_of_a_paper() -> None:
    found = archc.load("alexnet")
    assert (found.input, found.output) == ((3, 227, 227), (1000, 1, 1))
    assert (found.depth, found.receptive_field) == (8, (355, 355))
    assert (found.neurons, found.flops) == (659_272, 1_457_437_664)
    assert found.doc == "AlexNet (Krizhevsky, Sutskever & Hinton 2012, Figure 2)"


def test_stages_and_recipe() -> None:
    found = archc.load("googlenet")
    module = next(stage for stage in found.stages if stage.name == "i5b")
    assert (module.output, module.params) == ((1024, 7, 7), 1_444_080)
    assert module.macs == 70_697_984
    assert found.recipe is not None
    assert found.recipe.batch == 32
    assert archc.parse(TINY).recipe is None


def test_nothing_can_be_set() -> None:
    found = archc.parse(TINY)
    with pytest.raises(FrozenInstanceError):
        found.graph = SMALL["vgg"]  # pyright: ignore[reportAttributeAccessIssue]
    for name in ("params", "layers", "memory", "name"):
        with pytest.raises(AttributeError):
            setattr(found, name, 0)
    with pytest.raises(FrozenInstanceError):
        found.layers[0].params = 0  # pyright: ignore[reportAttributeAccessIssue]


def test_printed_it_is_what_the_command_prints() -> None:
    command = [str(Path(sys.executable).with_name("archc")), "params", "vgg_d"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert f"{archc.load('vgg_d')}\n" == printed


def test_a_terminal_is_safe_from_a_description() -> None:
    found = archc.parse('net n { "red \x1b[31m" input(3x8x8) fc(2) }')
    assert "\x1b" not in str(found)
    assert str(found).startswith("red \N{REPLACEMENT CHARACTER}[31m\n")


def test_repr_is_one_line() -> None:
    said = "<archc.Net tiny: 3x8x8 -> 3x1x1, 547 params, 4,320 MACs>"
    assert repr(archc.parse(TINY)) == said


# Notebooks -----------------------------------------------------------------------------------


class Page(HTMLParser):
    """Collects the tags, attributes and texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str | None]] = set()
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.tags.add(tag)
        self.attributes.update(attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


TAGS = {"div", "table", "caption", "thead", "tbody", "tr", "th", "td"}
# No colour and no background: what the theme has, light or dark, shows.
STYLES = {("style", "text-align: left"), ("style", "text-align: right")}


def test_a_notebook_has_the_figures_that_are_printed() -> None:
    found = archc.load("vgg_d")
    page = Page(found._repr_html_())
    assert (page.tags, page.attributes) == (TAGS, STYLES)
    words = set(str(found).split()) - {word for word in str(found).split() if set(word) == {"-"}}
    assert words - set(" ".join(page.texts).split()) == set()


HOSTILE = "<script>alert('x')</script><img src=x onerror=alert(1)> &amp; </table>"


def test_a_description_cannot_become_html() -> None:
    found = archc.parse(f'net n {{ "{HOSTILE}" input(3x8x8) stem: {{ fc(2) }} }}')
    page = Page(found._repr_html_())
    assert (page.tags, page.attributes) == (TAGS, STYLES)
    assert HOSTILE in page.texts


def test_no_name_could_become_html() -> None:
    """Labels are identifiers, so that only a report made by hand can try."""
    found = report(net("input(3x8x8) stem: { conv(3, 1, 4) } fc(2)"))
    hostile = replace(
        found,
        net=HOSTILE,
        doc="",
        layers=tuple(replace(layer, name=HOSTILE, op=HOSTILE) for layer in found.layers),
        stages=tuple(replace(stage, name=HOSTILE) for stage in found.stages),
    )
    page = Page(as_html(hostile))
    assert (page.tags, page.attributes) == (TAGS, STYLES)
    assert page.texts.count(HOSTILE) == 1 + 2 * len(found.layers) + len(found.stages)


# Programs ------------------------------------------------------------------------------------


def test_source_is_what_the_command_compiles() -> None:
    found = archc.load(GOOGLENET)
    assert found.source("torch") == compile_graph(found.graph, "torch").text
    assert found.source("torch", aux=False) == compile_graph(found.graph, "torch", heads=False).text
    with pytest.raises(archc.DiagnosticError, match="troch"):
        found.source("troch")


@pytest.mark.parametrize("name", SMALL)
def test_a_module_is_the_net_that_was_counted(name: str) -> None:
    found = archc.Net(SMALL[name])
    model = found.to_torch().eval()
    assert sum(p.numel() for p in model.parameters()) == found.params
    assert model(torch.zeros(2, *found.input)).numel() == 2 * np.prod(found.output)
    assert Path(inspect.getfile(type(model))).read_text("utf-8") == found.source("torch")


def test_without_heads() -> None:
    found = archc.Net(SMALL["inception"])
    images = torch.zeros(2, *found.input)
    assert len(found.to_torch().train()(images)) == 3
    assert found.to_torch(aux=False).train()(images).shape == (2, 5)


def test_weights_start_by_the_recipe_and_pytorchs_chance() -> None:
    text = """net n { input(3x8x8) fc(50) recipe { init { fc: normal(5, 0.1), bias 2 }
      optimizer sgd(0.1) batch 1 epochs 1 } }"""
    torch.manual_seed(1)
    first = archc.parse(text).to_torch().state_dict()
    torch.manual_seed(1)
    second = archc.parse(text).to_torch().state_dict()
    assert torch.equal(first["fc1.weight"], second["fc1.weight"])
    assert (first["fc1.bias"] == 2).all()
    assert abs(float(first["fc1.weight"].mean()) - 5) < 0.01
    assert not torch.equal(first["fc1.weight"], archc.parse(text).to_torch().fc1.weight)


def test_models_of_two_nets_of_one_name_are_apart() -> None:
    one, two = archc.parse(TINY).to_torch(), archc.parse(TINY, classes=5).to_torch()
    assert type(one) is not type(two)
    assert type(one) is type(archc.parse(TINY).to_torch())
    assert one(torch.zeros(1, 3, 8, 8)).shape == (1, 3)


def test_a_traceback_shows_the_line_of_the_program() -> None:
    with pytest.raises(RuntimeError) as caught:
        archc.parse(TINY).to_torch()(torch.zeros(1, 3, 9, 9))
    assert "return self.fc1(x.flatten(1))" in "".join(traceback.format_exception(caught.value))


def test_uncaught_too_and_the_file_is_gone_in_the_end(tmp_path: Path) -> None:
    """The interpreter's own traceback reads the file."""
    code = f"""import archc, inspect, torch
model = archc.parse({TINY!r}).to_torch()
print(inspect.getfile(type(model)))
model(torch.zeros(1, 3, 9, 9))"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert "    return self.fc1(x.flatten(1))\n" in done.stderr
    path = Path(done.stdout.strip())
    assert path.suffix == ".py"
    assert not path.parent.exists()


def test_without_pytorch(tmp_path: Path) -> None:
    code = f"""import sys
sys.modules["torch"] = None
import archc
net = archc.parse({TINY!r})
assert "import torch" in net.source("torch")
try:
    net.to_torch()
except archc.DiagnosticError as error:
    print(error)"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.startswith("error[E0602]: the backend 'torch' cannot be loaded: ")


# The package ---------------------------------------------------------------------------------


def test_parse_is_the_function_whatever_was_imported() -> None:
    code = """import archc.parser, archc
from archc.parser import read
from archc import parse, load
assert archc.parse is parse
import archc.driver
assert parse("net n { input(3x8x8) fc(2) }").params == 386
assert archc.parse is parse and archc.parse.__module__ == "archc.net"
assert callable(read)"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_public_names() -> None:
    assert dir(archc) == sorted(archc.__all__)
    for name in archc.__all__:
        assert getattr(archc, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Nte'"):
        archc.Nte  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue]
