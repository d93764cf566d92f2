"""Each transform against arithmetic done by hand or in naive loops."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from archc.data.transforms import (
    TRANSFORMS,
    CenterCrop,
    Flip,
    Given,
    JitterResize,
    MultiScaleCrop,
    Normalize,
    OneOfTenCrop,
    PcaColor,
    Photometric,
    RandomAreaCrop,
    RandomCrop,
    Resize,
    Scale,
    Shift,
    SubtractMean,
    TenCrop,
    Transform,
    misplaced,
)
from archc.runtime.faults import DoesNotFitError
from archc.runtime.pixels import ten_crop


def given(seed: int = 0, white: float = 255.0, **learned: np.ndarray) -> Given:
    return Given(np.random.default_rng(seed), learned, (white,) * 3)


def picture(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, channels)).astype(np.float32)


def test_resize_keeps_the_aspect_of_the_shorter_side() -> None:
    assert Resize(size=4).apply(picture(8, 12), given()).shape == (4, 6, 3)
    assert Resize(size=4).apply(picture(13, 8), given()).shape == (7, 4, 3)  # 6.5 rounds up
    assert Resize(size=4).apply(picture(8, 13), given()).shape == (4, 7, 3)
    assert Resize(size=(5, 9)).apply(picture(8, 12, 1), given()).shape == (5, 9, 1)


def test_resize_doubles_by_bilinear_interpolation() -> None:
    # Centres of new pixels lie at 1/4 and 3/4 between the old ones'; edges repeat.
    image = np.array([[0.0, 100.0]], np.float32)[..., np.newaxis]
    row = Resize(size=(1, 4)).apply(image, given())[0, :, 0]
    np.testing.assert_allclose(row, [0, 25, 75, 100], atol=1e-4)


def test_resize_is_antialiased_when_it_shrinks() -> None:
    # A triangle of width 2 around each new centre, over the pixels that exist.
    row = np.arange(8, dtype=np.float64) ** 2
    expected = []
    for centre in (0.5 * 4, 1.5 * 4):
        weights = np.maximum(0, 1 - np.abs(np.arange(8) + 0.5 - centre) / 4)
        expected.append((weights * row).sum() / weights.sum())
    image = row.astype(np.float32)[np.newaxis, :, np.newaxis]
    got = Resize(size=(1, 2)).apply(image, given())[0, :, 0]
    # Pillow stores float images in single precision.
    np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_resize_does_not_round_to_whole_greys_and_keeps_channels_apart() -> None:
    image = picture(9, 7)
    got = Resize(size=5).apply(image, given())
    for c in range(3):
        plane = Image.fromarray(image[:, :, c]).resize((5, 6), Image.Resampling.BILINEAR)
        np.testing.assert_array_equal(got[:, :, c], np.asarray(plane))
    assert np.any(got != np.rint(got))


def test_resize_refuses_what_would_fill_the_memory() -> None:
    with pytest.raises(DoesNotFitError, match="pixels"):
        Resize(size=4096).apply(np.zeros((1, 40_000, 1), np.float32), given())


def test_center_crop_takes_the_middle() -> None:
    image = np.arange(5 * 6, dtype=np.float32).reshape(5, 6, 1)
    np.testing.assert_array_equal(
        CenterCrop(size=(3, 2)).apply(image, given())[..., 0], [[8, 9], [14, 15], [20, 21]]
    )


def test_a_crop_larger_than_the_image_is_refused() -> None:
    for transform in (CenterCrop(size=9), RandomCrop(size=9), TenCrop(size=9)):
        with pytest.raises(DoesNotFitError, match="8x12"):
            transform.apply(picture(8, 12), given())


def test_random_crop_finds_every_place_and_only_those() -> None:
    image = np.arange(5 * 4, dtype=np.float32).reshape(5, 4, 1)
    seen = {float(RandomCrop(size=3).apply(image, given(seed))[0, 0, 0]) for seed in range(200)}
    assert seen == {0, 1, 4, 5, 8, 9}


@pytest.mark.parametrize("pad", [1, 2, 7])
def test_random_crop_pads_with_zeros(pad: int) -> None:
    image = picture(6, 5) + 1
    padded = np.pad(image, [(pad, pad), (pad, pad), (0, 0)])
    for seed in range(30):
        rng = np.random.default_rng(seed)
        top, left = rng.integers(6 + 2 * pad - 4 + 1), rng.integers(5 + 2 * pad - 3 + 1)
        expected = padded[top : top + 4, left : left + 3]
        got = RandomCrop(size=(4, 3), pad=pad).apply(image, given(seed))
        np.testing.assert_array_equal(got, expected)


def test_shift_moves_and_lays_zeros_bare() -> None:
    image = np.zeros((5, 5, 1), np.float32)
    image[2, 2] = 1
    places: set[tuple[int, ...]] = set()
    for seed in range(400):
        got = Shift(pixels=2).apply(image, given(seed))
        assert got.shape == image.shape
        assert got.sum() == 1
        places.add(tuple(int(i) for i in np.argwhere(got)[0]))
    assert places == {(y, x, 0) for y in range(5) for x in range(5)}
    np.testing.assert_array_equal(Shift(pixels=0).apply(image, given()), image)


def test_flip_mirrors_the_width_half_of_the_time() -> None:
    image = picture(2, 3)
    flips = [np.array_equal(Flip().apply(image, given(s)), image[:, ::-1]) for s in range(400)]
    # Binomial(400, 1/2): six standard deviations, and the seeds are fixed.
    assert abs(sum(flips) - 200) < 60


def test_ten_crop_is_corners_centre_and_mirrors() -> None:
    image = np.arange(16, dtype=np.float32).reshape(4, 4, 1)
    views = TenCrop(size=2).apply(image, given())
    assert views.shape == (10, 2, 2, 1)
    np.testing.assert_array_equal(views[:5, 0, 0, 0], [0, 2, 8, 10, 5])
    np.testing.assert_array_equal(views[5:], views[:5, :, ::-1])
    assert ten_crop(views, 1).shape == (100, 1, 1, 1)


def test_steps_after_ten_crop_act_on_every_view() -> None:
    image = picture(6, 6)
    views = TenCrop(size=4).apply(image, given())
    for step in (Resize(size=3), CenterCrop(size=2), Scale(factor=0.5)):
        together = step.apply(views, given())
        for view, expected in zip(together, views, strict=True):
            np.testing.assert_array_equal(view, step.apply(expected, given()))


def test_mean_of_every_pixel() -> None:
    images = [picture(3, 4, seed=s) for s in range(5)]
    step = SubtractMean(per="pixel")
    learned = step.learn(images, (255.0,) * 3)
    naive = np.zeros((3, 4, 3))
    for y in range(3):
        for x in range(4):
            for c in range(3):
                naive[y, x, c] = sum(float(i[y, x, c]) for i in images) / 5
    np.testing.assert_allclose(learned["mean"], naive, rtol=1e-12)
    got = step.apply(images[0], given(mean=learned["mean"]))
    # A float32 at 255 has a spacing of 1.5e-5.
    np.testing.assert_allclose(got, images[0] - naive, atol=3e-5)
    assert got.dtype == np.float32


def test_mean_of_every_channel_weighs_pixels_not_images() -> None:
    small, large = np.full((1, 1, 1), 10, np.float32), np.full((3, 3, 1), 20, np.float32)
    learned = SubtractMean(per="channel").learn([small, large], (255.0,))
    np.testing.assert_allclose(learned["mean"], [(10 + 9 * 20) / 10])


def test_mean_of_every_pixel_needs_one_size() -> None:
    with pytest.raises(DoesNotFitError, match="center_crop"):
        SubtractMean(per="pixel").learn([picture(3, 4), picture(4, 3)], (255.0,) * 3)
    with pytest.raises(DoesNotFitError, match="learned at 3x3x4"):
        SubtractMean().apply(picture(2, 2), given(mean=np.zeros((3, 4, 3))))


def test_principal_axes_of_colour() -> None:
    images = [picture(7, 5, seed=s) * np.float32([1, 0.5, 0.2]) for s in range(3)]
    learned = PcaColor().learn(images, (255.0,) * 3)
    pixels = np.concatenate([i.reshape(-1, 3) for i in images]).astype(np.float64) / 255
    covariance = np.cov(pixels.T, bias=True)
    values, vectors = learned["eigenvalues"], learned["eigenvectors"]
    assert list(values) == sorted(values, reverse=True)
    np.testing.assert_allclose(covariance @ vectors, vectors * values, atol=1e-12)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(3), atol=1e-12)


def test_colour_shift_is_the_papers_and_in_the_scale_of_the_pixels() -> None:
    vectors = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    values = np.array([0.2175, 0.0188, 0.0045])
    learned = {"eigenvalues": values, "eigenvectors": vectors}
    image = picture(4, 4)
    a = np.random.default_rng(5).normal(0, 0.1, 3)
    shift = sum(a[i] * values[i] * vectors[:, i] for i in range(3))
    raw = PcaColor().apply(image, given(5, 255.0, **learned))
    np.testing.assert_allclose(raw - image, np.broadcast_to(255 * shift, image.shape), atol=3e-5)
    unit = PcaColor().apply(image / 255, given(5, 1.0, **learned))
    np.testing.assert_allclose(unit, raw / 255, atol=1e-6)


def test_principal_axes_need_colour() -> None:
    with pytest.raises(DoesNotFitError, match="grey"):
        PcaColor().learn([picture(3, 3, 1)], (255.0,))


def test_scale_and_normalize() -> None:
    image = picture(2, 2)
    np.testing.assert_allclose(Scale(factor=1 / 255).apply(image, given()), image / 255, rtol=1e-6)
    step = Normalize(mean=(1, 2, 3), std=(2, 4, 8))
    expected = (image - [1, 2, 3]) / [2, 4, 8]
    np.testing.assert_allclose(step.apply(image, given()), expected, rtol=1e-6)
    assert step.white((255.0, 255.0, 255.0)) == (127.5, 63.75, 31.875)
    with pytest.raises(DoesNotFitError, match="2 values"):
        Normalize(mean=(1, 2), std=1).apply(image, given())


EXAMPLES: dict[str, Transform] = {
    "resize": Resize(size=5),
    "jitter_resize": JitterResize(low=4, high=9),
    "center_crop": CenterCrop(size=3),
    "random_crop": RandomCrop(size=3, pad=1),
    "random_area_crop": RandomAreaCrop(size=4, interpolation="varied"),
    "one_of_ten_crop": OneOfTenCrop(size=3),
    "flip": Flip(),
    "shift": Shift(pixels=1),
    "subtract_mean": SubtractMean(),
    "pca_color": PcaColor(),
    "photometric": Photometric(),
    "scale": Scale(factor=0.5),
    "normalize": Normalize(mean=1, std=2),
    "ten_crop": TenCrop(size=3),
    "multi_scale_crop": MultiScaleCrop(size=3, scales=(4, 5)),
}


@pytest.mark.parametrize("word", sorted(TRANSFORMS))
def test_every_transform_gives_float32_and_leaves_its_argument(word: str) -> None:
    image = picture(6, 6)
    before = image.copy()
    learned = {
        "mean": np.ones((6, 6, 3)),
        "eigenvalues": np.ones(3),
        "eigenvectors": np.eye(3),
    }
    for seed in range(4):
        out = EXAMPLES[word].apply(image, given(seed, **learned))
        assert out.dtype == np.float32
        np.testing.assert_array_equal(image, before)


RANDOM = {
    "jitter_resize",
    "random_crop",
    "random_area_crop",
    "one_of_ten_crop",
    "flip",
    "shift",
    "pca_color",
    "photometric",
}


VIEWS = {"ten_crop", "multi_scale_crop"}


def test_random_steps_are_refused_in_evaluate_and_views_in_augment() -> None:
    for word, example in EXAMPLES.items():
        fault = misplaced(example, "evaluate")
        assert (fault is not None and fault.code == "E0711") == (word in RANDOM)
        fault = misplaced(example, "augment")
        assert (fault is not None and fault.code == "E0712") == (word in VIEWS)
