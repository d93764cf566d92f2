"""Runs that go on: as if nothing had been, from what is whole, on either backend."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from archc.backend import Step
from archc.cli import main
from archc.diagnostics import DiagnosticError
from archc.train import Job, train

from .softmax_regression import SoftmaxRegression

Make = Callable[..., Job]


class Remembering(SoftmaxRegression):
    """With momentum and chance of its own: what is not restored shows in the weights."""

    def __init__(self, *, seed: int = 0, stop_at: int | None = None) -> None:
        super().__init__((1, 8, 8), 10)
        self.velocity = np.zeros_like(self.weight)
        self.drawn = np.full((), seed, np.int64)
        self.steps, self.stop_at = 0, stop_at

    def step(self, images: np.ndarray, labels: np.ndarray, lr: float, size: int) -> Step:
        self.steps += 1
        if self.steps == self.stop_at:
            os.kill(os.getpid(), signal.SIGINT)
        before = self.weight.copy()
        kept = images * np.random.default_rng(int(self.drawn)).binomial(1, 0.8, images.shape)
        self.drawn = self.drawn + 1
        done = super().step(kept.astype(np.float32), labels, lr, size)
        self.velocity = np.float32(0.5) * self.velocity + (self.weight - before)
        self.weight = before + self.velocity
        return done

    def optimizer_state(self) -> dict[str, np.ndarray]:
        return {"fc1.weight": self.velocity}

    def load_optimizer_state(self, state: Mapping[str, np.ndarray]) -> None:
        self.velocity = state["fc1.weight"]

    def rng_state(self) -> dict[str, np.ndarray]:
        return {"drawn": self.drawn}

    def load_rng_state(self, state: Mapping[str, np.ndarray]) -> None:
        self.drawn = state["drawn"]


def rows(run: Path) -> list[dict[str, float]]:
    found = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in row.items() if k != "images_per_second"} for row in found]


def same(a: Path, b: Path) -> bool:
    here, there = load_file(a), load_file(b)
    return here.keys() == there.keys() and all(np.array_equal(here[n], there[n]) for n in here)


def checkpoints(run: Path) -> list[str]:
    return sorted(path.name for path in (run / "checkpoints").iterdir())


@pytest.fixture
def whole(job: Make, tmp_path: Path) -> Path:
    """A run of five epochs that nothing came between."""
    train(job(engine=Remembering(), epochs=5, run_dir=tmp_path / "whole"))
    return tmp_path / "whole"


@pytest.fixture
def halved(job: Make, tmp_path: Path) -> Path:
    """The same, interrupted in its fourth epoch: 45 steps an epoch."""
    run = tmp_path / "halved"
    result = train(job(engine=Remembering(stop_at=150), epochs=5, run_dir=run))
    assert (result.status, result.epochs) == ("interrupted", 3)
    return run


def resumed(job: Make, run: Path, **fields: object) -> Remembering:
    engine = Remembering(seed=1000)
    train(job(engine=engine, run_dir=run, resume=True, **{"epochs": 5, **fields}))
    return engine


def test_a_run_goes_on_as_if_nothing_had_been(job: Make, whole: Path, halved: Path) -> None:
    engine = resumed(job, halved)
    assert engine.steps == 5 * 45 - 150
    assert same(halved / "weights.safetensors", whole / "weights.safetensors")
    assert same(halved / "best.safetensors", whole / "best.safetensors")
    assert rows(halved) == rows(whole)
    last = "checkpoints/epoch-00005"
    for name in ("weights", "optimizer", "rng"):
        assert same(halved / last / f"{name}.safetensors", whole / last / f"{name}.safetensors")
    run = json.loads((halved / "run.json").read_text())
    assert (run["after_epoch"], run["after_batch"]) == (3, 15)
    assert [piece["after_epoch"] for piece in run["earlier"]] == [None]
    events = EventAccumulator(str(halved))
    events.Reload()
    assert [scalar.step for scalar in events.Scalars("loss/train")] == [1, 2, 3, 4, 5]


def test_an_engine_without_chance_or_memory_goes_on(job: Make, tmp_path: Path) -> None:
    """As a JAX net without dropout has none: files of no arrays are read again."""

    class Plain(SoftmaxRegression):
        def rng_state(self) -> dict[str, np.ndarray]:
            return {}

        def optimizer_state(self) -> dict[str, np.ndarray]:
            return {}

    run, whole = tmp_path / "run", tmp_path / "whole"
    train(job(engine=Plain((1, 8, 8), 10), epochs=2, run_dir=whole))
    train(job(engine=Plain((1, 8, 8), 10), epochs=1, run_dir=run))
    train(job(engine=Plain((1, 8, 8), 10), epochs=2, run_dir=run, resume=True))
    assert same(run / "weights.safetensors", whole / "weights.safetensors")


def test_the_last_two_are_kept_and_their_best(job: Make, tmp_path: Path) -> None:
    class Worsening(SoftmaxRegression):
        """Right at first, then ever more wrong."""

        predictions = 0

        def step(self, images: np.ndarray, labels: np.ndarray, lr: float, size: int) -> Step:
            return Step(1.0, 0)

        def predict(self, images: np.ndarray) -> np.ndarray:
            self.predictions += 1
            answers = np.full((len(images), 10), 0.01, np.float32)
            answers[:, 3 if self.predictions == 1 else 0] = 0.5
            return answers

    # One batch an epoch of evaluation; 36 of the 360 are threes, 36 zeros, 1 less in one.
    run = tmp_path / "run"
    result = train(job(engine=Worsening((1, 8, 8), 10), epochs=5, batch=1437, run_dir=run))
    assert result.best_epoch is not None
    kept = {f"epoch-0000{n}" for n in (result.best_epoch, 4, 5)}
    assert set(checkpoints(run)) == kept


def test_nothing_of_a_checkpoint_is_a_pickle(whole: Path) -> None:
    files = sorted(path.name for path in (whole / "checkpoints" / "epoch-00005").iterdir())
    assert files == [
        "commit.json", "optimizer.safetensors", "rng.safetensors", "state.json",
        "weights.safetensors",
    ]  # fmt: skip
    assert not [p for p in (whole / "checkpoints").iterdir() if p.name.startswith(".")]


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


NEWEST = "epoch-00003-batch-0000015"


@pytest.mark.parametrize("name", ["weights.safetensors", "optimizer.safetensors", "state.json"])
@pytest.mark.parametrize("harm", [truncate, flip, Path.unlink])
def test_the_newest_that_is_whole_is_taken_and_it_is_said(
    job: Make,
    whole: Path,
    halved: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    harm: Callable[[Path], None],
) -> None:
    harm(halved / "checkpoints" / NEWEST / name)
    engine = resumed(job, halved, quiet=True)
    said = capsys.readouterr().err
    assert f"warning: checkpoint {NEWEST} is left out" in said
    assert name in said
    # From the one before it, and still to the same end.
    assert engine.steps == 2 * 45
    assert same(halved / "weights.safetensors", whole / "weights.safetensors")
    assert same(halved / "best.safetensors", whole / "best.safetensors")
    assert rows(halved) == rows(whole)


def test_without_a_commit_record_it_is_not_whole(job: Make, whole: Path, halved: Path) -> None:
    """As a crash leaves it: what was being written is beside, or lacks its record."""
    newest = halved / "checkpoints" / NEWEST
    beside = newest.with_name(".epoch-00003-batch-0000030.part")
    unfinished = newest.with_name("epoch-00003-batch-0000030")
    shutil.copytree(newest, beside)
    shutil.copytree(newest, unfinished)
    (unfinished / "commit.json").unlink()
    assert resumed(job, halved).steps == 5 * 45 - 150
    assert same(halved / "weights.safetensors", whole / "weights.safetensors")
    assert not beside.exists()
    assert not unfinished.exists()


def test_never_begun_anew(job: Make, halved: Path) -> None:
    for path in (halved / "checkpoints").glob("*/weights.safetensors"):
        flip(path)
    before = (halved / "metrics.jsonl").read_text()
    with pytest.raises(DiagnosticError, match="none of its checkpoints is whole") as caught:
        resumed(job, halved)
    assert caught.value.diagnostics[0].code == "E0808"
    assert len(caught.value.diagnostics[0].notes()) >= 2
    assert (halved / "metrics.jsonl").read_text() == before
    shutil.rmtree(halved / "checkpoints")
    with pytest.raises(DiagnosticError, match=r"E0808.*no checkpoint"):
        resumed(job, halved)


def test_the_best_is_that_of_the_history(job: Make, halved: Path) -> None:
    """The run had gone further than the checkpoint that is left, and better."""
    best = halved / "best.safetensors"
    with safe_open(best, "numpy") as file:
        epoch = int(file.metadata()["epochs"])
    right = {name: array.copy() for name, array in load_file(best).items()}
    from archc.train.files import write_tensors

    write_tensors(best, {n: 0 * a for n, a in right.items()}, {"net": "softmax", "epochs": "9"})
    resumed(job, halved, epochs=4)
    rows_of = rows(halved)
    least = min(row["test_wrong"] for row in rows_of)
    chosen = next(row["epoch"] for row in rows_of if row["test_wrong"] == least)
    with safe_open(best, "numpy") as file:
        assert file.metadata() == {"net": "softmax", "epochs": str(int(chosen))}
    if chosen == epoch:
        assert all(np.array_equal(right[n], a) for n, a in load_file(best).items())


def test_before_the_first_epoch(job: Make, whole: Path, tmp_path: Path) -> None:
    run = tmp_path / "early"
    train(job(engine=Remembering(stop_at=10), epochs=5, run_dir=run))
    assert checkpoints(run) == ["epoch-00000", "epoch-00000-batch-0000010"]
    shutil.rmtree(run / "checkpoints" / "epoch-00000-batch-0000010")
    assert resumed(job, run).steps == 5 * 45
    assert same(run / "weights.safetensors", whole / "weights.safetensors")


def test_a_run_that_has_all_its_epochs(job: Make, whole: Path) -> None:
    with pytest.raises(DiagnosticError, match=r"E0811.*all its 5 epochs"):
        resumed(job, whole)
    resumed(job, whole, epochs=6)
    assert [row["epoch"] for row in rows(whole)] == [1, 2, 3, 4, 5, 6]


def test_a_run_that_is_in_an_epoch_beyond_its_epochs(job: Make, halved: Path) -> None:
    """To end it with the weights of half an epoch, and the error of the one before, is no way."""
    before = (halved / "run.json").read_text()
    with pytest.raises(DiagnosticError, match=r"E0811.*all its 3 epochs"):
        resumed(job, halved, epochs=3)
    assert (halved / "run.json").read_text() == before


def test_other_devices_go_on_with_a_warning(
    job: Make, halved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Four(Remembering):
        devices = 4

    train(job(engine=Four(stop_at=1), epochs=5, run_dir=halved, resume=True, quiet=True))
    said = capsys.readouterr().err
    assert said == (
        "warning: the run comes from 1 device and goes on with 4 devices: "
        "sums are rounded in another order\n"
    )
    train(job(engine=Four(), epochs=5, run_dir=halved, resume=True, quiet=True))
    assert capsys.readouterr().err == ""


def test_starting_from_weights(job: Make, whole: Path, tmp_path: Path) -> None:
    class Still(Remembering):
        def step(self, images: np.ndarray, labels: np.ndarray, lr: float, size: int) -> Step:
            return Step(1.0, 0)

    file = whole / "weights.safetensors"
    run = tmp_path / "second"
    train(job(engine=Still(), epochs=1, run_dir=run, weights=file))
    assert same(run / "weights.safetensors", file)
    assert json.loads((run / "run.json").read_text())["weights"] == str(file)
    truncate(file)
    for path in (file, tmp_path / "none.safetensors"):
        with pytest.raises(DiagnosticError, match="E0809"):
            train(job(engine=Still(), run_dir=tmp_path / "third", weights=path))
    assert not (tmp_path / "third").exists()


NET = """
net small(classes = 10) {
  input(1x8x8)
  conv(3, 2, 4) bn relu
  dropout(0.5)
  fc(classes) softmax
  recipe {
    augment { resize(8) shift(1) subtract_mean scale(1/255) }
    evaluate { resize(8) subtract_mean scale(1/255) }
    init { conv, fc: he, bias 0 }
    optimizer sgd(lr = 0.05, momentum = 0.9, weight_decay = 0.001)
    schedule step(1, factor = 0.5)
    batch 256 epochs 3
  }
}
"""


def archc(*words: object) -> None:
    assert main([str(word) for word in words]) == 0


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_both_backends_go_on_to_the_bit(
    backend: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With dropout, momentum, batch norm and a schedule; then on the other backend."""
    spec, whole, run = tmp_path / "small.arch", tmp_path / "whole", tmp_path / "run"
    spec.write_text(NET)
    options = ("--backend", backend, "--device", "cpu", "--seed", "3")
    archc("train", spec, *options, "-o", whole)
    archc("train", spec, *options, "-o", run, "--epochs", "1")
    monkeypatch.chdir(tmp_path)
    archc("train", "--resume", "run", "--epochs", "3")
    assert same(run / "weights.safetensors", whole / "weights.safetensors")
    assert rows(run) == rows(whole)
    # Measured on both: the same answers but where two classes are as likely to rounding.
    capsys.readouterr()
    archc("evaluate", run, "--quiet")
    archc("evaluate", spec, "--weights", run / "weights.safetensors", "--backend", backend)
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first == last
    wrong = int(rows(run)[-1]["test_wrong"])
    assert f"({wrong} of 360), top-5" in first
    other = {"torch": "jax", "jax": "torch"}[backend]
    archc("evaluate", run, "--backend", other, "--quiet")
    assert capsys.readouterr().out.splitlines() == [first]
    archc("train", "--resume", run, "--backend", other, "--epochs", "4")
    said = capsys.readouterr().out
    assert f"note: the run comes from {backend}: chance in {other} (dropout) starts anew" in said
    assert [row["epoch"] for row in rows(run)] == [1, 2, 3, 4]
    about = json.loads((run / "run.json").read_text())
    assert (about["backend"], about["after_epoch"]) == (other, 3)
    assert [piece["backend"] for piece in about["earlier"]] == [backend, backend]
    # Training went on, it did not begin again: chance is 2.3.
    assert rows(run)[-1]["loss"] < rows(run)[0]["loss"]


def test_what_a_run_has_settled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["lenet"], ["--seed", "0"], ["--data", "digits"], ["--set", "classes=3"]):
        with pytest.raises(SystemExit) as caught:
            main(["train", "--resume", str(tmp_path), *words])
        assert caught.value.code == 2
        assert "the run has its own" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["train"])
    assert "SPEC, or --resume RUN" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["evaluate", "lenet"])
    assert "--weights FILE" in capsys.readouterr().err


@pytest.mark.parametrize("text", [None, "[]", "{", '{"backend": "torch"}'])
def test_what_is_no_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None
) -> None:
    if text is not None:
        (tmp_path / "run.json").write_text(text)
    assert main(["train", "--resume", str(tmp_path)]) == 1
    assert "error[E0810]" in capsys.readouterr().err


def test_more_gpus_than_there_are(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "small.arch"
    spec.write_text(NET)
    assert main(["train", str(spec), "--gpus", "99", "-o", str(tmp_path / "run")]) == 1
    assert "error[E0607]: 99 GPUs are asked for; this machine has cpu" in capfd.readouterr().err
    assert not (tmp_path / "run").exists()
