"""The oracle against examples worked by hand, and against scipy where scipy has the same thing.

Whatever is whole numbers (or halves, quarters) is compared exactly: float64 holds it exactly in
any order of summation. The rest is compared to 1e-13, relative.
"""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage, signal, special

from . import layers, sgd
from .layers import Array, out_size

RTOL = 1e-13


def one(rows: Sequence[Sequence[float]]) -> Array:
    """A single-channel map of one sample, (1, 1, H, W)."""
    return np.array(rows, dtype=np.float64)[None, None]


def column(values: Sequence[float]) -> Array:
    """One sample of 1x1 channels, (1, C, 1, 1)."""
    return np.array(values, dtype=np.float64).reshape(1, -1, 1, 1)


def whole(rng: np.random.Generator, *shape: int) -> Array:
    """Random whole numbers in -9..9, as floats."""
    return rng.integers(-9, 10, shape).astype(np.float64)


# --- sizes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "pad", "round_up", "want"),
    [
        (227, 11, 4, 0, False, 55),  # AlexNet: 227, 55, 27, 13, 6
        (224, 11, 4, 0, False, 54),  # the text's 224 without padding
        (224, 11, 4, 2, False, 55),
        (55, 3, 2, 0, False, 27),
        (27, 5, 1, 2, False, 27),
        (27, 3, 2, 0, False, 13),
        (13, 3, 2, 0, False, 6),
        (13, 3, 2, 0, True, 6),
        (224, 7, 2, 1, False, 110),  # ZFNet: 224, 110, 55, 26, 13, 6
        (110, 3, 2, 0, True, 55),
        (110, 3, 2, 0, False, 54),
        (55, 5, 2, 0, False, 26),
        (26, 3, 2, 0, True, 13),
        (26, 3, 2, 0, False, 12),
        (224, 7, 2, 3, False, 112),  # GoogLeNet: 224, 112, 56, 28, 14, 7
        (112, 3, 2, 0, True, 56),
        (56, 3, 2, 0, True, 28),
        (28, 3, 2, 0, True, 14),
        (14, 3, 2, 0, True, 7),
        (14, 5, 3, 0, False, 4),  # its aux heads
        (5, 2, 2, 1, True, 3),  # starts -1, 1, 3; 5 would be outside the input: one fewer
        (5, 2, 2, 1, False, 3),
        (6, 2, 2, 1, True, 4),  # starts -1, 1, 3, 5
        (4, 1, 5, 0, True, 1),  # start 5 is outside, without padding as well
        (2, 3, 2, 0, True, 1),  # one window, larger than the input
        (2, 3, 2, 0, False, 0),
        (1, 1, 1, 0, False, 1),
    ],
)
def test_out_size(size: int, kernel: int, stride: int, pad: int, round_up: bool, want: int) -> None:
    assert out_size(size, kernel, stride, pad, round_up) == want


def test_out_size_equals_the_closed_forms() -> None:
    seen = fewer = 0
    for size in range(1, 20):
        for kernel in range(1, 8):
            for stride in range(1, 6):
                for pad in range(kernel):
                    room = size + 2 * pad - kernel
                    down = math.floor(room / stride) + 1
                    up = math.ceil(room / stride) + 1
                    if (up - 1) * stride >= size + pad:
                        up -= 1
                        fewer += 1
                    assert out_size(size, kernel, stride, pad, False) == max(down, 0)
                    assert out_size(size, kernel, stride, pad, True) == max(up, 0)
                    seen += 1
    assert seen == 19 * 5 * (1 + 2 + 3 + 4 + 5 + 6 + 7)
    assert fewer > 100


@pytest.mark.parametrize("bad", [(0, 1, 1, 0), (4, 0, 1, 0), (4, 2, 0, 0), (4, 2, 1, -1)])
def test_out_size_refuses_nonsense(bad: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="no windows"):
        out_size(*bad)


# --- conv -----------------------------------------------------------------------------------


def test_conv_is_not_flipped() -> None:
    x = one([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    w = one([[1, 10], [100, 1000]])
    # top left: 1*1 + 2*10 + 4*100 + 5*1000
    assert_array_equal(layers.conv(x, w, None, (1, 1), (0, 0)), one([[5421, 6532], [8754, 9865]]))


def test_conv_pads_with_zeros_each_axis_by_its_own() -> None:
    x = one([[1, 2], [3, 4]])
    w = one([[1, 10, 100]])  # 1x3
    # rows 1 2 and 3 4 padded by one to either side; pad (0, 1)
    assert_array_equal(
        layers.conv(x, w, np.array([0.5]), (1, 1), (0, 1)), one([[210.5, 21.5], [430.5, 43.5]])
    )
    # pad (1, 1) with a kernel one high adds a row above and one below, of the bias only
    assert_array_equal(
        layers.conv(x, w, np.array([0.5]), (1, 1), (1, 1)),
        one([[0.5, 0.5], [210.5, 21.5], [430.5, 43.5], [0.5, 0.5]]),
    )


def test_conv_stride_per_axis_rounds_down() -> None:
    x = one([[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]])
    w = one([[1]])
    assert_array_equal(layers.conv(x, w, None, (2, 3), (0, 0)), one([[1, 4], [9, 12]]))
    w = one([[1, 1]])
    # width 4, kernel 2, stride 3: one window; the last place is left over
    assert_array_equal(layers.conv(x, w, None, (2, 3), (0, 0)), one([[3], [19]]))


def test_conv_sums_over_input_channels() -> None:
    x = column([1, 2, 3])
    w = np.array([[1, 10, 100], [5, 0, -1]], dtype=np.float64).reshape(2, 3, 1, 1)
    got = layers.conv(x, w, np.array([0, 1000]), (1, 1), (0, 0))
    assert_array_equal(got, column([321, 1002]))


def test_conv_groups() -> None:
    x = column([1, 2, 3, 4])
    w = np.array([[1, 10], [1, 100], [1, 10], [1, 100]], dtype=np.float64).reshape(4, 2, 1, 1)
    got = layers.conv(x, w, None, (1, 1), (0, 0), groups=2)
    assert_array_equal(got, column([21, 201, 43, 403]))
    depthwise = np.array([2, 3, 5, 7], dtype=np.float64).reshape(4, 1, 1, 1)
    got = layers.conv(x, depthwise, None, (1, 1), (0, 0), groups=4)
    assert_array_equal(got, column([2, 6, 15, 28]))


@pytest.mark.parametrize(
    ("stride", "pad", "kernel"),
    [((1, 1), (0, 0), (3, 3)), ((2, 1), (1, 2), (3, 5)), ((3, 2), (0, 3), (1, 7))],
)
def test_conv_against_scipy(
    stride: tuple[int, int], pad: tuple[int, int], kernel: tuple[int, int]
) -> None:
    rng = np.random.default_rng(1)
    x, w, b = whole(rng, 2, 3, 9, 12), whole(rng, 4, 3, *kernel), whole(rng, 4)
    got = layers.conv(x, w, b, stride, pad)
    for n in range(2):
        for o in range(4):
            want = b[o] + sum(
                signal.correlate2d(np.pad(x[n, i], [(p, p) for p in pad]), w[o, i], mode="valid")
                for i in range(3)
            )
            assert_array_equal(got[n, o], want[:: stride[0], :: stride[1]])


def test_grouped_conv_against_scipy() -> None:
    rng = np.random.default_rng(2)
    x, w = whole(rng, 1, 6, 7, 7), whole(rng, 4, 3, 3, 3)
    got = layers.conv(x, w, None, (1, 1), (1, 1), groups=2)
    for o in range(4):
        first = 0 if o < 2 else 3
        want = sum(signal.correlate2d(x[0, first + i], w[o, i], mode="same") for i in range(3))
        assert_array_equal(got[0, o], want)


def test_conv1_of_alexnet_against_scipy() -> None:
    rng = np.random.default_rng(3)
    x, w, b = whole(rng, 1, 3, 227, 227), whole(rng, 96, 3, 11, 11), whole(rng, 96)
    got = layers.conv(x, w, b, (4, 4), (0, 0))
    assert got.shape == (1, 96, 55, 55)
    for o in (0, 47, 95):
        want = b[o] + sum(signal.correlate2d(x[0, i], w[o, i], mode="valid") for i in range(3))
        assert_array_equal(got[0, o], want[::4, ::4])


def test_conv_refuses_what_does_not_fit() -> None:
    x = np.zeros((1, 4, 3, 3))
    with pytest.raises(ValueError, match="groups"):
        layers.conv(x, np.zeros((2, 3, 1, 1)), None, (1, 1), (0, 0))
    with pytest.raises(ValueError, match="groups"):
        layers.conv(x, np.zeros((3, 2, 1, 1)), None, (1, 1), (0, 0), groups=2)
    with pytest.raises(ValueError, match="does not fit"):
        layers.conv(x, np.zeros((2, 4, 5, 5)), None, (1, 1), (0, 0))
    with pytest.raises(ValueError, match="bias"):
        layers.conv(x, np.zeros((2, 4, 1, 1)), np.zeros(1), (1, 1), (0, 0))


# --- fc -------------------------------------------------------------------------------------


def test_fc_flattens_channel_row_column() -> None:
    x = np.array([[[1, 2], [3, 4]], [[5, 6], [7, 8]]], dtype=np.float64)[None]  # 2x2x2
    w = np.array([[10.0**i for i in range(8)], [0, 0, 1, 0, 0, 1, 0, 0]])
    got = layers.fc(x, w, np.array([0, 100]))
    assert got.shape == (1, 2, 1, 1)
    assert_array_equal(got, column([87654321, 109]))


def test_fc_keeps_samples_apart() -> None:
    x = np.array([[1, 2], [3, 5]], dtype=np.float64).reshape(2, 2, 1, 1)
    got = layers.fc(x, np.array([[1.0, -1.0]]), None)
    assert_array_equal(got, np.array([-1.0, -2.0]).reshape(2, 1, 1, 1))


def test_fc_is_a_conv_as_large_as_its_input() -> None:
    rng = np.random.default_rng(4)
    x, w, b = whole(rng, 2, 3, 4, 5), whole(rng, 7, 60), whole(rng, 7)
    dense = layers.conv(x, w.reshape(7, 3, 4, 5), b, (1, 1), (0, 0))
    assert_array_equal(layers.fc(x, w, b), dense)


def test_fc_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        layers.fc(np.zeros((1, 2, 2, 2)), np.zeros((3, 4)), None)
    with pytest.raises(ValueError, match="bias"):
        layers.fc(np.zeros((1, 2, 1, 1)), np.zeros((3, 2)), np.zeros(1))


# --- pooling --------------------------------------------------------------------------------

COUNT16 = [[1.0, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12], [13, 14, 15, 16]]
COUNT9 = [[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]


def test_maxpool_rounding() -> None:
    x = one(COUNT16)
    assert_array_equal(layers.maxpool(x, (3, 3), (2, 2), (0, 0)), one([[11]]))
    assert_array_equal(
        layers.maxpool(x, (3, 3), (2, 2), (0, 0), round_up=True), one([[11, 12], [15, 16]])
    )


def test_maxpool_takes_the_largest_wherever_it_is() -> None:
    x = one([[9, 1, 0, 7], [2, 3, 8, 1], [0, 0, 1, 1], [0, 5, 1, 1]])
    assert_array_equal(layers.maxpool(x, (2, 2), (2, 2), (0, 0)), one([[9, 8], [5, 1]]))
    assert_array_equal(
        layers.maxpool(x, (2, 2), (1, 1), (0, 0)), one([[9, 8, 8], [3, 8, 8], [5, 5, 1]])
    )


def test_maxpool_padding_never_wins() -> None:
    x = one([[-1, -2], [-3, -4]])
    assert_array_equal(layers.maxpool(x, (2, 2), (2, 2), (1, 1)), x)
    assert_array_equal(layers.maxpool(x, (3, 3), (1, 1), (1, 1)), one([[-1, -1], [-1, -1]]))
    # rounding up as well: columns -1, then what lies beyond
    assert_array_equal(
        layers.maxpool(one([[-5, -6, -7]]), (1, 2), (1, 2), (0, 0), round_up=True),
        one([[-5, -7]]),
    )


def test_maxpool_drops_the_window_that_starts_in_the_right_padding() -> None:
    x = one([[1, 2, 3, 4, 5]])
    got = layers.maxpool(x, (1, 2), (1, 2), (0, 1), round_up=True)
    assert_array_equal(got, one([[1, 3, 5]]))


def test_maxpool_axes_and_channels_are_apart() -> None:
    x = np.array([COUNT9, [[-v for v in row] for row in COUNT9]])[None]
    got = layers.maxpool(x, (1, 3), (2, 1), (0, 1))
    assert_array_equal(got, np.array([[[2, 3, 3], [8, 9, 9]], [[-1, -1, -2], [-7, -7, -8]]])[None])


def test_maxpool_against_scipy() -> None:
    rng = np.random.default_rng(5)
    x = whole(rng, 2, 3, 11, 11)
    got = layers.maxpool(x, (3, 3), (2, 2), (1, 1))
    want = ndimage.maximum_filter(x, size=(1, 1, 3, 3), mode="constant", cval=-np.inf)
    assert_array_equal(got, want[:, :, ::2, ::2])


def test_avgpool_rounding_up_counts_nothing_beyond() -> None:
    x = one(COUNT9)
    want = one([[3, 4.5], [7.5, 9]])
    for count_pad in (False, True):
        got = layers.avgpool(x, (2, 2), (2, 2), (0, 0), round_up=True, count_pad=count_pad)
        assert_array_equal(got, want)
    assert_array_equal(layers.avgpool(x, (2, 2), (2, 2), (0, 0)), one([[3]]))


def test_avgpool_padding_counts_only_when_asked() -> None:
    x = one([[1, 2], [3, 4]])
    assert_array_equal(layers.avgpool(x, (2, 2), (2, 2), (1, 1)), x)
    assert_array_equal(layers.avgpool(x, (2, 2), (2, 2), (1, 1), count_pad=True), x / 4)


def test_avgpool_declared_padding_counts_but_not_what_lies_beyond() -> None:
    x = one([[1, 2, 3, 4]])
    # windows: pad 1 2 | 2 3 4 | 4 pad beyond
    got = layers.avgpool(x, (1, 3), (1, 2), (0, 1), round_up=True, count_pad=True)
    assert_array_equal(got, one([[1, 3, 2]]))
    got = layers.avgpool(x, (1, 3), (1, 2), (0, 1), round_up=True, count_pad=False)
    assert_array_equal(got, one([[1.5, 3, 4]]))


def test_avgpool_against_scipy() -> None:
    rng = np.random.default_rng(6)
    x = whole(rng, 1, 2, 9, 9)
    got = layers.avgpool(x, (3, 3), (2, 2), (1, 1), count_pad=True)
    box = np.ones((1, 1, 3, 3))
    want = ndimage.correlate(x, box, mode="constant", cval=0.0)[:, :, ::2, ::2] / 9
    assert_array_equal(got, want)
    got = layers.avgpool(x, (3, 3), (2, 2), (1, 1))
    here = ndimage.correlate(np.ones_like(x), box, mode="constant", cval=0.0)
    assert_array_equal(got, (want * 9).round() / here[:, :, ::2, ::2])


def test_pools_refuse_windows_of_nothing() -> None:
    x = np.zeros((1, 1, 3, 3))
    with pytest.raises(ValueError, match="padding"):
        layers.maxpool(x, (2, 2), (1, 1), (2, 2))
    with pytest.raises(ValueError, match="nothing to count"):
        layers.avgpool(x, (2, 2), (1, 1), (2, 2))
    with pytest.raises(ValueError, match="does not fit"):
        layers.maxpool(x, (4, 4), (1, 1), (0, 0))


def test_global_avgpool() -> None:
    x = np.array([COUNT9, [[2, 0, 0], [0, 0, 0], [0, 0, 7]]])[None]
    assert_array_equal(layers.global_avgpool(x), column([5, 1]))


# --- normalisation --------------------------------------------------------------------------


def test_lrn_by_hand() -> None:
    # 1/(2+1+4), 2/(2+1+4+9), 3/(2+4+9)
    got = layers.lrn(column([1, 2, 3]), n=3, k=2, alpha=1, beta=1)
    assert_allclose(got, column([1 / 7, 1 / 8, 1 / 5]), rtol=RTOL)
    # alpha is not divided by n, beta is the power of the whole: 2 / (12 + 0.25*16) ^ 0.75
    got = layers.lrn(column([2, 0, 0, math.sqrt(12)]), n=7, k=12, alpha=0.25, beta=0.75)
    assert_allclose(got[0, 0], 2 / 8, rtol=RTOL)


def test_lrn_reaches_n_halves_to_either_side() -> None:
    got = layers.lrn(column([1, 1, 1, 1, 1, 1]), n=5, k=0, alpha=1, beta=1)
    want = column([1 / 3, 1 / 4, 1 / 5, 1 / 5, 1 / 4, 1 / 3])
    assert_allclose(got, want, rtol=RTOL)


def test_lrn_keeps_the_sign_and_the_place() -> None:
    x = np.array([[[1, -2]], [[-2, 4]]], dtype=np.float64)[None]  # 2x1x2
    got = layers.lrn(x, n=3, k=0, alpha=1, beta=1)
    assert_allclose(got, np.array([[[0.2, -0.1]], [[-0.4, 0.2]]])[None], rtol=RTOL)


def test_lrn_stays_in_its_tower() -> None:
    # 1/(2+5), 2/(2+5) | 3/(2+25), 4/(2+25)
    got = layers.lrn(column([1, 2, 3, 4]), n=3, k=2, alpha=1, beta=1, groups=2)
    assert_allclose(got, column([1 / 7, 2 / 7, 1 / 9, 4 / 27]), rtol=RTOL)
    # without towers the middle ones see across: 2/(2+14), 3/(2+29)
    got = layers.lrn(column([1, 2, 3, 4]), n=3, k=2, alpha=1, beta=1)
    assert_allclose(got, column([1 / 7, 1 / 8, 3 / 31, 4 / 27]), rtol=RTOL)


def test_lrn_refuses() -> None:
    with pytest.raises(ValueError, match="odd"):
        layers.lrn(column([1, 2]), n=4, k=2, alpha=1, beta=1)
    with pytest.raises(ValueError, match="groups"):
        layers.lrn(column([1, 2, 3]), n=3, k=2, alpha=1, beta=1, groups=2)


def test_bn_inference_by_hand() -> None:
    # (x - 1) / sqrt(3.75 + 0.25) * 10 + 3 ; (x + 2) / sqrt(8.75 + 0.25) * -6 + 0
    got = layers.bn_inference(column([5, 1]), [10, -6], [3, 0], [1, -2], [3.75, 8.75], eps=0.25)
    assert_allclose(got, column([23, -6]), rtol=RTOL)


def test_bn_training_by_hand() -> None:
    # mean 3; squares 4 + 1 + 0 + 9 = 14: biased 3.5, unbiased 14/3; sqrt(3.5 + 0.5) = 2
    x = np.array([1, 2, 3, 6], dtype=np.float64).reshape(2, 1, 1, 2)
    y, mean, var = layers.bn_training(x, [10], [1], [5], [1], eps=0.5)
    assert_allclose(y.ravel(), [-9, -4, 1, 16], rtol=RTOL)
    assert_allclose(mean, [4.8], rtol=RTOL)  # 0.9*5 + 0.1*3
    assert_allclose(var, [0.9 + 1.4 / 3], rtol=RTOL)  # 0.9*1 + 0.1*14/3


def test_bn_training_keeps_channels_apart() -> None:
    x = np.array([[1, 10], [3, 50]], dtype=np.float64).reshape(2, 2, 1, 1)
    y, mean, var = layers.bn_training(x, [1, 1], [0, 0], [0, 0], [0, 0], eps=0, momentum=0.5)
    assert_allclose(y.reshape(2, 2), [[-1, -1], [1, 1]], rtol=RTOL)
    assert_allclose(mean, [1, 15], rtol=RTOL)
    assert_allclose(var, [1, 400], rtol=RTOL)  # half of the unbiased 2 and 800


def test_bn_training_refuses_one_value() -> None:
    with pytest.raises(ValueError, match="more than one"):
        layers.bn_training(column([1]), [1], [0], [0], [1])


# --- elementwise ----------------------------------------------------------------------------


def test_relu() -> None:
    assert_array_equal(layers.relu(column([-2, 0, 3])), column([0, 0, 3]))


def test_tanh() -> None:
    # tanh(ln 2) = (4 - 1) / (4 + 1)
    ln2 = math.log(2)
    assert_allclose(layers.tanh(column([0, ln2, -ln2])), column([0, 0.6, -0.6]), rtol=RTOL)


def test_sigmoid() -> None:
    ln3 = math.log(3)
    got = layers.sigmoid(column([0, ln3, -ln3, 1000]))
    assert_allclose(got, column([0.5, 0.75, 0.25, 1]), rtol=RTOL)
    with np.errstate(all="raise", under="ignore"):
        assert_array_equal(layers.sigmoid(column([-1000])), column([0]))
    x = np.linspace(-30, 30, 61)
    assert_allclose(layers.sigmoid(x), special.expit(x), rtol=RTOL)


def test_softmax_is_over_channels_at_each_place() -> None:
    ln3 = math.log(3)
    x = np.array([[[0, ln3]], [[ln3, ln3]]])[None]  # 2x1x2
    want = np.array([[[0.25, 0.5]], [[0.75, 0.5]]])[None]
    assert_allclose(layers.softmax(x), want, rtol=RTOL)
    # stable: a shift changes nothing, and nothing overflows
    with np.errstate(all="raise", under="ignore"):
        far = layers.softmax(column([5000, 5001, 5003, -5000]))
    assert_array_equal(far, layers.softmax(column([-3, -2, 0, -10003])))
    rng = np.random.default_rng(7)
    x = rng.normal(size=(2, 5, 3, 3))
    assert_allclose(layers.softmax(x), special.softmax(x, axis=1), rtol=RTOL)


def test_dropout() -> None:
    x = column([1, 2, 3, 4])
    assert_array_equal(layers.dropout_inference(x), x)
    mask = column([1, 0, 1, 0]).astype(bool)
    assert_array_equal(layers.dropout_training(x, mask, 0.5), column([2, 0, 6, 0]))
    # p is the probability to drop: a quarter dropped, the rest times 4/3
    got = layers.dropout_training(column([3, 6, 9, 12]), mask, 0.25)
    assert_allclose(got, column([4, 0, 12, 0]), rtol=RTOL)
    with pytest.raises(ValueError, match="mask"):
        layers.dropout_training(x, np.ones((1, 1, 1, 1)), 0.5)
    with pytest.raises(ValueError, match="p is in"):
        layers.dropout_training(x, mask, 1.0)


# --- putting together -----------------------------------------------------------------------


def test_concat_and_add() -> None:
    a, b = column([1, 2]), column([30])
    assert_array_equal(layers.concat([a, b, a]), column([1, 2, 30, 1, 2]))
    assert_array_equal(layers.add([a, column([10, 20]), column([100, 200])]), column([111, 222]))
    assert_array_equal(a, column([1, 2]))
    with pytest.raises(ValueError, match="differ"):
        layers.add([a, b])


def test_towers_each_see_everything() -> None:
    def total(x: Array) -> Array:
        return layers.fc(x, np.array([[1.0, 1.0, 1.0]]), None)

    def twice(x: Array) -> Array:
        x *= 2  # a tower that spoils its input spoils only its own
        return x

    got = layers.towers(column([1, 2, 3]), [twice, total, layers.relu])
    assert_array_equal(got, column([2, 4, 6, 6, 1, 2, 3]))


def test_two_towers_are_a_grouped_conv_after_the_first_layer() -> None:
    rng = np.random.default_rng(8)
    x = whole(rng, 2, 3, 8, 8)
    w1, w2 = [whole(rng, 4, 3, 3, 3) for _ in "ab"], [whole(rng, 5, 4, 3, 3) for _ in "ab"]

    def tower(t: int) -> Array:
        y = layers.relu(layers.conv(x, w1[t], None, (1, 1), (1, 1)))
        return layers.conv(y, w2[t], None, (2, 2), (0, 0))

    split = layers.towers(x, [lambda _: tower(0), lambda _: tower(1)])
    joined = layers.relu(layers.conv(x, np.concatenate(w1), None, (1, 1), (1, 1)))
    joined = layers.conv(joined, np.concatenate(w2), None, (2, 2), (0, 0), groups=2)
    assert_array_equal(split, joined)


# --- loss -----------------------------------------------------------------------------------


def test_cross_entropy_by_hand() -> None:
    ln3 = math.log(3)
    # softmax (1/4, 3/4): -log of 3/4 and of 1/4, then their mean
    assert_allclose(layers.cross_entropy([[0, ln3]], [1]), math.log(4 / 3), rtol=RTOL)
    assert_allclose(layers.cross_entropy([[0, ln3]], [0]), math.log(4), rtol=RTOL)
    got = layers.cross_entropy([[0, ln3], [0, ln3]], [1, 0])
    assert_allclose(got, math.log(16 / 3) / 2, rtol=RTOL)
    assert_allclose(
        layers.cross_entropy(np.zeros((3, 1000)), [0, 5, 999]), math.log(1000), rtol=RTOL
    )


def test_cross_entropy_is_stable() -> None:
    with np.errstate(all="raise", under="ignore"):
        assert layers.cross_entropy([[1000, 0]], [1]) == 1000
        assert layers.cross_entropy([[-1000, -3000]], [0]) == 0


def test_cross_entropy_against_scipy() -> None:
    rng = np.random.default_rng(9)
    z, labels = rng.normal(size=(6, 10)), rng.integers(0, 10, 6)
    want = -special.log_softmax(z, axis=1)[np.arange(6), labels].mean()
    assert_allclose(layers.cross_entropy(z, labels), want, rtol=RTOL)


def test_cross_entropy_refuses() -> None:
    with pytest.raises(ValueError, match="label 2"):
        layers.cross_entropy([[0, 0]], [2])
    with pytest.raises(ValueError, match="label -1"):
        layers.cross_entropy([[0, 0]], [-1])
    with pytest.raises(ValueError, match="integers"):
        layers.cross_entropy([[0, 0]], [0.5])
    with pytest.raises(ValueError, match="logits are"):
        layers.cross_entropy([[0, 0]], [0, 1])


# --- sgd ------------------------------------------------------------------------------------


def test_sgd_two_steps_by_hand() -> None:
    w, v, g = {"a": np.array([10.0])}, {"a": np.array([1.0])}, {"a": np.array([2.0])}
    # v = 0.9*1 - 0.1*0.5*10 - 0.5*2 = 0.9 - 0.5 - 1
    w1, v1 = sgd.sgd_step(w, g, v, lr=0.5, momentum=0.9, weight_decay=0.1)
    assert_allclose(v1["a"], [-0.6], rtol=RTOL)
    assert_allclose(w1["a"], [9.4], rtol=RTOL)
    # the rate falls to a tenth: v = 0.9*-0.6 - 0.1*0.05*9.4 - 0.05*2 = -0.54 - 0.047 - 0.1
    w2, v2 = sgd.sgd_step(w1, g, v1, lr=0.05, momentum=0.9, weight_decay=0.1)
    assert_allclose(v2["a"], [-0.687], rtol=RTOL)
    assert_allclose(w2["a"], [8.713], rtol=RTOL)
    # pure: what was given is as it was
    assert (w["a"][0], v["a"][0], g["a"][0]) == (10, 1, 2)


def test_sgd_defaults_are_the_papers() -> None:
    w, v = {"a": np.array([1000.0])}, {"a": np.array([1.0])}
    # 0.9*1 - 0.0005*0.01*1000 - 0.01*3 = 0.9 - 0.005 - 0.03
    w1, v1 = sgd.sgd_step(w, {"a": np.array([3.0])}, v, lr=0.01)
    assert_allclose(v1["a"], [0.865], rtol=RTOL)
    assert_allclose(w1["a"], [1000.865], rtol=RTOL)


def test_sgd_decays_biases_unless_told() -> None:
    w = {"weight": np.array([[1.0, 2.0]]), "bias": np.array([4.0])}
    zero = sgd.zero_velocity(w)
    w1, _ = sgd.sgd_step(w, zero, zero, lr=0.5, weight_decay=0.5)
    assert_array_equal(w1["weight"], [[0.75, 1.5]])
    assert_array_equal(w1["bias"], [3.0])
    w1, _ = sgd.sgd_step(w, zero, zero, lr=0.5, weight_decay=0.5, undecayed={"bias"})
    assert_array_equal(w1["weight"], [[0.75, 1.5]])
    assert_array_equal(w1["bias"], [4.0])


def test_sgd_parts_from_pytorchs_when_the_rate_changes() -> None:
    rates, momentum, decay, grad = [0.5, 0.5, 0.05, 0.05], 0.9, 0.1, 2.0
    w, v = {"a": np.array([10.0])}, {"a": np.array([0.0])}
    theirs, buffer = 10.0, 0.0  # PyTorch's rule: the rate outside
    rescaled, rescaled_buffer, last = 10.0, 0.0, rates[0]  # and with the buffer rescaled
    apart = []
    for lr in rates:
        w, v = sgd.sgd_step(w, {"a": np.array([grad])}, v, lr, momentum, decay)
        buffer = momentum * buffer + (grad + decay * theirs)
        theirs -= lr * buffer
        rescaled_buffer *= last / lr
        last = lr
        rescaled_buffer = momentum * rescaled_buffer + (grad + decay * rescaled)
        rescaled -= lr * rescaled_buffer
        assert_allclose(w["a"], [rescaled], rtol=RTOL)
        apart.append(abs(w["a"][0] - theirs))
    assert max(apart[:2]) < 1e-13
    assert min(apart[2:]) > 1


def test_sgd_refuses_what_does_not_match() -> None:
    w = {"a": np.zeros(2)}
    with pytest.raises(ValueError, match="names"):
        sgd.sgd_step(w, {"b": np.zeros(2)}, w, 0.1)
    with pytest.raises(ValueError, match="a: weight"):
        sgd.sgd_step(w, {"a": np.zeros(1)}, w, 0.1)
    with pytest.raises(ValueError, match="undecayed"):
        sgd.sgd_step(w, w, w, 0.1, undecayed={"c"})
