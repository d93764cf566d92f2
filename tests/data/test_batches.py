"""Pipelines, what they learn, batches and the checks before training."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archc.data import loader, reading
from archc.data.dataset import MemorySplit
from archc.data.loader import Loader
from archc.data.pipeline import Pipeline, flatten, learn, unflatten
from archc.data.prepare import Prepared, prepare
from archc.data.transforms import (
    CenterCrop,
    Flip,
    PcaColor,
    RandomCrop,
    Resize,
    Scale,
    Shift,
    SubtractMean,
    TenCrop,
    Transform,
)
from archc.diagnostics import DiagnosticError

SIZE = 8


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """13 training images and 5 for validation, of sizes that all differ."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 13), ("val", 5)):
        for n in range(count):
            path = tmp_path / split / ("a" if n % 2 else "b") / f"{n:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            shape = (12 + n, 20 - n % 4, 3)
            Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(path)
    return str(tmp_path)


def opened(
    source: str,
    augment: tuple[Transform, ...],
    evaluate: tuple[Transform, ...] = (Resize(size=(SIZE, SIZE)),),
    *,
    channels: int = 3,
    classes: int = 2,
    batch: int = 4,
    seed: int = 0,
) -> Prepared:
    return prepare(
        source,
        shape=(channels, SIZE, SIZE),
        classes=classes,
        augment=augment,
        evaluate=evaluate,
        batch=batch,
        seed=seed,
    )


RANDOM = (Resize(size=12), RandomCrop(size=SIZE), Flip())


def images_of(data: Prepared, epoch: int) -> dict[int, np.ndarray]:
    return {
        int(i): image
        for batch in data.train.epoch(epoch)
        for i, image in zip(batch.indices, batch.images, strict=True)
    }


def data_threads() -> list[str]:
    """The threads that read, after those that have been told to leave have had time to."""
    deadline = time.monotonic() + 10
    while (found := _data_threads()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return found


def _data_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("grain-prefetch")]


def test_every_image_once_and_the_last_batch_smaller(folder: str) -> None:
    data = opened(folder, RANDOM)
    batches = list(data.train.epoch(1))
    assert [len(b.images) for b in batches] == [4, 4, 4, 1]
    assert data.train.batches == 4
    assert sorted(int(i) for b in batches for i in b.indices) == list(range(13))
    for batch in batches:
        assert batch.images.shape[1:] == (3, SIZE, SIZE)
        assert batch.images.dtype == np.float32
        assert batch.labels.dtype == np.int64
        np.testing.assert_array_equal(batch.labels, data.dataset.train.labels[batch.indices])


@pytest.mark.parametrize("start", [0, 1, 3, 4])
def test_an_epoch_goes_on_in_its_middle(folder: str, start: int) -> None:
    loader = opened(folder, RANDOM).train
    whole = list(loader.epoch(3))
    rest = list(loader.epoch(3, start=start))
    assert len(rest) == len(whole) - start
    for got, wanted in zip(rest, whole[start:], strict=True):
        np.testing.assert_array_equal(got.indices, wanted.indices)
        np.testing.assert_array_equal(got.images, wanted.images)


def test_order_and_chance_depend_on_seed_and_epoch_only(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = [
        [int(i) for b in opened(folder, RANDOM, seed=seed).train.epoch(epoch) for i in b.indices]
        for seed, epoch in ((0, 1), (0, 2), (1, 1), (0, 1))
    ]
    assert orders[0] == orders[3]
    assert orders[0] != orders[1]
    assert orders[0] != orders[2]
    once, again = images_of(opened(folder, RANDOM), 1), images_of(opened(folder, RANDOM), 2)
    assert any(not np.array_equal(once[i], again[i]) for i in once)
    # Another batch size and one thread: the same images to the last bit.
    monkeypatch.setattr(reading, "THREADS", 1)
    other = images_of(opened(folder, RANDOM, batch=5), 1)
    for i, image in once.items():
        np.testing.assert_array_equal(image, other[i])


def test_a_set_in_memory_gives_what_its_pipeline_gives() -> None:
    # Kept in memory, kept in part, and not kept: all must be what the steps make.
    steps = (Resize(size=SIZE), SubtractMean(), Shift(pixels=2))
    data = opened("digits", steps, channels=1, classes=10)
    pipeline = data.train.pipeline
    for i, image in list(images_of(data, 3).items())[:20]:
        raw = data.dataset.train.image(i)
        rng = np.random.default_rng((0, 3, 2, i))
        expected = pipeline.rest(pipeline.fixed(raw, ""), "", rng)
        np.testing.assert_array_equal(image, np.moveaxis(expected, -1, 0))


def test_caching_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for steps in ((SubtractMean(),), (SubtractMean(), Shift(pixels=1))):
        kept = images_of(opened("digits", steps, channels=1, classes=10), 1)
        with monkeypatch.context() as patch:
            patch.setattr(loader, "CACHE_BYTES", 0)
            made = images_of(opened("digits", steps, channels=1, classes=10), 1)
        for i, image in kept.items():
            np.testing.assert_array_equal(image, made[i])


def test_evaluation_is_in_order_and_whole(folder: str) -> None:
    data = opened(folder, RANDOM)
    indices = [int(i) for b in data.held_out.in_order() for i in b.indices]
    assert indices == list(range(5))


def test_views_share_a_batch(folder: str) -> None:
    data = opened(folder, RANDOM, (Resize(size=12), TenCrop(size=SIZE)), batch=20)
    shapes = [b.images.shape for b in data.held_out.in_order()]
    assert shapes == [(2, 10, 3, SIZE, SIZE), (2, 10, 3, SIZE, SIZE), (1, 10, 3, SIZE, SIZE)]
    first = next(iter(data.held_out.in_order())).images[0]
    np.testing.assert_array_equal(first[5:], first[:5, ..., ::-1])


def test_what_is_learned_comes_from_training_images_through_the_steps_before() -> None:
    data = opened("digits", (Scale(factor=2), SubtractMean()), channels=1, classes=10)
    (key,) = data.statistics
    mean = data.statistics[key]["mean"]
    images = np.stack([data.dataset.train.image(i) for i in range(1437)]).astype(np.float64)
    np.testing.assert_allclose(mean, 2 * images.mean(axis=0), rtol=1e-6)
    assert unflatten(flatten(data.statistics)).keys() == data.statistics.keys()
    np.testing.assert_array_equal(unflatten(flatten(data.statistics))[key]["mean"], mean)


def test_evaluation_subtracts_the_mean_that_training_learned(folder: str) -> None:
    mean = SubtractMean(per="channel")
    data = opened(
        folder,
        (Resize(size=12), mean, RandomCrop(size=SIZE)),
        (Resize(size=12), CenterCrop(size=SIZE), mean),
    )
    assert len(data.statistics) == 1
    # After another scaling it is another mean.
    data = opened(folder, (*RANDOM, mean), (Scale(factor=0.5), Resize(size=(SIZE, SIZE)), mean))
    raw, halved = (s["mean"] for s in data.statistics.values())
    np.testing.assert_allclose(halved, raw / 2, rtol=0.05)


def test_random_steps_are_left_out_when_learning() -> None:
    split = MemorySplit(np.full((3, 4, 4, 3), 7, np.uint8), np.zeros(3, np.int64), "image")
    steps = (RandomCrop(size=2, pad=4), Scale(factor=2), SubtractMean(per="channel"))
    statistics = learn({"augment": steps}, split.named, 3)
    np.testing.assert_allclose(next(iter(statistics.values()))["mean"], [14, 14, 14])


def test_colour_shift_is_the_same_before_and_after_scaling() -> None:
    rng = np.random.default_rng(0)
    split = MemorySplit(
        rng.integers(0, 256, (5, 4, 4, 3), dtype=np.uint8), np.zeros(5, np.int64), "image"
    )
    results: list[np.ndarray] = []
    for steps in ((PcaColor(), Scale(factor=0.01)), (Scale(factor=0.01), PcaColor())):
        pipeline = Pipeline("augment", steps, learn({"augment": steps}, split.named, 3), 3)
        image = pipeline.fixed(split.image(0), "")
        results.append(pipeline.rest(image, "", np.random.default_rng(1)))
    # Pixels reach 2.55, where float32 is good to 2e-7.
    np.testing.assert_allclose(results[0], results[1], atol=1e-6)


@pytest.mark.parametrize(
    ("augment", "evaluate", "classes", "channels", "code"),
    [
        ((Flip(),), (Flip(),), 2, 3, "E0711"),
        ((TenCrop(size=SIZE),), (Resize(size=SIZE),), 2, 3, "E0712"),
        (RANDOM, (Resize(size=(SIZE, SIZE)),), 2, 4, "E0713"),
        (RANDOM, (Resize(size=(SIZE, SIZE)),), 3, 3, "E0708"),
        ((Resize(size=SIZE),), (Resize(size=(SIZE, SIZE)),), 2, 3, "E0709"),
        (RANDOM, (Resize(size=9),), 2, 3, "E0709"),
        ((RandomCrop(size=40),), (Resize(size=(SIZE, SIZE)),), 2, 3, "E0710"),
        ((*RANDOM, SubtractMean()), (Resize(size=(SIZE, SIZE)),), 2, 3, "E0710"),
    ],
)
def test_what_does_not_fit_is_found_before_training(
    folder: str,
    augment: tuple[Transform, ...],
    evaluate: tuple[Transform, ...],
    classes: int,
    channels: int,
    code: str,
) -> None:
    with pytest.raises(DiagnosticError) as caught:
        opened(folder, augment, evaluate, classes=classes, channels=channels)
    assert caught.value.diagnostics[0].code == code


def test_all_misplaced_steps_are_reported_at_once(folder: str) -> None:
    with pytest.raises(DiagnosticError) as caught:
        opened(folder, (TenCrop(size=SIZE),), (Flip(), Shift(pixels=1)))
    assert sorted(d.code for d in caught.value.diagnostics) == ["E0711", "E0711", "E0712"]


def test_an_image_of_another_size_is_named_when_it_comes(folder: str) -> None:
    # The first validation image is square after this, the others are not.
    for path in (Path(folder) / "val").rglob("*.png"):
        size = (SIZE, SIZE) if path.name == "01.png" else (SIZE, 2 * SIZE)
        Image.new("RGB", size).save(path)
    data = opened(folder, RANDOM, (Resize(size=SIZE),))
    with pytest.raises(DiagnosticError, match=r"03\.png"):
        list(data.held_out.in_order())


def test_learning_names_the_image_that_stands_in_its_way(folder: str) -> None:
    with pytest.raises(DiagnosticError, match=r"is 3x\d+x\d+, those before it") as caught:
        opened(folder, (Resize(size=12), SubtractMean(), CenterCrop(size=SIZE)))
    assert caught.value.diagnostics[0].code == "E0710"
    assert data_threads() == []


def test_a_broken_image_in_the_middle_stops_the_epoch_and_its_threads(folder: str) -> None:
    data = opened(folder, RANDOM, batch=2)
    victim = Path(data.dataset.train.name(9))
    victim.write_bytes(victim.read_bytes()[:60])
    with pytest.raises(DiagnosticError, match=victim.name):
        list(data.train.epoch(1))
    assert data_threads() == []


def test_leaving_an_epoch_early_leaves_no_thread(folder: str) -> None:
    data = opened(folder, RANDOM, batch=1)
    with closing(data.train.epoch(1)) as batches:
        next(batches)
        assert _data_threads() != []
    assert data_threads() == []


def test_a_loader_reads_at_most_the_batch_it_was_given(folder: str) -> None:
    data = opened(folder, RANDOM, batch=100)
    (batch,) = data.train.epoch(1)
    assert len(batch.images) == 13
    assert isinstance(data.train, Loader)
