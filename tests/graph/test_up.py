"""deconv and crop: sizes, counts, and what their outputs see of the input."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archc.analysis.counts import count, total
from archc.analysis.paths import depth, receptive_fields
from archc.ir import Graph
from archc.ops.base import OpError
from archc.ops.conv import Deconv
from archc.ops.crop import Crop
from archc.passes import MergeTowers, run
from tests.nets import net
from tests.oracle import interpreter, up

pairs = st.tuples(st.integers(1, 5), st.integers(1, 5))
cuts = st.tuples(st.integers(0, 4), st.integers(0, 4))


@given(size=pairs, kernel=pairs, stride=pairs, pad=cuts)
def test_the_size_after_deconv(
    size: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int], pad: tuple[int, int]
) -> None:
    """As the oracle paints it; an error just where nothing is left."""
    op = Deconv(kernel=kernel, stride=stride, out=1, pad=pad)
    try:
        painted = up.deconv(np.zeros((1, 1, *size)), np.zeros((1, 1, *kernel)), None, stride, pad)
    except ValueError:
        with pytest.raises(OpError, match="leaves nothing"):
            op.shape([(1, *size)])
    else:
        assert op.shape([(1, *size)]) == painted.shape[1:]


@given(size=st.tuples(st.integers(1, 9), st.integers(1, 9)), margin=cuts)
def test_the_size_after_crop(size: tuple[int, int], margin: tuple[int, int]) -> None:
    op = Crop(margin=margin)
    try:
        left = up.crop(np.zeros((1, 2, *size)), margin)
    except ValueError:
        with pytest.raises(OpError, match="leaves nothing"):
            op.shape([(2, *size)])
    else:
        assert op.shape([(2, *size)]) == left.shape[1:]


@given(size=pairs, kernel=pairs, stride=pairs, cut=st.sampled_from([2, 3, 9]))
def test_the_help_of_a_cut_too_deep_is_the_deepest_that_works(
    size: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int], cut: int
) -> None:
    try:
        Deconv(kernel=kernel, stride=stride, out=1, pad=cut).shape([(1, *size)])
    except OpError as error:
        said = error.diagnostic.help()
        pad = int(said.removeprefix("pad=").removesuffix(" at most"))
        assert Deconv(kernel=kernel, stride=stride, out=1, pad=pad).shape([(1, *size)])
        with pytest.raises(OpError):
            Deconv(kernel=kernel, stride=stride, out=1, pad=pad + 1).shape([(1, *size)])


@given(size=pairs, kernel=st.tuples(st.integers(1, 9), st.integers(1, 9)), stride=pairs)
def test_the_help_of_pad_same_does_what_it_says(
    size: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int]
) -> None:
    with pytest.raises(OpError, match="pad=same") as caught:
        Deconv(kernel=kernel, stride=stride, out=1, pad="same").shape([(1, *size)])
    said = caught.value.diagnostic.help()
    pad, _, effect = said.removeprefix("pad=").partition(" ")
    numbers = tuple(int(number) for number in pad.split("x"))
    op = Deconv(kernel=kernel, stride=stride, out=1, pad=(numbers[0], numbers[-1]))
    shape = op.shape([(1, *size)])
    if effect.startswith("leaves"):
        assert shape[1:] == tuple(
            (n - 1) * s + k for n, s, k in zip(size, stride, kernel, strict=True)
        )
    else:
        assert shape[1:] == (size[0] * stride[0], size[1] * stride[1])


def test_counts_by_hand() -> None:
    graph = net("input(4x3x5) a: deconv(2x3, 2, 6, groups=2) b: deconv(1, 1, 5, bias=false)")
    a, b = (count(graph, node) for node in graph.nodes[1:])
    # 4 x 3 channels of a group x 2x3; 3x5 elements of 4 channels paint 3 kernels of 2x3 each.
    assert (a.params, a.macs) == (4 * 3 * 6 + 6, 3 * 5 * 4 * 3 * 6)
    # (3 - 1) * 2 + 2 = 6 by (5 - 1) * 2 + 3 = 11.
    assert a.neurons == 6 * 6 * 11
    assert a.flops == 2 * a.macs + a.neurons
    assert (b.params, b.macs, b.flops) == (6 * 5, 6 * 11 * 6 * 5, 2 * 6 * 11 * 6 * 5)


def test_a_deconv_of_stride_1_counts_as_the_convolution_that_it_is() -> None:
    """Up to the border: a full convolution of a map so padded."""
    full = net("input(3x8x8) deconv(3, 1, 5, pad=1)")
    same = net("input(3x8x8) conv(3, 1, 5, pad=1)")
    assert full.shape == same.shape
    assert total(full, full.nodes) == total(same, same.nodes)


def test_fans_are_those_of_a_group() -> None:
    weight = Deconv(kernel=(2, 3), stride=2, out=8, groups=2).weights([(6, 4, 4)])["weight"]
    assert weight.shape == (6, 4, 2, 3)
    assert (weight.fan_in, weight.fan_out) == (3 * 6, 4 * 6)


def test_towers_of_deconv_have_weights_stacked_by_input_channel() -> None:
    graph = net("input(3x5x5) towers(2) { deconv(2, 2, 4) relu deconv(3, 1, 6, groups=2) }")
    first, _, second = graph.nodes[1:]
    assert graph.weights(first)["weight"].shape == (2 * 3, 4, 2, 2)
    assert graph.weights(first)["bias"].shape == (2 * 4,)
    assert graph.weights(second)["weight"].shape == (2 * 4, 3, 3, 3)
    merged = run([MergeTowers()], graph)
    ops = [node.op for node in merged.nodes if isinstance(node.op, Deconv)]
    assert [(op.out, op.groups) for op in ops] == [(8, 2), (12, 4)]


UNET = """
net unet(classes = 2) {
  input(1x572x572)
  e1: double(64)    maxpool(2, 2)
  e2: double(128)   maxpool(2, 2)
  e3: double(256)   maxpool(2, 2)
  e4: double(512)   maxpool(2, 2)
  e5: double(1024)
  u4: deconv(2, 2, 512)  concat { | from(e4) crop(4)  | skip }  d4: double(512)
  u3: deconv(2, 2, 256)  concat { | from(e3) crop(16) | skip }  d3: double(256)
  u2: deconv(2, 2, 128)  concat { | from(e2) crop(40) | skip }  d2: double(128)
  u1: deconv(2, 2, 64)   concat { | from(e1) crop(88) | skip }  d1: double(64)
  conv(1, 1, classes)
}
block double(n) { conv(3, 1, n) relu conv(3, 1, n) relu }
"""


def unet() -> Graph:
    from archc.driver import check
    from archc.source import Source

    return check(Source("unet.arch", UNET))


def test_unet_is_that_of_its_figure() -> None:
    """Ronneberger et al. 2015, Figure 1 prints the size of every map; Section 2: 23 layers."""
    graph = unet()
    sizes = {stage.name: graph.nodes[stage.last].output for stage in graph.stages}
    printed = {
        "e1": (64, 568), "e2": (128, 280), "e3": (256, 136), "e4": (512, 64), "e5": (1024, 28),
        "d4": (512, 52), "d3": (256, 100), "d2": (128, 196), "d1": (64, 388),
    }  # fmt: skip
    assert {name: sizes[name] for name in printed} == {
        n: (c, s, s) for n, (c, s) in printed.items()
    }
    ups = [node.output for node in graph.nodes if isinstance(node.op, Deconv)]
    assert ups == [(512, 56, 56), (256, 104, 104), (128, 200, 200), (64, 392, 392)]
    joined = [node.output[0] for node in graph.nodes if node.name.startswith("concat")]
    assert joined == [1024, 512, 256, 128]
    assert graph.shape == (2, 388, 388)
    assert depth(graph) == 23


def test_unets_parameters() -> None:
    """Layer by layer from the figure's widths."""
    graph = unet()
    widths = [64, 128, 256, 512, 1024]
    convs = [(1, 64), (64, 64)]
    for narrow, wide in pairwise(widths):
        convs += [(narrow, wide), (wide, wide), (wide, narrow), (narrow, narrow)]
    ups = [(wide, narrow) for narrow, wide in pairwise(widths)]
    expected = sum(9 * a * b + b for a, b in convs) + sum(4 * a * b + b for a, b in ups)
    assert total(graph, graph.nodes).params == expected + 2 * 64 + 2


def seen(graph: Graph) -> int:
    """The most rows of the input, from first to last, that an output depends on: found by
    changing every row."""
    rng = np.random.default_rng(0)
    weights = interpreter.random_weights(graph, rng, scale=1.0)
    rows = graph.input[1]
    x = np.repeat(rng.normal(size=(1, *graph.input)), rows + 1, axis=0)
    for row in range(rows):
        x[row, :, row] += 1.0
    y = interpreter.run(graph, weights, x)[graph.output]
    changed = (y[:-1] != y[-1]).any(axis=(1, 3))
    spans = [np.flatnonzero(changed[:, place]) for place in range(y.shape[2])]
    return max(int(span[-1] - span[0]) + 1 for span in spans if len(span))


UPS = {
    "a deconv sees one element": ("input(1x9x1) deconv(2x1, 2x1, 1)", 1),
    "and a window over two of its outputs sees two": (
        "input(1x9x1) deconv(2x1, 2x1, 1) conv(2x1, 1, 1)", 2,
    ),
    "kernels that overlap": ("input(1x9x1) deconv(5x1, 2x1, 1)", 3),
    "and are convolved": ("input(1x12x1) deconv(5x1, 2x1, 1) conv(4x1, 1, 1)", 4),
    "a stride beyond the kernel": ("input(1x9x1) deconv(1, 3x1, 1) conv(3x1, 1, 1)", 1),
    "and a window that bridges it": ("input(1x9x1) deconv(1, 3x1, 1) conv(4x1, 1, 1)", 2),
    "stride 1 is a convolution": ("input(1x9x1) deconv(3x1, 1, 1) deconv(4x1, 1, 1)", 6),
    "down and up": (
        "input(1x30x1) conv(3x1, 2x1, 1) conv(3x1, 1, 1) deconv(2x1, 2x1, 1) conv(3x1, 1, 1)", 9,
    ),
    "twice up": (
        """input(1x12x1) deconv(3x1, 2x1, 1) conv(2x1, 1, 1) deconv(3x1, 2x1, 1, pad=1x0)
        conv(4x1, 1, 1)""", 3,
    ),
    "a u-net": (
        """input(1x108x1) e1: { conv(3x1, 1, 1) conv(3x1, 1, 1) } avgpool(2x1, 2x1)
        e2: { conv(3x1, 1, 1) conv(3x1, 1, 1) } avgpool(2x1, 2x1)
        conv(3x1, 1, 1) conv(3x1, 1, 1)
        deconv(2x1, 2x1, 1) concat { | from(e2) crop(4x0) | skip }
        conv(3x1, 1, 1) conv(3x1, 1, 1)
        deconv(2x1, 2x1, 1) concat { | from(e1) crop(16x0) | skip }
        conv(3x1, 1, 1) conv(3x1, 1, 1)""",
        # 5, 6, 14, 16 and 32 with a step of 4 at the bottom; from there 2 and 4 * 2, 1 and 4 * 1
        # further: 15, of which 12 are whole steps.
        44,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", UPS)
def test_the_field_after_deconv_is_what_outputs_depend_on(name: str) -> None:
    body, by_hand = UPS[name]
    graph = net(body)
    found = receptive_fields(graph)[graph.output].size
    assert found == (seen(graph), 1)
    assert found[0] == by_hand


@pytest.mark.parametrize(
    ("body", "step"),
    [
        # A step of 3/2 is between two pixels: the windows after it do not all round alike.
        ("deconv(2x1, 2x1, 1) conv(2x1, 3x1, 1) deconv(3x1, 2x1, 1)", Fraction(3, 4)),
        # A stride after deconv leaves some of the places where a window could stand.
        (
            """deconv(2x1, 2x1, 1) conv(3x1, 1, 1) conv(2x1, 4x1, 1) conv(2x1, 1, 1)
            deconv(4x1, 2x1, 1, pad=1x0) conv(3x1, 1, 1)""",
            Fraction(1),
        ),
    ],
)
def test_fields_are_an_upper_bound_where_strides_follow_deconv(body: str, step: Fraction) -> None:
    graph = net(f"input(1x24x1) {body}")
    field = receptive_fields(graph)[graph.output]
    assert field.height.step == step
    assert seen(graph) <= field.size[0] <= seen(graph) + 1


def test_crop_sees_its_own_place() -> None:
    graph = net("input(1x20x20) conv(3, 2, 1) crop(1) conv(3, 1, 1)")
    assert [field.size for field in receptive_fields(graph)[1:]] == [(3, 3), (3, 3), (7, 7)]
