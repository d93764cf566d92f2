"""Several processes train one net: the same run as one's, and they leave together."""

from __future__ import annotations

import dataclasses
import json
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archc.data.transforms import Flip
from archc.diagnostics import Diagnostic, DiagnosticError, fail
from archc.errors.training import CannotWrite, NoRun, ProbabilityNotFinite
from archc.recipe import Recipe, Sgd
from archc.train import Job, Result, checkpoint, driver, train
from archc.train.crew import Alone, ElsewhereError, Harm, InterruptedTogetherError, Together
from archc.train.interrupt import Interrupt
from archc.train.run_directory import RunDirectory

from .crews import ThreadCrew, in_threads
from .softmax_regression import SoftmaxRegression

Make = Callable[..., Job]
FAULT = NoRun(path="here", reason="a test")


def crewed(job: Make, crew: ThreadCrew, **fields: object) -> Job:
    return job(engine=SoftmaxRegression((1, 8, 8), 10, crew), crew=crew, **fields)


def lines(run_dir: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(("size", "batch"), [(3, 32), (4, 3)])
def test_the_run_is_that_of_one_process(
    job: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str], size: int, batch: int
) -> None:
    """Whatever divides a batch and the last one, also where one of them gets nothing."""
    train(job(run_dir=tmp_path / "one", batch=batch, epochs=1))
    alone = capsys.readouterr().out
    many = {"run_dir": tmp_path / "many", "batch": batch, "epochs": 1}
    results = in_threads(size, lambda crew: train(crewed(job, crew, **many)))
    first = results[0]
    assert isinstance(first, Result)
    assert results == [first] * size
    said = capsys.readouterr().out
    assert len(said.splitlines()) == len(alone.splitlines())
    for one, many in zip(lines(tmp_path / "one"), lines(tmp_path / "many"), strict=True):
        # float32 gradients, summed in another order.
        assert many["loss"] == pytest.approx(one["loss"], rel=1e-5)
        assert many["test_wrong"] == pytest.approx(one["test_wrong"], abs=1)
        assert many["test_total"] == one["test_total"]
        assert many["train_error"] == pytest.approx(one["train_error"], abs=1 / 1437)


def raising(fault: Diagnostic) -> Callable[[], None]:
    return lambda: fail(fault)


@pytest.mark.parametrize("faulty", [[0], [2], [1, 2], [0, 1, 2]])
def test_a_fault_is_said_by_one_and_all_leave(faulty: list[int]) -> None:
    def work(crew: ThreadCrew) -> None:
        Together(crew).do(raising(FAULT) if crew.rank in faulty else lambda: None)

    found = in_threads(3, work)
    for rank, error in enumerate(found):
        if rank == faulty[0]:
            assert isinstance(error, DiagnosticError)
        else:
            assert isinstance(error, ElsewhereError)
            assert error.harm is Harm.NONE


def test_all_know_that_the_weights_are_spoiled() -> None:
    spoiled = ProbabilityNotFinite(epoch=1, image="x", best=None)

    def work(crew: ThreadCrew) -> None:
        Together(crew).do(raising(spoiled if crew.rank == 1 else FAULT) if crew.rank else int)

    here, one, two = in_threads(3, work)
    assert isinstance(one, DiagnosticError)
    assert isinstance(here, ElsewhereError)
    assert isinstance(two, ElsewhereError)
    # What the one that speaks says counts, not what the others have found.
    assert here.harm is two.harm is Harm.SPOILED


@pytest.mark.parametrize(("number", "by"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")])
def test_an_interruption_is_one_of_all(number: int, by: str) -> None:
    def work(crew: ThreadCrew) -> str:
        interrupt = Interrupt()
        if crew.rank == 1:
            interrupt.handle(number, None)
        together = Together(crew, interrupt)
        # Nothing is broken off where nobody looks.
        assert together.do(lambda: 5) == 5
        # A wish gives way.
        with pytest.raises(InterruptedTogetherError) as caught:
            together.interruptible(lambda: 6, wish=crew.rank == 2)
        return caught.value.by

    assert in_threads(3, work) == [by] * 3


def test_a_wish_of_one_is_known_to_all() -> None:
    def work(crew: ThreadCrew) -> list[tuple[int, bool]]:
        together = Together(crew, Interrupt())
        wishes = (crew.rank == 2, False)
        return [together.interruptible(lambda: crew.rank, wish=wish) for wish in wishes]

    assert in_threads(3, work) == [[(rank, True), (rank, False)] for rank in range(3)]


def test_a_fault_comes_before_an_interruption() -> None:
    def work(crew: ThreadCrew) -> None:
        interrupt = Interrupt()
        interrupt.handle(signal.SIGTERM, None)
        Together(crew, interrupt).interruptible(raising(FAULT) if crew.rank else int)

    kinds = [type(error) for error in in_threads(3, work)]
    assert kinds == [ElsewhereError, DiagnosticError, ElsewhereError]


def test_one_process_agrees_with_itself() -> None:
    together = Together(Alone())
    assert together.do(lambda: 5) == 5
    assert together.crew.summed([1.5, 2.0]) == [1.5, 2.0]
    with pytest.raises(DiagnosticError, match="E0810"):
        together.do(raising(FAULT))


def test_an_image_that_breaks_for_one_of_them(job: Make, tmp_path: Path) -> None:
    """Batches of two images, one each: the third process never gets one, the second the broken."""
    root = tmp_path / "set"
    for split in ("train", "val"):
        for name in ("a", "b"):
            path = root / split / name / "0.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (8, 8), 100 * (name == "b")).save(path)

    class Breaking(SoftmaxRegression):
        """Damages a file in the first step."""

        def step(self, images: np.ndarray, labels: np.ndarray, lr: float, size: int) -> object:
            (root / "train" / "b" / "0.png").write_bytes(b"gone")
            return super().step(images, labels, lr, size)

    recipe = Recipe(batch=2, epochs=3, optimizer=Sgd(lr=0.1), augment=(Flip(),))
    fields = {"data": str(root), "classes": 2, "recipe": recipe, "batch": 2, "epochs": 3}

    def work(crew: ThreadCrew) -> Result:
        return train(job(crew=crew, engine=Breaking((1, 8, 8), 2, crew), **fields))

    found = in_threads(3, work)
    assert sorted(type(error).__name__ for error in found) == [
        "DiagnosticError",
        "ElsewhereError",
        "ElsewhereError",
    ]
    (said,) = (error for error in found if isinstance(error, DiagnosticError))
    assert said.diagnostics[0].code == "E0706"
    # The weights are kept by the first process, whoever has the fault.
    assert (tmp_path / "run" / "weights.safetensors").exists()
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "failed"


@pytest.mark.parametrize("where", ["checkpoint", "metrics", "folder", "weights"])
def test_a_full_disk_is_a_fault_of_all(
    job: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    full = CannotWrite(path="there", reason="No space left on device")

    def refuse(*_: object) -> None:
        fail(full)

    if where == "checkpoint":
        monkeypatch.setattr(checkpoint, "save", refuse)
    elif where == "metrics":
        monkeypatch.setattr(RunDirectory, "record", refuse)
    elif where == "weights":
        monkeypatch.setattr(RunDirectory, "save", refuse)
    else:
        (tmp_path / "run").write_text("a file is in the way")
    first, *others = in_threads(3, lambda crew: train(crewed(job, crew)))
    assert isinstance(first, DiagnosticError)
    assert first.diagnostics[0].code == ("E0804" if where == "folder" else "E0805")
    assert [type(error) for error in others] == [ElsewhereError] * 2


def test_a_loss_that_is_no_number_is_said_once(job: Make, tmp_path: Path) -> None:
    class Diverging(SoftmaxRegression):
        def step(self, images: np.ndarray, labels: np.ndarray, lr: float, size: int) -> object:
            done = super().step(images, labels, lr, size)
            return dataclasses.replace(done, loss=float("nan"))

    def work(crew: ThreadCrew) -> Result:
        return train(job(crew=crew, engine=Diverging((1, 8, 8), 10, crew)))

    first, *others = in_threads(2, work)
    assert isinstance(first, DiagnosticError)
    assert first.diagnostics[0].code == "E0802"
    assert [type(error) for error in others] == [ElsewhereError]
    assert not (tmp_path / "run" / "weights.safetensors").exists()


@pytest.mark.parametrize("stopped", [5, 45, 46])
def test_a_signal_to_one_stops_all(
    job: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped: int
) -> None:
    """In a step, in the last one of an epoch, and (46 and more of these) while it is measured."""
    interrupts = [Interrupt(), Interrupt(), Interrupt()]

    class Signalled(SoftmaxRegression):
        calls = 0

        def predict(self, images: np.ndarray) -> np.ndarray:
            self.calls += 1
            if self.calls == stopped and self.crew.rank == 1:
                interrupts[1].handle(signal.SIGTERM, None)
            return super().predict(images)

    mine = threading.local()

    @contextmanager
    def listening() -> Generator[Interrupt]:
        yield interrupts[mine.rank]

    monkeypatch.setattr(driver, "listening", listening)

    def work(crew: ThreadCrew) -> Result:
        mine.rank = crew.rank
        return train(job(crew=crew, engine=Signalled((1, 8, 8), 10, crew)))

    found = in_threads(3, work)
    assert [type(each) for each in found] == [Result] * 3
    assert {each.status for each in found if isinstance(each, Result)} == {"interrupted"}
    assert (tmp_path / "run" / "weights.safetensors").exists()
