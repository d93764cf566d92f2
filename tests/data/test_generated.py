"""The generated set."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from archc.data.sources import open_source
from archc.data.transforms import SubtractMean
from archc.diagnostics import DiagnosticError
from archc.recipe import Recipe, Sgd
from archc.train import Job, train
from tests.train.softmax_regression import SoftmaxRegression


def test_its_images() -> None:
    found = open_source("generated:50", shape=(3, 20, 30), classes=7)
    assert (len(found.train), len(found.held_out), len(found.classes)) == (50, 10, 7)
    assert np.bincount(found.train.labels).tolist() == [8, 7, 7, 7, 7, 7, 7]
    image = found.train.image(4)
    assert (image.shape, image.dtype) == ((20, 30, 3), np.float32)
    assert 0 <= image.min() < 64
    assert 191 < image.max() <= 255
    again = open_source("generated:9", shape=(3, 20, 30), classes=7)
    assert np.array_equal(image, again.train.image(4)), "from its number alone"
    assert not np.array_equal(image, found.held_out.image(4)), "other noise is held out"
    assert not np.array_equal(image, found.train.image(11)), "of the same class"
    mean = np.mean([found.train.image(i) - found.held_out.image(i) for i in range(10)], axis=0)
    assert np.abs(mean).max() < 128, "the same patterns"


def test_a_net_learns_it(tmp_path: Path) -> None:
    steps = (SubtractMean(per="channel"),)
    job = Job(
        name="softmax",
        input=(1, 8, 8),
        classes=10,
        recipe=Recipe(batch=20, epochs=4, optimizer=Sgd(lr=0.1), augment=steps, evaluate=steps),
        make_engine=lambda: SoftmaxRegression((1, 8, 8), 10),
        backend="numpy",
        data="generated:200",
        run_dir=tmp_path / "run",
        spec_text="",
        program_text="",
        seed=0,
        batch=20,
        epochs=4,
        quiet=True,
    )
    result = train(job)
    assert result.error is not None
    assert result.error < 0.1
    about = json.loads((result.run_dir / "run.json").read_text())["data"]
    assert (about["source"], about["training_images"], about["test_images"]) == (
        "generated:200", 200, 40,
    )  # fmt: skip


@pytest.mark.parametrize("count", ["", "0", "-1", "1e3", "many", "10000001", "\u0663", "9" * 5000])
def test_no_number_of_images(count: str) -> None:
    with pytest.raises(DiagnosticError, match="E0719"):
        open_source(f"generated:{count}", shape=(3, 8, 8), classes=2)
