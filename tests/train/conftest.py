"""Small jobs for the driver."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from archc.data.transforms import Resize, SubtractMean
from archc.recipe import Recipe, Sgd
from archc.train import Job

from .softmax_regression import SoftmaxRegression

STEPS = (Resize(size=8), SubtractMean(per="channel"))


@pytest.fixture
def engine() -> SoftmaxRegression:
    return SoftmaxRegression((1, 8, 8), 10)


@pytest.fixture
def job(tmp_path: Path, engine: SoftmaxRegression) -> Callable[..., Job]:
    """A small job on the digits; any field can be replaced."""

    def make(**fields: object) -> Job:
        recipe = Recipe(batch=32, epochs=3, optimizer=Sgd(lr=0.1), augment=STEPS, evaluate=STEPS)
        made = fields.pop("engine", engine)
        settled: dict[str, object] = {
            "name": "softmax",
            "input": (1, 8, 8),
            "classes": 10,
            "recipe": recipe,
            "make_engine": lambda: made,
            "backend": "numpy",
            "data": "digits",
            "run_dir": tmp_path / "run",
            "spec_text": "net softmax { fc(10) softmax }\n",
            "program_text": "# the program\n",
            "seed": 0,
            "batch": 32,
            "epochs": 3,
            **fields,
        }
        return Job(**settled)  # pyright: ignore[reportArgumentType]

    return make
