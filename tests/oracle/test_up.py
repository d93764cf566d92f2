"""The oracle of deconv and crop against examples worked by hand, against scipy, and against conv.

Everything is whole numbers or halves, so everything is compared exactly.
"""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import signal

from . import layers, up
from .test_oracle import column, one, whole


def test_deconv_paints_the_kernel_unflipped() -> None:
    x = one([[1, 2], [3, 4]])
    w = one([[1, 10], [100, 1000]])
    # stride 2: four kernels side by side, each times its element
    assert_array_equal(
        up.deconv(x, w, None, (2, 2), (0, 0)),
        one([[1, 10, 2, 20], [100, 1000, 200, 2000], [3, 30, 4, 40], [300, 3000, 400, 4000]]),
    )
    # stride 1: what overlaps adds up; the middle is 1 * 1000 + 2 * 100 + 3 * 10 + 4 * 1
    assert_array_equal(
        up.deconv(x, w, None, (1, 1), (0, 0)),
        one([[1, 12, 20], [103, 1234, 2040], [300, 3400, 4000]]),
    )


def test_deconv_leaves_gaps_and_cuts_its_padding() -> None:
    x = one([[1, 2]])
    w = one([[1, 10]])
    # stride 3 along the width: one place between the kernels has the bias only
    assert_array_equal(
        up.deconv(x, w, np.array([0.5]), (1, 3), (0, 0)), one([[1.5, 10.5, 0.5, 2.5, 20.5]])
    )
    assert_array_equal(up.deconv(x, w, np.array([0.5]), (1, 3), (0, 1)), one([[10.5, 0.5, 2.5]]))


def test_deconv_groups_and_channels() -> None:
    x = column([1, 2, 3, 4])
    w = np.array([[1, 10], [100, 1000], [1, 10], [100, 1000]]).reshape(4, 2, 1, 1)
    # group 0: outputs 1*1 + 2*100, 1*10 + 2*1000; group 1: 3*1 + 4*100, 3*10 + 4*1000
    got = up.deconv(x, w, np.array([0, 0, 0, 7]), (1, 1), (0, 0), groups=2)
    assert_array_equal(got, column([201, 2010, 403, 4037]))


@pytest.mark.parametrize(
    ("kernel", "stride", "pad", "groups"),
    [
        ((3, 3), (1, 1), (0, 0), 1),
        ((2, 2), (2, 2), (0, 0), 2),
        ((4, 3), (2, 1), (1, 2), 1),
        ((5, 2), (3, 4), (2, 0), 2),
    ],
)
def test_deconv_is_the_transpose_of_conv(
    kernel: tuple[int, int], stride: tuple[int, int], pad: tuple[int, int], groups: int
) -> None:
    """<conv(y), x> = <y, deconv(x)> for all x and y, with one and the same weight."""
    rng = np.random.default_rng(7)
    # conv takes 6 channels to 4, so that its weight (4, 6/groups) is what takes 4 to 6.
    x, w = whole(rng, 2, 4, 3, 5), whole(rng, 4, 6 // groups, *kernel)
    painted = up.deconv(x, w, None, stride, pad, groups)
    y = whole(rng, *painted.shape)
    down = layers.conv(y, w, None, stride, pad, groups)
    assert down.shape == x.shape
    assert (down * x).sum() == (y * painted).sum()


def test_deconv_against_scipy() -> None:
    """A map with gaps between its elements, convolved in full."""
    rng = np.random.default_rng(8)
    x, w, b = whole(rng, 1, 3, 4, 6), whole(rng, 3, 2, 3, 2), whole(rng, 2)
    got = up.deconv(x, w, b, (2, 3), (1, 1))
    spread = np.zeros((3, 7, 16))
    spread[:, ::2, ::3] = x[0]
    for o in range(2):
        want = b[o] + sum(signal.convolve2d(spread[i], w[i, o], mode="full") for i in range(3))
        assert_array_equal(got[0, o], want[1:-1, 1:-1])


def test_deconv_refuses_what_does_not_fit() -> None:
    x = np.zeros((1, 4, 3, 3))
    with pytest.raises(ValueError, match="groups"):
        up.deconv(x, np.zeros((3, 2, 1, 1)), None, (1, 1), (0, 0))
    with pytest.raises(ValueError, match="groups"):
        up.deconv(x, np.zeros((4, 2, 1, 1)), None, (1, 1), (0, 0), groups=3)
    with pytest.raises(ValueError, match="bias"):
        up.deconv(x, np.zeros((4, 2, 1, 1)), np.zeros(2), (1, 1), (0, 0), groups=2)
    with pytest.raises(ValueError, match="leaves nothing"):
        up.deconv(x, np.zeros((4, 2, 1, 1)), None, (1, 1), (2, 0))


def test_crop() -> None:
    x = one(np.arange(1.0, 17.0).reshape(4, 4))
    assert_array_equal(up.crop(x, (1, 1)), one([[6, 7], [10, 11]]))
    assert_array_equal(up.crop(x, (0, 1)), one([[2, 3], [6, 7], [10, 11], [14, 15]]))
    assert_array_equal(up.crop(x, (0, 0)), x)
    with pytest.raises(ValueError, match="leaves nothing"):
        up.crop(x, (2, 0))
