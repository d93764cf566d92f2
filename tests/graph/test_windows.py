"""Window arithmetic against an oracle that counts windows one by one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archc.ops.base import OpError
from archc.ops.window import positions, slide
from tests.oracle.layers import out_size

sizes = st.integers(1, 60)


@given(
    size=sizes,
    kernel=st.integers(1, 12),
    stride=st.integers(1, 13),
    pad=st.integers(0, 6),
    up=st.booleans(),
)
def test_positions(size: int, kernel: int, stride: int, pad: int, up: bool) -> None:
    assert max(0, positions(size, kernel, stride, pad, up=up)) == out_size(
        size, kernel, stride, pad, up
    )


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "pad", "up", "out"),
    [
        (227, 11, 4, 0, False, 55),  # AlexNet conv1
        (224, 11, 4, 0, False, 54),  # what the paper's 224 would give
        (55, 3, 2, 0, False, 27),
        (112, 3, 2, 0, True, 56),  # GoogLeNet rounds up
        (112, 3, 2, 0, False, 55),
        (13, 3, 2, 0, True, 6),
        (5, 2, 4, 0, True, 2),
        (4, 1, 4, 2, True, 2),  # a third window would start in the right padding
        (3, 2, 2, 1, True, 2),
    ],
)
def test_known_sizes(size: int, kernel: int, stride: int, pad: int, up: bool, out: int) -> None:
    assert positions(size, kernel, stride, pad, up=up) == out


def test_each_axis_has_its_own() -> None:
    assert slide((10, 20), (3, 5), (1, 2), (1, 0)) == (10, 8)


def test_a_window_larger_than_the_map() -> None:
    with pytest.raises(OpError, match="a 3x9 window does not fit into a 8x8 map"):
        slide((8, 8), (3, 9), (1, 1), (0, 0))
