"""The sizes of recipes: the papers' at the papers' input, in proportion at any other."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archc.data.prepare import prepare
from archc.data.sizes import Ratio, SizeOf
from archc.data.transforms import TRANSFORMS, Transform
from archc.diagnostics import DiagnosticError
from archc.driver import check, load
from archc.expand import expanded
from archc.ir import Graph
from archc.recipe import Dense, Recipe
from archc.resolve import resolved
from archc.source import Source

SIZES = {
    # As the papers print them: the net's input, then those of augment, then those of evaluate.
    **dict.fromkeys(
        ("alexnet", "alexnet_1tower", "alexnet_half", "alexnet_one_gpu"),
        (227, [256, 256, 227], [256, 256, 227]),
    ),
    "zfnet": (224, [256, 256, 224], [256, 256, 224]),
    "vgg_a": (224, [256, 224], [256]),
    "vgg_a_lrn": (224, [256, 224], [256]),
    "vgg_b": (224, [256, 224], [224, 256, 288]),
    "vgg_b_5x5": (224, [256, 224], [256, 224]),
    **dict.fromkeys(("vgg_c", "vgg_d", "vgg_e"), (224, [256, 512, 224], [256, 384, 512])),
    "googlenet": (224, [224], [224, 256, 288, 320, 352]),
    "googlenet_naive": (224, [224], [224, 256, 288, 320, 352]),
    "lenet": (32, [32, 2], [32]),
}
FIELDS = ("size", "low", "high", "pixels", "scales")


def recipe(name: str, side: int | None = None) -> Recipe:
    return recipe_of(graph(name, side))


def graph(name: str, side: int | None = None) -> Graph:
    channels = 1 if name == "lenet" else 3
    return load(name, shape=None if side is None else (channels, side, side))


def recipe_of(net: Graph) -> Recipe:
    assert net.recipe is not None
    return net.recipe


def sizes(steps: tuple[Transform, ...], dense: Dense | None = None) -> list[int]:
    """Every number of pixels in the steps, in order, but padding. `photometric` has a `low` and
    a `high` that are none."""
    found: list[int] = []
    for step in (*steps, *([dense] if dense else [])):
        for field in FIELDS:
            value = getattr(step, field, None)
            if isinstance(value, int):
                found.append(value)
            elif isinstance(value, tuple):
                found += value
    return found


@pytest.mark.parametrize("name", SIZES)
def test_as_published(name: str) -> None:
    _, augment, evaluate = SIZES[name]
    found = recipe(name)
    assert sizes(found.augment) == augment
    assert sizes(found.evaluate, found.dense) == evaluate
    assert graph(name).changes == ()


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("side", [80, 96, 299])
def test_in_proportion(name: str, side: int) -> None:
    """To the nearest pixel, or for a margin the one above; never below the input."""
    if name == "lenet":
        side = {80: 36, 96: 40, 299: 64}[side]
    published, augment, evaluate = SIZES[name]
    found = recipe(name, side)
    for got, expected in (
        (sizes(found.augment), augment),
        (sizes(found.evaluate, found.dense), evaluate),
    ):
        assert len(got) == len(expected)
        for here, there in zip(got, expected, strict=True):
            exact = Fraction(there * side, published)
            if there == 2:
                assert 0 <= here - exact < 1
            else:
                assert abs(here - exact) <= Fraction(1, 2)
                assert here >= side


@pytest.mark.parametrize("name", SIZES)
def test_the_spec_of_a_run_repeats_it(name: str) -> None:
    side = 36 if name == "lenet" else 100
    scaled = graph(name, side)
    for text in (resolved(scaled, {}), expanded(scaled)):
        again = recipe_of(check(Source("run/spec.arch", text)))
        wanted = recipe_of(scaled)
        assert (again.augment, again.evaluate) == (wanted.augment, wanted.evaluate)
        assert again.dense == wanted.dense


TEXT = """net n({params}) {{
  input(3x{input}) conv(3, 1, 8) relu fc(10) softmax
  recipe {{ augment {{ {steps} }} optimizer sgd(0.1) batch 8 epochs 1 }}
}}"""


def augment(
    steps: str, shape: tuple[int, int], *, params: str = "k = 1", written: str = "32x32", k: int = 1
) -> list[str]:
    text = TEXT.format(params=params, steps=steps, input=written)
    settings = {} if k == 1 else {"k": k}
    found = check(Source("n.arch", text), settings, shape=(3, *shape))
    return [str(step) for step in recipe_of(found).augment]


def test_what_the_command_line_says_is_exact() -> None:
    """`input`, and parameters that were set or that follow from these."""
    assert augment("resize(input) center_crop(input)", (16, 16)) == [
        "resize(size = 16)",
        "center_crop(size = 16)",
    ]
    assert augment("resize(input + 8)", (16, 16)) == ["resize(size = 24)"]
    params = "k = 40, twice = 2 * k, other = 60"
    steps = "resize(k) resize(twice) resize(other)"
    assert augment(steps, (16, 16), params=params) == [
        f"resize(size = {size})" for size in (20, 40, 30)
    ]
    assert augment(steps, (16, 16), params=params, k=50) == [
        f"resize(size = {size})" for size in (50, 100, 30)
    ]


def test_an_input_of_another_shape() -> None:
    """The shorter side of an image goes by what grew more, so that crops fit it; a square
    becomes the shape of the input."""
    steps = "resize(40) resize(40x48) random_crop(36, pad=2) center_crop(input) shift(3)"
    assert augment(steps, (16, 64)) == [
        "resize(size = 80)",
        "resize(size = [20, 96])",
        "random_crop(size = [18, 72], pad = 4)",
        "center_crop(size = [16, 64])",
        "shift(pixels = 6)",
    ]


def test_other_channels_change_nothing() -> None:
    found = load("alexnet", shape=(1, 227, 227))
    assert found.changes == ()


def test_a_size_that_no_step_can_have() -> None:
    with pytest.raises(DiagnosticError) as caught:
        augment("resize(200)", (1000, 1000))
    assert [fault.code for fault in caught.value.diagnostics] == ["E0303"]
    assert "3x1000x1000 instead of 3x32x32" in str(caught.value)


@given(
    st.tuples(*[st.integers(1, 300)] * 4),
    st.integers(1, 400),
    st.integers(0, 40),
    st.data(),
)
def test_a_crop_that_fitted_fits(
    sides: tuple[int, int, int, int], size: int, pad: int, data: st.DataObject
) -> None:
    """Whatever the input becomes: an image as large as it has to be, and padding."""
    ratio = Ratio(Fraction(sides[0], sides[1]), Fraction(sides[2], sides[3]))
    crop = data.draw(st.integers(1, size + 2 * pad))
    image = ratio.scaled(size, SizeOf.IMAGE)
    strip = ratio.scaled(pad, SizeOf.MARGIN)
    piece = ratio.scaled(crop, SizeOf.PIECE)
    assert isinstance(image, int)
    assert isinstance(strip, int)
    for side in (piece,) if isinstance(piece, int) else piece:
        assert 1 <= side <= image + 2 * strip


def test_every_field_in_pixels_says_so() -> None:
    """No field is forgotten: those that count pixels are the whole numbers."""
    for form in (*TRANSFORMS.values(), Dense):
        for name, field in form.model_fields.items():
            whole = "int" in str(field.annotation) or "int" in str(field.metadata)
            marked = any(isinstance(mark, SizeOf) for mark in field.metadata)
            assert marked == whole, (form.word, name)


@pytest.mark.parametrize("name", ["alexnet", "zfnet", "vgg_b_5x5"])
def test_a_small_net_sees_as_much_of_a_digit(name: str) -> None:
    """Digits go through the whole recipe at 80, and keep most of their ink."""
    found = recipe(name, 80)
    data = prepare(
        "digits",
        shape=(3, 80, 80),
        classes=10,
        augment=found.augment,
        evaluate=found.evaluate,
        batch=32,
        seed=0,
    )
    assert data.train.sample(0, 1).shape == (3, 80, 80)
    crop = Fraction(80, sizes(found.augment)[0])
    assert abs(crop - Fraction(SIZES[name][0], 256)) < Fraction(2, 100)
