"""The transforms of VGG, ZFNet and GoogLeNet against expectations of their own."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
from PIL import Image, ImageEnhance
from pydantic import ValidationError

from archc.data.transforms import (
    Given,
    JitterResize,
    OneOfTenCrop,
    Photometric,
    RandomAreaCrop,
    Resize,
    TenCrop,
)
from archc.runtime.faults import DoesNotFitError
from archc.runtime.pixels import photometric, scaled

WHITE = (255.0,) * 3


def given(seed: int) -> Given:
    return Given(np.random.default_rng(seed), {}, WHITE)


def picture(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, channels)).astype(np.float32)


def places(height: int, width: int) -> np.ndarray:
    """An image whose every pixel says where it is: row and column, in two of its channels."""
    image = np.zeros((height, width, 3), np.float32)
    image[..., 0], image[..., 1] = np.mgrid[:height, :width]
    return image


# jitter_resize ---------------------------------------------------------------------------


def test_jitter_resize_draws_every_shorter_side_evenly() -> None:
    image = picture(6, 9)
    found = [JitterResize(low=4, high=7).apply(image, given(s)).shape for s in range(400)]
    # 9/6 of the shorter side, halves rounded up.
    widths = {4: 6, 5: 8, 6: 9, 7: 11}
    assert set(found) == {(short, long, 3) for short, long in widths.items()}
    for short, long in widths.items():
        # Binomial(400, 1/4): six standard deviations, and the seeds are fixed.
        assert abs(found.count((short, long, 3)) - 100) < 52


def test_jitter_resize_is_resize_to_what_was_drawn() -> None:
    image = picture(9, 6)
    for seed in range(10):
        got = JitterResize(low=3, high=8).apply(image, given(seed))
        np.testing.assert_array_equal(got, Resize(size=got.shape[1]).apply(image, given(99)))


def test_a_range_of_one_size_is_that_size() -> None:
    assert JitterResize(low=5, high=5).apply(picture(8, 8), given(0)).shape == (5, 5, 3)


@pytest.mark.parametrize(
    ("form", "values"),
    [
        (JitterResize, {"low": 5, "high": 4}),
        (Photometric, {"low": 1.5, "high": 0.5}),
        (RandomAreaCrop, {"size": 4, "area": (0.5, 0.1)}),
        (RandomAreaCrop, {"size": 4, "aspect": (2.0, 1.0)}),
        (RandomAreaCrop, {"size": 4, "area": (0.0, 0.5)}),
        (RandomAreaCrop, {"size": 4, "area": (0.1, 1.5)}),
    ],
)
def test_ranges_the_wrong_way_round_are_refused(form: type, values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        form(**values)


# one_of_ten_crop -------------------------------------------------------------------------


def test_one_of_ten_crop_is_each_of_the_ten() -> None:
    image = picture(7, 9)
    ten = TenCrop(size=4).apply(image, given(0))
    found = []
    for seed in range(300):
        got = OneOfTenCrop(size=4).apply(image, given(seed))
        same = [i for i, view in enumerate(ten) if np.array_equal(view, got)]
        assert len(same) == 1
        found += same
    assert set(found) == set(range(10))
    # Binomial(300, 1/10): six standard deviations.
    assert max(found.count(i) for i in range(10)) < 62


# random_area_crop ------------------------------------------------------------------------


def pieces(step: RandomAreaCrop, height: int, width: int, draws: int) -> np.ndarray:
    """(top, left, height, width) of the pieces, told from what they show: by nearest
    interpolation to many pixels the first and last row and column of a piece are seen."""
    image = places(height, width)
    found = []
    for seed in range(draws):
        got = step.apply(image, given(seed))
        top, bottom = got[0, 0, 0], got[-1, 0, 0]
        left, right = got[0, 0, 1], got[0, -1, 1]
        found.append((top, left, bottom - top + 1, right - left + 1))
    return np.array(found)


def test_random_area_crop_draws_area_evenly_and_aspect_by_its_logarithm() -> None:
    step = RandomAreaCrop(size=200, area=(0.1, 0.5), aspect=(0.5, 2.0), interpolation="nearest")
    found = pieces(step, 100, 100, 600)
    area = found[:, 2] * found[:, 3] / 10_000
    logarithm = np.log2(found[:, 3] / found[:, 2])
    # Sides are whole pixels of 22 at least: within half a pixel each.
    assert area.min() > 0.1 * 0.95
    assert area.max() < 0.5 * 1.05
    assert np.abs(logarithm).max() < 1.05
    # Means of 600 even draws: six standard errors, 0.4 / sqrt(12 * 600) and 2 / sqrt(12 * 600).
    assert abs(area.mean() - 0.3) < 6 * 0.4 / np.sqrt(12 * 600)
    assert abs(logarithm.mean()) < 6 * 2 / np.sqrt(12 * 600)
    quarters = np.histogram(area, bins=4, range=(0.1, 0.5))[0]
    assert quarters.min() > 100  # 150 each on average, standard deviation 10.6
    quarters = np.histogram(logarithm, bins=4, range=(-1, 1))[0]
    assert quarters.min() > 100


def test_random_area_crop_finds_every_place() -> None:
    step = RandomAreaCrop(size=8, area=(0.25, 0.25), aspect=(1.0, 1.0), interpolation="nearest")
    found = pieces(step, 4, 4, 200)
    assert {tuple(piece) for piece in found} == {(y, x, 2, 2) for y in range(3) for x in range(3)}


@pytest.mark.parametrize(
    ("height", "width", "aspect", "expected"),
    [
        # Wider than allowed: all rows, and as many columns as the widest aspect has.
        (4, 40, (0.5, 2.0), (0, 16, 4, 8)),
        (40, 4, (0.5, 2.0), (16, 0, 8, 4)),
        (6, 6, (0.5, 2.0), (0, 0, 6, 6)),
    ],
)
def test_what_never_fits_is_the_middle(
    height: int, width: int, aspect: tuple[float, float], expected: tuple[int, ...]
) -> None:
    step = RandomAreaCrop(size=80, area=(1.0, 1.0), aspect=aspect, interpolation="nearest")
    found = {tuple(int(i) for i in piece) for piece in pieces(step, height, width, 20)}
    if height != width:
        assert found == {expected}
    else:
        assert expected in found


def test_random_area_crop_always_gives_its_size() -> None:
    for height, width in ((1, 1), (1, 50), (50, 1), (7, 5), (300, 200)):
        for seed in range(10):
            got = RandomAreaCrop(size=(3, 5), interpolation="varied").apply(
                picture(height, width), given(seed)
            )
            assert got.shape == (3, 5, 3)
            assert got.dtype == np.float32


def test_interpolations_are_what_their_names_say() -> None:
    row = np.array([0, 10, 20, 90], np.float32).reshape(1, 4, 1)
    # Halving: the mean of two; the value at the middle's right; a triangle over four pixels.
    assert scaled(row, (1, 2), "area")[0, :, 0].tolist() == [5, 55]
    assert scaled(row, (1, 2), "nearest")[0, :, 0].tolist() == [10, 90]
    weights = np.array([[3, 3, 1, 0], [0, 1, 3, 3]]) / 7
    np.testing.assert_allclose(
        scaled(row, (1, 2), "bilinear")[0, :, 0], weights @ row[0, :, 0], rtol=1e-6
    )


def keys(x: float) -> float:
    """Keys' cubic of 1981, equation 15, a = -1/2."""
    x = abs(x)
    if x < 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0


def test_cubic_is_keys_without_its_overshoot() -> None:
    row = np.array([0, 20, 10, 100, 100, 80], np.float32)
    expected = []
    for i in range(12):
        weights = np.array([keys((i + 0.5) / 2 - (j + 0.5)) for j in range(6)])
        expected.append((weights * row).sum() / weights.sum())
    assert max(expected) > 104  # it passes the brightest beside the edge
    got = scaled(row.reshape(1, 6, 1), (1, 12), "cubic")[0, :, 0]
    np.testing.assert_allclose(got, np.clip(expected, 0, 100), atol=1e-3)


def test_varied_is_each_of_the_four() -> None:
    image = picture(12, 12)
    whole = {"size": 5, "area": (1.0, 1.0), "aspect": (1.0, 1.0)}
    options = ("bilinear", "area", "nearest", "cubic")
    expected = [RandomAreaCrop(**whole, interpolation=o).apply(image, given(0)) for o in options]
    found = []
    for seed in range(200):
        got = RandomAreaCrop(**whole, interpolation="varied").apply(image, given(seed))
        found.append(next(i for i, e in enumerate(expected) if np.array_equal(e, got)))
    # Binomial(200, 1/4): five standard deviations.
    assert all(abs(found.count(i) - 50) < 31 for i in range(4))


# photometric -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "enhance"),
    [
        ("brightness", ImageEnhance.Brightness),
        ("contrast", ImageEnhance.Contrast),
        ("colour", ImageEnhance.Color),
    ],
)
@pytest.mark.parametrize("factor", [0.5, 0.8, 1.0, 1.3, 1.5])
def test_each_change_is_pillows(change: str, enhance: type, factor: float) -> None:
    """Howard used Pillow, which rounds: to whole values, and the grey it takes before."""
    image = picture(13, 11)
    expected = enhance(Image.fromarray(image.astype(np.uint8))).enhance(factor)
    got = photometric(image, [change], [factor], WHITE)
    assert np.abs(got - np.asarray(expected, np.float32)).max() <= 2


def test_colour_leaves_the_grey_and_without_it_is_grey() -> None:
    image = (60 + picture(4, 5) / 4).astype(np.float32)
    grey = image @ np.array([0.299, 0.587, 0.114])
    for factor in (0.5, 1.5):
        got = photometric(image, ["colour"], [factor], WHITE)
        np.testing.assert_allclose(got @ np.array([0.299, 0.587, 0.114]), grey, rtol=1e-5)
        # The hue of a pixel is that of its differences from grey.
        for pixel, before in zip(got.reshape(-1, 3), image.reshape(-1, 3), strict=True):
            hue, old = (colorsys.rgb_to_hsv(*p)[0] for p in (pixel / 255, before / 255))
            assert min(abs(hue - old), 1 - abs(hue - old)) < 1e-3


def test_changes_act_in_order_and_are_cut_off_each_time() -> None:
    image = np.array([200, 40, 40], np.float32).reshape(1, 1, 3)
    brighter = np.minimum(image * 1.5, 255)
    expected = np.clip(brighter.mean() + 0.5 * (brighter - brighter.mean()), 0, 255)
    got = photometric(image[..., :1], ["brightness", "contrast"], [1.5, 0.5], WHITE[:1])
    assert got[0, 0, 0] == 255  # one pixel has no contrast
    got = photometric(image.reshape(1, 3, 1), ["brightness", "contrast"], [1.5, 0.5], WHITE[:1])
    np.testing.assert_allclose(got[0, :, 0], expected[0, 0], rtol=1e-6)


def test_photometric_draws_order_and_factors() -> None:
    """Every outcome is one of the six orders, with factors inside the range."""
    image = np.full((2, 2, 3), 100, np.float32) + np.array([0, 20, 40], np.float32)
    brightness = []
    for seed in range(200):
        got = Photometric(low=0.9, high=1.1).apply(image, given(seed))
        assert got.min() > 0
        # Contrast and colour of an even image leave its grey: what is left is brightness.
        weights = np.array([0.299, 0.587, 0.114])
        brightness.append(float((got @ weights).mean() / (image @ weights).mean()))
    assert 0.9 <= min(brightness) < 0.91
    assert 1.09 < max(brightness) <= 1.1
    assert abs(np.mean(brightness) - 1) < 6 * 0.2 / np.sqrt(12 * 200)
    same = Photometric(low=1.0, high=1.0).apply(image, given(3))
    np.testing.assert_allclose(same, image, rtol=1e-6)


def test_photometric_knows_how_far_white_is() -> None:
    image = picture(5, 5)
    step = Photometric(low=1.5, high=1.5)
    raw = step.apply(image, given(4))
    one = Given(np.random.default_rng(4), {}, (1.0,) * 3)
    unit = step.apply((image / 255).astype(np.float32), one)
    np.testing.assert_allclose(unit, raw / 255, atol=1e-5)
    assert raw.max() == 255


def test_photometric_needs_black_at_zero() -> None:
    with pytest.raises(DoesNotFitError, match="before subtract_mean"):
        Photometric().apply((picture(3, 3) - 128).astype(np.float32), given(0))


def test_a_grey_image_has_no_colour_to_change() -> None:
    image = picture(4, 4, 1)
    np.testing.assert_allclose(photometric(image, ["colour"], [1.5], WHITE[:1]), image, rtol=1e-6)


@pytest.mark.parametrize(
    "step",
    [
        JitterResize(low=4, high=20),
        RandomAreaCrop(size=8, interpolation="varied"),
        OneOfTenCrop(size=4),
        Photometric(),
    ],
    ids=lambda step: step.word,
)
def test_chance_is_the_images_own(step: Resize) -> None:
    image = picture(16, 12)
    first, again, other = (step.apply(image, given(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert first.shape != other.shape or (first != other).any()
