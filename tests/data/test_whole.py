"""Whole images at several scales: what comes, in which batches, and what is checked."""

from __future__ import annotations

import numpy as np
import pytest

from archc.data import whole
from archc.data.dataset import Split
from archc.data.dense import Dense
from archc.data.pipeline import Pipeline
from archc.data.transforms import Scale, TenCrop, Transform
from archc.data.whole import WholeImages
from archc.diagnostics import DiagnosticError
from archc.runtime.pixels import Pixels, resize

SIZES = [(12, 16), (16, 12), (12, 12), (24, 32), (10, 40)]


class Pictures(Split):
    in_memory = False

    def __init__(self) -> None:
        self.labels = np.arange(len(SIZES))

    def image(self, index: int) -> Pixels:
        rng = np.random.default_rng(index)
        return rng.uniform(0, 255, (*SIZES[index], 3)).astype(np.float32)

    def name(self, index: int) -> str:
        return f"{index}.png"


def made(
    dense: Dense, *steps: Transform, batch: int = 4, check: whole.Check = lambda shape, name: None
) -> WholeImages:
    pipeline = Pipeline("evaluate", steps, {}, 3)
    return WholeImages(Pictures(), pipeline, dense, (3, 8, 8), batch=batch, check=check)


def test_every_image_comes_at_every_scale() -> None:
    loader = made(Dense(scales=(8, 12)), Scale(factor=2))
    seen: dict[int, list[np.ndarray]] = {}
    for batch in loader.in_order():
        np.testing.assert_array_equal(batch.labels, batch.indices)
        for rows, images in batch.groups:
            assert images.dtype == np.float32
            assert images.flags.c_contiguous
            for row, views in zip(rows, images, strict=True):
                (view,) = views
                seen.setdefault(int(batch.indices[row]), []).append(view)
    assert sorted(seen) == [0, 1, 2, 3, 4]
    for index, views in seen.items():
        raw = 2 * Pictures().image(index)
        assert [min(view.shape[1:]) for view in views] == [8, 12]
        for view, side in zip(views, (8, 12), strict=True):
            np.testing.assert_array_equal(view, resize(raw, side).transpose(2, 0, 1))


def test_images_of_one_size_share_a_group() -> None:
    batch, last = made(Dense(scales=(8,))).in_order()
    shapes = {images.shape[2:]: rows.tolist() for rows, images in batch.groups}
    assert shapes == {(3, 8, 11): [0, 3], (3, 11, 8): [1], (3, 8, 8): [2]}
    assert last.indices.tolist() == [4]


def test_views_that_are_there_stay_views() -> None:
    loader = made(Dense(scales=9), TenCrop(size=10))
    (views,) = loader.sample(0)
    assert views.shape == (10, 3, 9, 9)


def test_a_prediction_holds_as_many_pixels_as_a_batch_of_training() -> None:
    loader = made(Dense(scales=8), batch=4)
    assert [loader.most(h, w) for h, w in ((8, 8), (16, 16), (8, 9), (80, 80))] == [4, 1, 3, 1]


def test_large_images_come_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "PIECE_BYTES", 1000)
    assert [len(batch.labels) for batch in made(Dense(scales=8)).in_order()] == [1] * 5


def test_sizes_are_checked_with_the_name() -> None:
    asked: list[tuple[tuple[int, int, int], str]] = []
    list(made(Dense(scales=(8, 12)), check=lambda *said: asked.append(said)).in_order())
    assert ((3, 8, 11), "0.png") in asked
    assert ((3, 12, 48), "4.png") in asked
    assert len(asked) == 10


def test_an_image_that_becomes_too_large_is_named() -> None:
    class Long(Pictures):
        def image(self, index: int) -> Pixels:
            return np.zeros((1, 9000, 3), np.float32)

    pipeline = Pipeline("evaluate", (), {}, 3)
    loader = WholeImages(
        Long(), pipeline, Dense(scales=512), (3, 8, 8), batch=4, check=lambda shape, name: None
    )
    with pytest.raises(DiagnosticError, match=r"E0710.*dense.*'0\.png'"):
        loader.sample(0)


@pytest.mark.parametrize("scales", [(), 0, 5000, tuple(range(20, 37)), (16.5,), "8"])
def test_scales_are_bounded(scales: object) -> None:
    with pytest.raises(ValueError, match="scales"):
        Dense.model_validate({"scales": scales})


def test_spelling() -> None:
    assert str(Dense(scales=(256, 384))) == "dense(scales = [256, 384])"
    assert (Dense(scales=256).sides, Dense(scales=(256,)).sides) == ((256,), (256,))
