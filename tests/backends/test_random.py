"""Random nets: what they have, and that the oracle and the backends agree on them."""

from __future__ import annotations

import random
from collections import defaultdict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archc.diagnostics import DiagnosticError
from archc.ops import OPS

from . import running
from .examine import TOLERANCE, case, examine, well_posed
from .fuzzing import Tally, attempt
from .random_nets import graph_of, random_spec
from .shrink import shrink

specs = st.randoms(use_true_random=False).map(random_spec)


@settings(
    max_examples=6,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(specs)
def test_a_random_net_gives_the_same_numbers_everywhere(text: str) -> None:
    made = case(graph_of(text))
    if well_posed(made):
        found = examine(made, running.NAMES)
        for backend in running.NAMES:
            running.runner(backend).forget()
        assert {what: d for what, d in found.items() if not d <= TOLERANCE} == {}


def test_some_random_nets_give_the_numbers_of_the_oracle() -> None:
    """The first backend alone: it compiles nothing."""
    tally = Tally()
    for number in range(1000, 1030):
        failure = attempt(tally, 0, number, running.NAMES[:1])
        assert failure is None, f"{failure.shrunk}\n{failure.what}"


@pytest.mark.slow
def test_two_hundred_of_them() -> None:
    tally = Tally()
    for number in range(200):
        failure = attempt(tally, 0, number, running.NAMES)
        assert failure is None, f"{failure.shrunk}\n{failure.what}"
    assert tally.nets > 190
    assert tally.ops.keys() == OPS.keys()


def test_they_have_every_op_with_every_argument() -> None:
    """And all that nets are made of; nearly all of them are valid."""
    seen: defaultdict[tuple[str, str], set[object]] = defaultdict(set)
    texts = [random_spec(random.Random(number)) for number in range(250)]
    valid = 0
    for text in texts:
        try:
            graph = graph_of(text)
        except DiagnosticError:
            continue
        valid += 1
        for node in graph.nodes:
            if node.op is not None:
                seen[node.op.word, ""].add(None)
                for name in type(node.op).model_fields:
                    seen[node.op.word, name].add(getattr(node.op, name))
    assert valid >= 245
    for word, op in OPS.items():
        assert seen[word, ""], word
        for name in op.model_fields:
            assert len(seen[word, name]) > 1, f"{word}({name}=...) is always the same"
    everything = "\n".join(texts)
    for words in (
        "block ", "repeat(", " as j", "if ", "else {", "towers(", "aux(", "from(", "split {",
        "defaults {", "after ", "but last", "width = ", "conv3-", "FC-", "in // ", "sizes[0]",
        "max(", "min(", "ceil(", "global_avgpool softmax", "norm=", "| skip", ": {",
    ):  # fmt: skip
        assert words in everything, words


def test_a_seed_is_a_net() -> None:
    once, again = (random_spec(random.Random("3 7")) for _ in range(2))
    assert once == again
    assert once != random_spec(random.Random("3 8"))


def test_shrinking_keeps_what_fails() -> None:
    text = random_spec(random.Random(1))
    text = text.replace("}\n", "  towers(2) { relu conv(1, 1, 2 * k) lrn(3, alpha=0.5) }\n}\n", 1)

    def fails(shorter: str) -> bool:
        try:
            graph = graph_of(shorter)
        except DiagnosticError:
            return False
        return any(node.op is not None and node.op.word == "lrn" for node in graph.nodes)

    found = shrink(text, fails)
    assert fails(found)
    assert len(graph_of(found).nodes) == 2
