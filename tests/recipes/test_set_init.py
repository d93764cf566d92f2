"""`--set init=glorot`: all weights start from it, and biases as the recipe says."""

from __future__ import annotations

import pytest

from archc.diagnostics import DiagnosticError
from archc.driver import check, load, setting
from archc.expand import expanded
from archc.ir import Graph
from archc.recipe import ConstantValue, Glorot, Initialiser, Normal, Recipe
from archc.resolve import resolved
from archc.source import Source

TEXT = """net n(classes = 10) {{
  input(3x8x8)
  c: conv(3, 1, 8) relu  d: deconv(2, 2, 4)  fc(classes) softmax
  recipe {{ {init} optimizer sgd(0.1)  batch 8  epochs 3 }}
}}"""
INITS = {
    "none": "",
    "some": "init { conv: normal(0, 0.01), bias 1 }",
    "a layer, and a last semicolon": "init { conv: normal(0, 0.1); c: bias 1;  }",
}


def recipe_of(graph: Graph) -> Recipe:
    assert graph.recipe is not None
    return graph.recipe


def starts(graph: Graph) -> list[tuple[Initialiser | None, Initialiser | None]]:
    recipe = recipe_of(graph)
    return [recipe.init_of(n.op.word, n.path) for n in graph.nodes if n.op and n.op.counted]


@pytest.mark.parametrize("name", INITS)
@pytest.mark.parametrize(
    ("text", "form"), [("glorot", Glorot()), ("normal(0, 0.2)", Normal(mean=0.0, std=0.2))]
)
def test_all_weights_and_no_bias(name: str, text: str, form: Initialiser) -> None:
    spec = Source("n.arch", TEXT.format(init=INITS[name]))
    graph = check(spec, {"init": setting("init", text)})
    bias = ConstantValue(value=1) if name != "none" else None
    assert starts(graph) == [(form, bias), (form, None), (form, None)]
    for again in (resolved(graph, {}), expanded(graph)):
        assert starts(check(Source("again.arch", again))) == starts(graph)


def test_a_spec_of_a_paper() -> None:
    text = resolved(load("alexnet", {"init": "glorot"}), {})
    assert text.startswith("# As trained, with init = glorot.\n")
    assert "conv2, conv4, conv5, fc6, fc7: bias 1;  conv, fc: glorot }" in text
    before, after = (recipe_of(load("alexnet", said)) for said in ({}, {"init": "glorot"}))
    assert before.init == after.init[:-1]


@pytest.mark.parametrize(
    ("text", "code"), [("3", "E0504"), ("golrot", "E0301"), ("normal(mean=x)", "E0307")]
)
def test_what_is_no_initialiser(text: str, code: str) -> None:
    with pytest.raises(DiagnosticError) as caught:
        load("alexnet", {"init": text})
    assert [fault.code for fault in caught.value.diagnostics] == [code]


def test_without_a_recipe_there_is_nothing_to_set() -> None:
    spec = Source("n.arch", "net n { input(3x8x8) fc(3) softmax }")
    with pytest.raises(DiagnosticError) as caught:
        check(spec, {"init": setting("init", "he")})
    assert [fault.code for fault in caught.value.diagnostics] == ["E0317"]
