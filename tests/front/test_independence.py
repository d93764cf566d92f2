"""One run reports every independent fault, and none that only follows from another."""

from __future__ import annotations

import pytest

from archc.diagnostics import MAX_ERRORS, DiagnosticError
from archc.driver import check, setting
from archc.source import Source


def faults(text: str) -> list[tuple[str, str]]:
    """The code and the marked text of each fault of a spec."""
    with pytest.raises(DiagnosticError) as caught:
        check(Source("test.arch", text))
    return [(d.code, d.span.text if d.span else "") for d in caught.value.diagnostics]


def in_net(body: str, blocks: str = "", params: str = "") -> list[tuple[str, str]]:
    return faults(f"net test{params} {{ input(3x32x32) {body} }}\n{blocks}")


RECIPE = "recipe {{ {} }}"


@pytest.mark.parametrize(
    ("params", "body", "blocks", "expected"),
    [
        # Nothing is said of what depends on a fault.
        ("", "con(3) conv(99, 1, 4) maxpool(77, 1) fc(10)", "", [("E0301", "con")]),
        ("", "con(3) fc(in) fc(in * 2)", "", [("E0301", "con")]),
        ("(n = m)", "fc(n) fc(n + 1) b(n)", "block b(k) { fc(k * 2) }", [("E0307", "m")]),
        ("(n)", "fc(n) expect params == n", "", [("E0316", "n")]),
        ("(n = m, k = n)", "fc(k)", "", [("E0307", "m")]),
        ("", "b(m) b(k=3)", "block b(n) { conv(1, 1, n) }", [("E0307", "m"), ("E0302", "k")]),
        ("", "b", "block b(n, k = n) { conv(1, 1, k) }", [("E0304", "b")]),
        ("", "fc(3) con(1) expect con1.params == 3", "", [("E0301", "con")]),
        ("", "concat { | con(3) | conv(3, 1, 4) | relu }", "", [("E0301", "con")]),
        ("", "towers(1) { relu } fc(10)", "", [("E0303", "1")]),
        ("", "a", "block a { a }", [("E0309", "a")]),
        ("", "conv(3, 1, 4)", "block conv(n) { relu }", [("E0315", "conv")]),
        ("", "if x { relu } else { con } fc(3) fc(in) e: relu from(e)", "", [("E0307", "x")]),
        ("", "if x { e: relu } concat { | from(e) | skip }", "", [("E0307", "x")]),
        ("", "if in { con } else { con }", "", [("E0312", "in")]),
        ("(n = m)", "if n > 3 { con } repeat(n) as i { fc(i) } fc(3)", "", [("E0307", "m")]),
        ("", "con if in == 3 { con } else { fc(in) }", "", [("E0301", "con")]),
        ("", "repeat(2) as i { con(i) fc(in) }", "", [("E0301", "con")]),
        ("", "repeat(x) as i { con }", "", [("E0307", "x")]),
        ("", "repeat(-1) { con }", "", [("E0303", "-1")]),
        ("(k = 1)", "repeat(2) as k { con }", "", [("E0308", "k")]),
        ("", "defaults { maxpool(x, 2) } maxpool maxpool", "", [("E0307", "x")]),
        ("", "defaults { maxpol(2, 2) } maxpool maxpool", "", [("E0301", "maxpol")]),
        ("", "defaults { maxpool(kernl = 2) } maxpool", "", [("E0302", "kernl")]),
        ("", "after conv { con } conv(1, 1, 2) conv(1, 1, 2)", "", [("E0301", "con")]),
        ("", "after cnv but last { relu } conv(1, 1, 2)", "", [("E0301", "cnv")]),
        ("", "b(x) b(rleu)", "block b(act) { act fc(3) }", [("E0307", "x"), ("E0307", "rleu")]),
        ("", "b(3)", "block b(act) { act conv(3, 1, 8) }", [("E0301", "act")]),
        ("(w = [1, 2])", "repeat(4) as i { fc(w[i]) }", "", [("E0312", "i")]),
        # What does not depend on it is reported.
        ("", "con(3) dropout(50)", "", [("E0301", "con"), ("E0303", "50")]),
        ("", "concat { | con(3) | fc(0) }", "", [("E0301", "con"), ("E0303", "0")]),
        ("", "aux(0) { con softmax } fc(x)", "",
         [("E0303", "0"), ("E0301", "con"), ("E0307", "x")]),
        ("", "a: relu a: relu con", "", [("E0308", "a"), ("E0301", "con")]),
        ("", "a: con a: relu", "", [("E0301", "con"), ("E0308", "a")]),
        ("", "b b", "block b { a: relu a: relu }", [("E0308", "a")]),
        ("", "if x { relu } con", "", [("E0307", "x"), ("E0301", "con")]),
        ("", "if in == 3 { con } else { cno }", "", [("E0301", "con")]),
        ("", "repeat(2) { con } cno", "", [("E0301", "con"), ("E0301", "cno")]),
        ("", "defaults { maxpol(2, 2) avgpol(2, 2) } con", "",
         [("E0301", "maxpol"), ("E0301", "avgpol"), ("E0301", "con")]),
        ("", "conv(3, 1, 4, padd=1, groups=x, out=3)", "",
         [("E0302", "padd"), ("E0307", "x"), ("E0306", "out=3")]),
    ],
)  # fmt: skip
def test_body(params: str, body: str, blocks: str, expected: list[tuple[str, str]]) -> None:
    assert in_net(body, blocks, params) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Each on a line of its own.
        ("conv(3 1, 8)\nrelu relu\nfc(10 10)", ["1", "10"]),
        ("conv(3 1, 8) fc(10 10)\nrelu", ["1"]),
        ("concat {\n| conv(3 1) | fc(1 2)\n| relu }\nfc(3 4)", ["1", "2", "4"]),
        ("a: {\nconv(3 1)\n}\nfc(1 2)", ["1", "2"]),
        ("repeat 3 {\n relu\n}\nfc(1 2)", ["3", "2"]),
        ("if in = 3 {\n relu\n} else {\n tanh\n}\nfc(1 2)", ["=", "2"]),
        ("for i in 3 {\n relu(i)\n}\nfc(1 2)", ["3", "2"]),
        ("elif in == 3 { relu }\nfc(1 2)", ["==", "2"]),
        ("x = conv(3, 1, 8)\ny = relu(x)", ["=", "="]),
        ("}\nfc(1 2)\nnet m { fc(3 4) }\nnet k {", ["fc", "4"]),
        ("repeat(3) { relu } as i", ["as"]),
        ("recipe { batch = 3\nepochs: 3\noptimizer sgd(1 2) }", ["=", ":", "2"]),
    ],
)
def test_words_that_do_not_fit(text: str, expected: list[str]) -> None:
    assert faults(f"net test {{ input(3x32x32)\n{text}\n}}") == [
        ("E0101", word) for word in expected
    ]


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        # A clause that is faulty is not missing.
        ("optimizer sgd(lr = 0) batch 0 epochs x", ["E0303", "E0504", "E0307"]),
        ("optimiser sgd(0.1) bach 8 epoch 3", ["E0501", "E0501", "E0501"]),
        ("optimizer { flip } batch 8 epochs 3", ["E0504"]),
        ("optimizer adam(1) batch 8 epochs 3", ["E0301"]),
        ("batch 8 epochs 3 epochs 4", ["E0503", "E0502"]),
        ("lr 0.1 batch 8 epochs 3", ["E0503", "E0501"]),
        (
            "optimizer sgd(0.1) batch 8 epochs 3 init { foo: he; bar: x }",
            ["E0505", "E0301", "E0505"],
        ),
        ("optimizer sgd(x) batch 8 epochs 3 init { foo: he }", ["E0307", "E0505"]),
    ],
)
def test_recipe(recipe: str, expected: list[str]) -> None:
    found = in_net(f"fc(10) softmax {RECIPE.format(recipe)}")
    assert sorted(code for code, _ in found) == sorted(expected)


def test_targets_are_not_missed_after_a_fault_of_the_net() -> None:
    recipe = "optimizer sgd(0.1) batch 8 epochs 3 init { conv1: he }"
    assert in_net(f"conv(3) fc(10) {RECIPE.format(recipe)}") == [("E0304", "conv(3)")]


def test_a_block_is_reported_once_with_its_calls() -> None:
    body = " ".join(f"x{i}: b({i})" for i in range(1, 11))
    with pytest.raises(DiagnosticError) as caught:
        check(
            Source("t.arch", f"net t {{ input(3x9x9) {body} }}\nblock b(n) {{ conv(3, 1, 0 * n) }}")
        )
    (fault,) = caught.value.diagnostics
    assert [frame.name for frame in fault.trace] == ["x1"]
    assert [frame.name for frame in fault.again] == [f"x{i}" for i in range(2, 11)]
    said = str(caught.value)
    assert "= in x1: b(...), t.arch:1:22" in said
    assert "= and in x2: b(...), t.arch:1:31" in said
    assert "= and in 3 more calls" in said


def test_the_chain_of_calls_is_shown() -> None:
    with pytest.raises(DiagnosticError) as caught:
        check(
            Source(
                "t.arch", "net t { input(3x9x9) a }\nblock a { b }\nblock b { c: d }\nblock d { e }"
            )
        )
    (fault,) = caught.value.diagnostics
    assert [str(frame) for frame in fault.trace] == [
        "in c: d(...), t.arch:3:11",
        "in b1: b(...), t.arch:2:11",
        "in a1: a(...), t.arch:1:22",
    ]


def test_a_long_chain_of_calls_is_cut() -> None:
    blocks = "\n".join(f"block b{i} {{ b{i - 1} }}" for i in range(1, 30))
    with pytest.raises(DiagnosticError) as caught:
        check(Source("t.arch", f"net t {{ input(3x9x9) b29 }}\n{blocks}\nblock b0 {{ con }}"))
    said = str(caught.value)
    assert "= ... 24 more calls ..." in said
    assert said.count("= in b") == 6


def test_twenty_and_a_count() -> None:
    text = "net t { input(3x9x9) " + " ".join(f"bad{i}" for i in range(25)) + " }"
    with pytest.raises(DiagnosticError) as caught:
        check(Source("t.arch", text))
    assert len(caught.value.diagnostics) == MAX_ERRORS
    assert caught.value.more == 5
    assert str(caught.value).endswith("\n\n... and 5 more, not shown")


def test_what_is_not_shown_is_counted_once_a_place() -> None:
    bad = " ".join(f"bad{i}" for i in range(25))
    with pytest.raises(DiagnosticError) as caught:
        check(Source("t.arch", f"net t {{ input(3x9x9) b b b }}\nblock b {{ {bad} }}"))
    assert caught.value.more == 5


def test_faults_are_in_order_of_place() -> None:
    text = "net t(n = x) { input(3x9x9) b con }\nblock b { cnv }"
    assert [span for _, span in faults(text)] == ["x", "con", "cnv"]


def test_a_parameter_set_from_outside_has_no_default_to_fault() -> None:
    graph = check(Source("t.arch", "net t(n = x) { input(3x9x9) fc(n) }"), {"n": setting("n", "3")})
    assert graph.shape == (3, 1, 1)
