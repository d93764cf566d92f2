"""`--test-every`: what a run keeps of epochs that were not tested."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from archc.diagnostics import DiagnosticError
from archc.recipe import Plateau
from archc.train import Job, Result, train
from archc.train.plot import draw_runs
from archc.train.record import read_record

from .softmax_regression import SoftmaxRegression

Make = Callable[..., Job]


def rows(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_epochs_between_tests_have_no_error(job: Make) -> None:
    every = train(job(epochs=5, engine=SoftmaxRegression((1, 8, 8), 10)))
    path = every.run_dir.with_name("second")
    engine = SoftmaxRegression((1, 8, 8), 10)
    result = train(job(epochs=5, engine=engine, test_every=2, run_dir=path))
    known = {row["epoch"]: row for row in rows(every.run_dir)}
    for row in rows(path):
        tested = row["epoch"] in (2, 4, 5)
        assert ("test_wrong" in row) == tested
        # The tests change nothing of the training.
        assert row["loss"] == known[row["epoch"]]["loss"]
        assert not tested or row["test_wrong"] == known[row["epoch"]]["test_wrong"]
    assert (result.tested_epoch, result.wrong) == (5, every.wrong)
    assert result.best_wrong == min(known[epoch]["test_wrong"] for epoch in (2, 4, 5))
    assert result.best_epoch is not None
    assert known[result.best_epoch]["test_wrong"] == result.best_wrong
    assert json.loads((path / "run.json").read_text())["test_every"] == 2
    events = EventAccumulator(str(path))
    events.Reload()
    assert [scalar.step for scalar in events.Scalars("error/test")] == [2, 4, 5]
    record = read_record(path)
    assert [row.error is None for row in record.rows] == [True, False, True, False, False]
    assert [each.epoch for each in record.tested] == [2, 4, 5]
    draw_runs([record, read_record(every.run_dir)], path / "two.svg", y="error", title="")


def test_a_run_that_goes_on_tests_as_often(job: Make) -> None:
    whole = train(job(epochs=4, engine=SoftmaxRegression((1, 8, 8), 10), test_every=3))
    path = whole.run_dir.with_name("halves")

    def half(epochs: int, **more: object) -> Result:
        made = SoftmaxRegression((1, 8, 8), 10)
        return train(job(epochs=epochs, engine=made, test_every=3, run_dir=path, **more))

    # One epoch only, the last of its budget, which is tested.
    half(1)
    half(4, resume=True)
    assert ["test_wrong" in row for row in rows(path)] == [True, False, True, True]
    assert rows(path)[-1]["test_wrong"] == rows(whole.run_dir)[-1]["test_wrong"]


def test_a_schedule_that_follows_the_error(job: Make) -> None:
    recipe = dataclasses.replace(job().recipe, schedule=Plateau())
    with pytest.raises(DiagnosticError) as caught:
        train(job(recipe=recipe, test_every=2))
    assert [fault.code for fault in caught.value.diagnostics] == ["E0511"]
