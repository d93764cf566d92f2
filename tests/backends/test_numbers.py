"""Every small net, forward and gradient, in training and evaluation: oracle and backends agree."""

from __future__ import annotations

import pytest

from ..nets import SMALL
from . import running
from .examine import TOLERANCE, case, examine


@pytest.mark.parametrize("name", SMALL)
def test_the_backends_give_the_numbers_of_the_oracle(name: str) -> None:
    found = examine(case(SMALL[name]), running.NAMES)
    assert {what: d for what, d in found.items() if not d <= TOLERANCE} == {}
