"""No text gives anything but a tree or a diagnostic."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from archc import syntax
from archc.diagnostics import DiagnosticError
from archc.driver import check, setting
from archc.evaluate import Environment, Value, evaluate, shown
from archc.parser import parse, parse_expression
from archc.resolve import resolved
from archc.source import Source

WORDS = (
    'net block n conv relu fc input concat towers aux expect params recipe init bias batch "text" '
    "3 0.5 1e9 3x8x8 1x7 in true a.b a: | { } ( ) [ ] , ; = == ~ + - * / // % assumed as # \n "
    "repeat repeat(2) if else in<4 and or not import defaults after but last skip conv1-8 n[0] min"
).split(" ")
words = st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join)
broken = st.builds(
    lambda text, at, word: text[:at] + word + text[at:],
    st.just(
        'net n(c = 10, k = c // 2) {\n  "Doc"\n  input(3x8x8)\n  a: conv(3, 1, k + 1, pad=same)\n'
        "  concat { | b(2) | fc(c) conv(1, 1, 2) }\n  aux(weight = 0.3) { fc(c) softmax }\n"
        "  repeat(2) as i { b(i + 1, relu) }\n  if in == 3 { skip } else if c > 2 { conv1-8 }\n"
        "  after conv, fc but last { relu }\n  defaults { fc(bias=true) }\n"
        "  towers(2) { fc(8) relu }\n  fc(c) softmax\n  expect a.output == 6x8x8\n  recipe {\n"
        '    augment { flip assumed "x" }  init { conv, fc: he assumed "x", bias 0; a: bias 1 }\n'
        '    optimizer sgd(lr = 0.1 assumed "x")  batch 8  epochs 3\n  }\n}\n'
        "block b(n, f = tanh) { fc(n) f }\n"
    ),
    st.integers(0, 600),
    st.sampled_from(WORDS) | st.text(max_size=3),
)


@given(st.text(st.characters(), max_size=200) | words | broken)
@example("net n { input(3x8x8) fc(in) }")
@example("net n(k = in) { input(3x8x8) fc(k) }")
@example('net n { input(3x8x8) fc("a" + 1) }')
@example("net n { input([true, 8, 8]) relu }")
@example("net n { input(a = 3x8x8) relu }")
@example("net n { input(3x8x8) add mul skip concat aux towers }")
@example("net n { input(3x8x8) b(relu) } block b(f) { fc(f[0]) fc(len(f)) }")
@example('import ""\nnet n { input(3x8x8) relu }')
@example("net n { input(3x8x8) fc(min()) fc(len([])) fc(max(true, 2)) }")
@example("net n(w = []) { input(3x8x8) fc(w[0]) repeat(0) { relu } }")
@example("net n { input(3x8x8, width = 0.5) split { | skip | conv1-1 } }")
@example("net n { input(3x8x8) after relu but last { con } defaults { relu(3) } relu }")
def test_any_text(text: str) -> None:
    try:
        check(Source("test.arch", text))
    except DiagnosticError as error:
        str(error).encode("utf-8")


@given(st.text(st.characters(), max_size=60) | words)
def test_any_setting(text: str) -> None:
    try:
        setting("n", text)
    except DiagnosticError as error:
        str(error).encode("utf-8")


numbers = st.integers(-(10**17), 10**17) | st.floats(-1e17, 1e17)


@given(numbers | st.booleans() | st.lists(numbers, max_size=4).map(tuple))
def test_a_value_reads_back_as_it_is_written(value: object) -> None:
    text = shown(value)
    assert evaluate(parse_expression(Source("x", text)), Environment()) == value


def _shown(arguments: Mapping[str, Value]) -> dict[str, str]:
    return {name: shown(value) for name, value in arguments.items()}


@given(st.text(st.characters(), max_size=40) | words)
@example("CONV")
@example("leaky_relu(0.1)")
@example("skip")
def test_a_setting_cannot_write_into_the_spec(text: str) -> None:
    """What a run keeps as its spec is the spec with that value, whatever the value's text."""
    source = Source("t.arch", "net t(n = 3, unused = 1) { input(3x8x8) fc(n) }\n")
    try:
        graph = check(source, {"unused": setting("unused", text)})
    except DiagnosticError:
        return
    kept = resolved(graph, {})
    again = check(Source("kept.arch", kept))
    assert _shown(again.scope.arguments) == _shown(graph.scope.arguments)
    assert [node.path for node in again.nodes] == [node.path for node in graph.nodes]


@pytest.mark.parametrize(
    "text",
    ["netfoo { input(3x8x8) relu }", "net n { input(3x8x8) relu } blocks b { relu }"],
)
def test_a_keyword_ends_with_its_word(text: str) -> None:
    with pytest.raises(DiagnosticError, match="E0101"):
        parse(Source("t.arch", text))


@pytest.mark.parametrize("word", ["network", "blocks", "expected", "recipes", "inits", "truest"])
def test_names_may_begin_with_a_keyword(word: str) -> None:
    body = f"input(3x8x8) {word}: relu {word} {word}(1)"
    text = f"net {word} {{ {body} }}\nblock {word}(n = 1) {{ relu }}"
    file = parse(Source("t.arch", text))
    assert file.nets[0].name.text == word
    assert len(check(Source("t.arch", text)).nodes) == 4


def test_line_ends_make_no_difference() -> None:
    lines = ["net n {", "  # a comment", "  input(3x8x8)", "  relu", "}", ""]
    trees = {end: parse(Source("t.arch", end.join(lines))) for end in ("\n", "\r\n")}
    assert [
        [item.name.text for item in tree.nets[0].items if item.name] for tree in trees.values()
    ] == [["input", "relu"]] * 2


@pytest.mark.parametrize("text", ["1 +", "", "  ", "# only", "(", "3 4", "a b", "3 batch 4", "}"])
def test_a_setting_is_one_expression(text: str) -> None:
    with pytest.raises(DiagnosticError) as caught:
        parse_expression(Source("--set n", text))
    assert caught.value.diagnostics[0].span is not None


def test_depth_of_mixed_expressions_is_bounded() -> None:
    text = "[" * 90 + "1" + ("+1" * 90 + "]") * 90
    with pytest.raises(DiagnosticError, match="E0106"):
        parse_expression(Source("x", text))


def test_ops_are_the_same_in_capitals() -> None:
    graph = check(
        Source(
            "t.arch", "net t { Input(3x8x8) CONV(3, 1, 4) Concat { | ReLU | Tanh } FC(3) Softmax }"
        )
    )
    assert [node.name for node in graph.nodes[1:]] == [
        "conv1", "relu1", "tanh1", "concat1", "fc1", "softmax1",
    ]  # fmt: skip


def test_a_tree_knows_its_characters() -> None:
    source = Source("t.arch", "net t(n = [1, 2 + n]) { input(3x8x8) c: conv(3, 1, -n, pad=same) }")
    net = parse(source).nets[0]
    assert net.span.text == source.text
    item = net.items[1]
    assert item.span.text == "c: conv(3, 1, -n, pad=same)"
    assert [arg.span.text for arg in item.args] == ["3", "1", "-n", "pad=same"]
    default = net.params[0].default
    assert isinstance(default, syntax.Sequence)
    assert [value.span.text for value in default.values] == ["1", "2 + n"]
