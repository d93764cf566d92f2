"""GoogLeNet's 144 crops, against the paper's sentence written out for one view at a time."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from archc.data.dataset import MemorySplit
from archc.data.loader import Loader
from archc.data.pipeline import Pipeline, learn
from archc.data.transforms import Given, MultiScaleCrop, Scale, SubtractMean, Transform
from archc.runtime.faults import DoesNotFitError
from archc.runtime.pixels import Pixels

GIVEN = Given(np.random.default_rng(0), {}, (255.0,) * 3)


def picture(height: int, width: int, seed: int = 0) -> Pixels:
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 255, (height, width, 3)).astype(np.float32)


def bilinear(image: Pixels, height: int, width: int) -> Pixels:
    """Pillow's own resampling, a channel at a time."""
    planes = [
        np.asarray(
            Image.fromarray(image[:, :, c]).resize((width, height), Image.Resampling.BILINEAR)
        )
        for c in range(image.shape[2])
    ]
    return np.stack(planes, axis=2)


def oracle(image: Pixels, size: int, scales: tuple[int, ...]) -> list[Pixels]:
    """ "We resize the image to 4 scales where the shorter dimension (height or width) is 256, 288,
    320 and 352 respectively, take the left, center and right square of these resized images (in
    the case of portrait images, we take the top, center and bottom squares). For each square, we
    then take the 4 corners and the center 224x224 crop as well as the square resized to 224x224,
    and their mirrored versions." """
    views: list[Pixels] = []
    for mirrored in (False, True):
        for scale in scales:
            height, width = image.shape[:2]
            if height <= width:
                resized = bilinear(image, scale, int(np.floor(width * scale / height + 0.5)))
                over = resized.shape[1] - scale
                squares = [resized[:, x : x + scale] for x in (0, over // 2, over)]
            else:
                resized = bilinear(image, int(np.floor(height * scale / width + 0.5)), scale)
                over = resized.shape[0] - scale
                squares = [resized[y : y + scale] for y in (0, over // 2, over)]
            end, middle = scale - size, (scale - size) // 2
            for square in squares:
                crops = [
                    square[:size, :size],
                    square[:size, end:],
                    square[end:, :size],
                    square[end:, end:],
                    square[middle : middle + size, middle : middle + size],
                    bilinear(np.ascontiguousarray(square), size, size),
                ]
                views += [crop[:, ::-1] if mirrored else crop for crop in crops]
    return views


@pytest.mark.parametrize(
    ("height", "width"), [(30, 47), (47, 30), (33, 33), (20, 61), (16, 20), (101, 17)]
)
def test_every_view_is_the_papers(height: int, width: int) -> None:
    image = picture(height, width)
    step = MultiScaleCrop(size=14, scales=(16, 18, 21, 22))
    got = step.apply(image, GIVEN)
    expected = oracle(image, 14, (16, 18, 21, 22))
    assert got.shape == (144, 14, 14, 3)
    assert len(expected) == step.views == 144
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_papers_own_figures() -> None:
    step = MultiScaleCrop(size=224, scales=(256, 288, 320, 352))
    views = step.apply(picture(375, 500), GIVEN)
    assert views.shape == (144, 224, 224, 3)
    np.testing.assert_array_equal(views[72:], views[:72, :, ::-1])
    assert len({view.tobytes() for view in views}) == 144
    np.testing.assert_array_equal(views, np.stack(oracle(picture(375, 500), 224, step.scales)))


def test_one_scale_of_exactly_the_crop() -> None:
    views = MultiScaleCrop(size=8, scales=(8,)).apply(picture(8, 8), GIVEN)
    assert views.shape == (36, 8, 8, 3)
    assert len({view.tobytes() for view in views}) == 2


def test_a_scale_smaller_than_the_crop_is_refused() -> None:
    with pytest.raises(DoesNotFitError, match="12x12, smaller than the crop 14x14"):
        MultiScaleCrop(size=14, scales=(16, 12)).apply(picture(20, 30), GIVEN)


@pytest.mark.parametrize("scales", [(), tuple(range(20, 37)), (0,), (5000,), (16.5,)])
def test_scales_are_bounded(scales: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="scales"):
        MultiScaleCrop(size=14, scales=scales)


def split(sizes: tuple[tuple[int, int], ...]) -> MemorySplit:
    rng = np.random.default_rng(3)
    images = rng.integers(0, 256, (len(sizes), *sizes[0], 3), dtype=np.uint8)
    return MemorySplit(images, np.zeros(len(sizes), np.int64), "image")


def test_the_mean_of_a_channel_may_be_taken_before_or_after() -> None:
    crops, mean = MultiScaleCrop(size=8, scales=(9, 11)), SubtractMean(per="channel")
    data = split(((12, 16),) * 3)
    # What training learned is used wherever the step stands; only resampling rounds between.
    twin: tuple[Transform, ...] = (mean,)
    results: list[Pixels] = []
    for steps in ((mean, crops), (crops, mean)):
        learned = learn({"augment": twin, "evaluate": steps}, data.named, 3)
        assert len(learned) == 1
        results.append(Pipeline("evaluate", steps, learned, 3).fixed(data.image(0), ""))
    np.testing.assert_allclose(results[0], results[1], atol=1e-3)


@pytest.mark.parametrize("per", ["pixel", "channel"])
def test_a_mean_learned_of_views_is_over_all_of_them(per: str) -> None:
    crops = MultiScaleCrop(size=8, scales=(9, 11))
    mean = SubtractMean.model_validate({"per": per})
    data = split(((12, 16),) * 3)
    learned = learn({"evaluate": (crops, mean)}, data.named, 3)
    views = np.concatenate([crops.apply(data.image(i), GIVEN) for i in range(3)]).astype(np.float64)
    expected = views.mean(axis=0) if per == "pixel" else views.mean(axis=(0, 1, 2))
    np.testing.assert_allclose(next(iter(learned.values()))["mean"], expected, rtol=1e-5)


def test_views_fill_batches_of_whole_images() -> None:
    data = split(((12, 16),) * 3)
    crops = MultiScaleCrop(size=8, scales=(9, 11))
    pipeline = Pipeline("evaluate", (crops, Scale(factor=0.5)), {}, 3)
    loader = Loader(data, pipeline, (3, 8, 8), batch=150, seed=0)
    assert (loader.views, loader.batch, loader.most(8, 8)) == (72, 2, 150)
    shapes = [batch.images.shape for batch in loader.in_order()]
    assert shapes == [(2, 72, 3, 8, 8), (1, 72, 3, 8, 8)]
    loader = Loader(data, pipeline, (3, 8, 8), batch=5, seed=0)
    assert (loader.batch, loader.most(8, 8)) == (1, 5)
