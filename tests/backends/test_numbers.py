"""Every small net, forward and gradient, in training and evaluation: oracle and backends agree."""

from __future__ import annotations

import pytest

from ..nets import SMALL
from . import running
from .examine import TOLERANCE, case, examine

QUICK = ("modern", "squeeze and excite", "nothing in towers", "long sums", "functions of the net")
"""The nets that JAX compiles in `make test` too."""


@pytest.mark.parametrize("name", SMALL)
def test_a_backend_gives_the_numbers_of_the_oracle(name: str) -> None:
    first = running.NAMES[0]
    found = examine(case(SMALL[name]), [first])
    assert {what: d for what, d in found.items() if not d <= TOLERANCE} == {}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in SMALL]
)
def test_the_backends_give_the_same_numbers(name: str) -> None:
    found = examine(case(SMALL[name]), running.NAMES)
    running.runner("jax").forget()
    assert {what: d for what, d in found.items() if not d <= TOLERANCE} == {}
