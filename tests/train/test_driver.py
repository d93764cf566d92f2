"""A whole run with a NumPy engine: what it computes, keeps and says."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from archc.backend import Step
from archc.data.dense import Dense
from archc.data.transforms import Flip, MultiScaleCrop, Resize, SubtractMean, TenCrop
from archc.diagnostics import DiagnosticError
from archc.recipe import Cosine, Plateau, Recipe, Sgd, StepDecay
from archc.train import Job, Result, default_run_dir, train
from archc.train.driver import last_line
from archc.train.files import write_tensors, write_text, write_whole

from .softmax_regression import SoftmaxRegression

Make = Callable[..., Job]


def code_of(job: Job) -> str:
    with pytest.raises(DiagnosticError) as caught:
        train(job)
    return caught.value.diagnostics[0].code


def rows(result_dir: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (result_dir / "metrics.jsonl").read_text().splitlines()]


def test_it_learns_the_digits_and_says_so(job: Make, capsys: pytest.CaptureFixture[str]) -> None:
    made = job(epochs=5)
    result = train(made)
    assert result.status == "finished"
    assert result.epochs == 5
    assert result.total == 360
    # Chance is 90%; softmax regression on the digits is well known to get near 5%.
    assert result.error is not None
    assert result.error < 0.10
    lines = capsys.readouterr().out.splitlines()
    wrong = result.wrong
    assert lines[-1] == f"test error {100 * result.error:.2f}% ({wrong} of 360)"
    assert sum(line.startswith("epoch ") for line in lines) == 5


def test_the_error_is_that_of_the_weights_kept(job: Make) -> None:
    made = job()
    result = train(made)
    weights = load_file(result.run_dir / "weights.safetensors")
    mean = load_file(result.run_dir / "statistics.safetensors")
    (mean_channel,) = mean.values()
    # The digits and their split once more, without the project's loader.
    from sklearn.datasets import load_digits

    raw = load_digits()
    order = np.argsort(raw.target, kind="stable")[::5]
    pixels = np.rint(raw.images * 255 / 16)[order].reshape(360, 64) - mean_channel
    logits = pixels / 255 @ weights["fc1.weight"].T + weights["fc1.bias"]
    wrong = int((logits.argmax(axis=1) != raw.target[order]).sum())
    assert result.wrong == wrong
    assert rows(result.run_dir)[-1]["test_wrong"] == wrong


def test_everything_is_kept(job: Make) -> None:
    made = job(command=("archc", "train", "softmax.arch"))
    result = train(made)
    here = result.run_dir
    names = {p.name for p in here.iterdir() if not p.name.startswith("events.out")}
    assert names == {
        "spec.arch", "program.py", "run.json", "statistics.safetensors", "metrics.jsonl",
        "weights.safetensors", "best.safetensors", "curve.svg", "curve.png", "checkpoints",
    }  # fmt: skip
    assert (here / "spec.arch").read_text() == made.spec_text
    assert (here / "program.py").read_text() == made.program_text
    run = json.loads((here / "run.json").read_text())
    assert run["command"] == ["archc", "train", "softmax.arch"]
    assert (run["seed"], run["batch"], run["epochs"]) == (0, 32, 3)
    assert run["device"] == "cpu (NumPy)"
    assert run["versions"]["softmax"] == "9.9"
    assert run["versions"]["numpy"] == np.__version__
    assert run["data"]["training_images"] == 1437
    assert run["recipe"]["optimizer"].startswith("sgd(lr = 0.1,")
    assert [row["epoch"] for row in rows(here)] == [1, 2, 3]
    with safe_open(here / "weights.safetensors", "numpy") as file:
        assert file.metadata() == {"net": "softmax", "epochs": "3"}
    assert (here / "weights.safetensors").stat().st_mode == (here / "run.json").stat().st_mode
    with Image.open(here / "curve.png") as picture:
        assert picture.width >= 1000
    assert "<svg" in (here / "curve.svg").read_text()


def test_what_was_overridden_is_what_is_noted(job: Make) -> None:
    recipe = dataclasses.replace(job().recipe, assumed=(("lr", "bvlc_googlenet solver"),))
    result = train(job(recipe=recipe, batch=100, epochs=1))
    noted = json.loads((result.run_dir / "run.json").read_text())["recipe"]
    assert (noted["batch"], noted["epochs"]) == (100, 1)
    assert noted["assumed"] == [{"what": "lr", "source": "bvlc_googlenet solver"}]


def test_tensorboard_reads_the_same_numbers(job: Make) -> None:
    result = train(job())
    events = EventAccumulator(str(result.run_dir))
    events.Reload()
    for tag, key in (("loss/train", "loss"), ("error/test", "test_error")):
        scalars = events.Scalars(tag)
        assert [s.step for s in scalars] == [1, 2, 3]
        expected = [row[key] for row in rows(result.run_dir)]
        # Events are float32.
        np.testing.assert_allclose([s.value for s in scalars], expected, rtol=1e-6)


def test_the_same_seed_gives_the_same_run(job: Make, tmp_path: Path) -> None:
    found: list[dict[str, np.ndarray]] = []
    for number, seed in enumerate((0, 0, 1)):
        made = job(
            engine=SoftmaxRegression((1, 8, 8), 10), run_dir=tmp_path / str(number), seed=seed
        )
        train(made)
        found.append(load_file(tmp_path / str(number) / "weights.safetensors"))
    np.testing.assert_array_equal(found[0]["fc1.weight"], found[1]["fc1.weight"])
    assert not np.array_equal(found[0]["fc1.weight"], found[2]["fc1.weight"])
    curves = [(tmp_path / name / "curve.svg").read_bytes() for name in "01"]
    assert curves[0] == curves[1]


def test_the_engine_gets_the_schedules_rates(job: Make, engine: SoftmaxRegression) -> None:
    recipe = dataclasses.replace(job().recipe, schedule=StepDecay(every=2, factor=0.5))
    train(job(recipe=recipe, batch=1437, epochs=4))
    assert engine.rates == pytest.approx([0.1, 0.1, 0.05, 0.05])


def test_a_rate_can_change_with_every_step(job: Make, engine: SoftmaxRegression) -> None:
    """Three epochs of two steps, the first of them the warm-up."""
    recipe = dataclasses.replace(job().recipe, schedule=Cosine(warmup=1))
    made = job(recipe=recipe, batch=1000)
    train(made)
    fall = [0.1 * (1 + math.cos(math.pi * step / 4)) / 2 for step in range(4)]
    assert engine.rates == pytest.approx([0.05, 0.1, *fall])
    assert [row["lr"] for row in rows(made.run_dir)] == [engine.rates[n] for n in (1, 3, 5)]
    assert code_of(job(recipe=recipe, epochs=1, run_dir=made.run_dir.with_name("short"))) == "E0510"


def test_a_schedule_can_end_training(job: Make) -> None:
    class Still(SoftmaxRegression):
        def step(self, images: np.ndarray, labels: np.ndarray, lr: float, size: int) -> Step:
            return Step(1.0, 0)

    recipe = dataclasses.replace(job().recipe, schedule=Plateau(times=1, patience=1))
    result = train(job(recipe=recipe, engine=Still((1, 8, 8), 10), epochs=50))
    # It learns nothing: best at 1, a reduction after 2, the end after 3.
    assert result.epochs == 3
    assert result.status == "finished"
    assert result.best_epoch == 1


def test_best_weights_are_those_of_the_best_epoch(job: Make) -> None:
    """An engine that gets worse after its second epoch."""

    class Worsening(SoftmaxRegression):
        epochs = 0

        def step(self, images: np.ndarray, labels: np.ndarray, lr: float, size: int) -> Step:
            self.epochs += 1
            done = super().step(images, labels, lr, size)
            if self.epochs > 2:
                self.weight, self.bias = -self.weight, -self.bias
            return done

    result = train(job(engine=Worsening((1, 8, 8), 10), batch=1437, epochs=3))
    measured = rows(result.run_dir)
    errors = [row["test_error"] for row in measured]
    assert errors.index(min(errors)) + 1 == result.best_epoch
    assert result.best_epoch in (1, 2)
    with safe_open(result.run_dir / "best.safetensors", "numpy") as file:
        assert file.metadata()["epochs"] == str(result.best_epoch)
    assert result.wrong == measured[-1]["test_wrong"] != result.best_wrong


def test_loss_is_the_mean_over_images_not_batches(job: Make) -> None:
    """The last batch is smaller: 1437 = 14 * 100 + 37."""

    class Counting(SoftmaxRegression):
        def step(self, images: np.ndarray, labels: np.ndarray, lr: float, size: int) -> Step:
            return Step(loss=float(len(labels)), wrong=1)

    result = train(job(engine=Counting((1, 8, 8), 10), batch=100, epochs=1))
    row = rows(result.run_dir)[0]
    assert row["loss"] == pytest.approx((14 * 100 * 100 + 37 * 37) / 1437)
    assert row["train_error"] == pytest.approx(15 / 1437)


def test_ten_views_are_averaged_after_softmax(job: Make) -> None:
    """Nine views that barely prefer class 0 lose to one that is sure of the right one."""
    from sklearn.datasets import load_digits

    target = load_digits().target
    # The held-out images stand in the order of the set, not in that of the classes.
    labels = target[np.sort(np.argsort(target, kind="stable")[::5])]

    class Views(SoftmaxRegression):
        asked = 0

        def step(self, images: np.ndarray, labels: np.ndarray, lr: float, size: int) -> Step:
            return Step(1.0, 0)

        def predict(self, images: np.ndarray) -> np.ndarray:
            out = np.full((len(images), 10), 0.05, np.float32)
            out[:, 0] = 0.55
            for i in range(0, len(images), 10):
                out[i : i + 9] = 0.09
                out[i : i + 9, 0] = 0.19
                out[i + 9] = 0.0
                out[i + 9, labels[self.asked]] = 1.0
                # 0: 9 * 0.19 = 1.71; the right one: 9 * 0.09 + 1 = 1.81.
                self.asked += 1
            return out

    recipe = dataclasses.replace(job().recipe, evaluate=(Resize(size=10), TenCrop(size=8)))
    result = train(job(recipe=recipe, engine=Views((1, 8, 8), 10), epochs=1))
    assert result.wrong == 0


def test_a_recipe_with_dense_comes_with_its_net(job: Make) -> None:
    recipe = dataclasses.replace(job().recipe, dense=Dense(scales=8))
    with pytest.raises(ValueError, match="whole images"):
        train(job(recipe=recipe))


def test_no_more_views_are_predicted_at_once_than_a_batch_holds(job: Make) -> None:
    class Counting(SoftmaxRegression):
        most = 0

        def predict(self, images: np.ndarray) -> np.ndarray:
            self.most = max(self.most, len(images))
            return super().predict(images)

    engine = Counting((1, 8, 8), 10)
    steps = (MultiScaleCrop(size=8, scales=(9, 10)), SubtractMean(per="channel"))
    recipe = dataclasses.replace(job().recipe, evaluate=steps)
    result = train(job(recipe=recipe, engine=engine, epochs=1, batch=50))
    assert engine.most == 50
    assert result.wrong is not None
    assert result.wrong < 180


def test_top_5_counts_the_five_best(job: Make) -> None:
    """Scores fall with the class, so 0 to 4 are the five best whatever the image."""

    class Falling(SoftmaxRegression):
        def predict(self, images: np.ndarray) -> np.ndarray:
            return np.tile(np.linspace(1, 0.1, 10, dtype=np.float32), (len(images), 1))

    result = train(job(engine=Falling((1, 8, 8), 10), epochs=1))
    from sklearn.datasets import load_digits

    held_out = np.sort(load_digits().target)[::5]
    row = rows(result.run_dir)[0]
    assert row["test_wrong"] == (held_out != 0).sum()
    assert row["test_top5_error"] == pytest.approx((held_out > 4).mean())


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_divergence_names_the_step_and_keeps_the_best(job: Make, loss: float) -> None:
    class Diverging(SoftmaxRegression):
        steps = 0

        def step(self, images: np.ndarray, labels: np.ndarray, lr: float, size: int) -> Step:
            self.steps += 1
            return Step(loss, 0) if self.steps == 48 else super().step(images, labels, lr, size)

    made = job(engine=Diverging((1, 8, 8), 10))
    with pytest.raises(DiagnosticError, match="step 3 of epoch 2") as caught:
        train(made)
    assert caught.value.diagnostics[0].code == "E0802"
    assert "best.safetensors" in str(caught.value)
    assert (made.run_dir / "best.safetensors").exists()
    assert not (made.run_dir / "weights.safetensors").exists()
    assert len(rows(made.run_dir)) == 1


def test_predictions_are_checked(job: Make, tmp_path: Path) -> None:
    class NotNumbers(SoftmaxRegression):
        def predict(self, images: np.ndarray) -> np.ndarray:
            return np.full((len(images), 10), np.nan, np.float32)

    class WrongShape(SoftmaxRegression):
        def predict(self, images: np.ndarray) -> np.ndarray:
            return np.ones((len(images), 9), np.float32)

    class Steady(NotNumbers):
        def step(self, images: np.ndarray, labels: np.ndarray, lr: float, size: int) -> Step:
            return Step(1.0, 0)

    class Short(WrongShape):
        def step(self, images: np.ndarray, labels: np.ndarray, lr: float, size: int) -> Step:
            return Step(1.0, 0)

    assert code_of(job(engine=Steady((1, 8, 8), 10), run_dir=tmp_path / "a")) == "E0803"
    assert code_of(job(engine=Short((1, 8, 8), 10), run_dir=tmp_path / "b")) == "E0807"


@pytest.mark.parametrize(
    ("number", "word"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")]
)
def test_a_signal_saves_and_leaves(
    job: Make,
    capsys: pytest.CaptureFixture[str],
    number: signal.Signals,
    word: str,
) -> None:
    class Signalled(SoftmaxRegression):
        steps = 0

        def step(self, images: np.ndarray, labels: np.ndarray, lr: float, size: int) -> Step:
            self.steps += 1
            if self.steps == 50:
                os.kill(os.getpid(), number)
            return super().step(images, labels, lr, size)

    before = signal.getsignal(number)
    made = job(engine=Signalled((1, 8, 8), 10))
    result = train(made)
    assert result.status == "interrupted"
    assert result.epochs == 1
    assert signal.getsignal(number) is before
    kept = load_file(made.run_dir / "weights.safetensors")
    np.testing.assert_array_equal(kept["fc1.weight"], made.make_engine().weights()["fc1.weight"])
    assert (made.run_dir / "curve.svg").exists()
    out = capsys.readouterr().out
    assert f"{word} in epoch 2" in out
    assert out.splitlines()[-1] == last_line(result)
    assert out.splitlines()[-1].startswith("interrupted; after epoch 1 the test error")


def test_a_second_ctrl_c_does_not_wait(job: Make) -> None:
    class Stuck(SoftmaxRegression):
        def step(self, images: np.ndarray, labels: np.ndarray, lr: float, size: int) -> Step:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            return super().step(images, labels, lr, size)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(job(engine=Stuck((1, 8, 8), 10)))
    assert signal.getsignal(signal.SIGINT) is before


def test_interrupted_before_an_epoch_was_finished(job: Make) -> None:
    class AtOnce(SoftmaxRegression):
        def step(self, images: np.ndarray, labels: np.ndarray, lr: float, size: int) -> Step:
            os.kill(os.getpid(), signal.SIGINT)
            return super().step(images, labels, lr, size)

    result = train(job(engine=AtOnce((1, 8, 8), 10)))
    assert (result.epochs, result.wrong, result.error) == (0, None, None)
    assert (result.run_dir / "weights.safetensors").exists()
    assert not (result.run_dir / "curve.svg").exists()
    assert "before an epoch was tested" in last_line(result)


def test_it_trains_outside_the_main_thread(job: Make) -> None:
    found: list[Result] = []
    thread = threading.Thread(target=lambda: found.append(train(job(epochs=1))))
    thread.start()
    thread.join()
    assert found[0].status == "finished"


def test_an_image_that_breaks_during_training_loses_nothing(job: Make, tmp_path: Path) -> None:
    root = tmp_path / "set"
    for split in ("train", "val"):
        for name in ("a", "b"):
            for n in range(3):
                path = root / split / name / f"{n}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.new("L", (8, 8), 100 * (name == "b") + n).save(path)
    victim = root / "train" / "b" / "2.png"

    class Breaking(SoftmaxRegression):
        """Damages a file at the first evaluation."""

        def predict(self, images: np.ndarray) -> np.ndarray:
            victim.write_bytes(b"gone")
            return super().predict(images)

        def step(self, images: np.ndarray, labels: np.ndarray, lr: float, size: int) -> Step:
            return Step(1.0, 0)

    recipe = Recipe(batch=2, epochs=3, optimizer=Sgd(lr=0.1), augment=(Flip(),))
    made = job(
        data=str(root), classes=2, recipe=recipe, engine=Breaking((1, 8, 8), 2), batch=2, epochs=3
    )
    with pytest.raises(DiagnosticError, match=r"2\.png") as caught:
        train(made)
    assert caught.value.diagnostics[0].code == "E0706"
    assert (made.run_dir / "weights.safetensors").exists()
    row = rows(made.run_dir)[0]
    assert row["validation_total"] == 6
    assert "validation_top5_error" not in row


def test_faults_are_found_before_the_folder_is_made(job: Make) -> None:
    recipe = job().recipe
    assert code_of(job(recipe=dataclasses.replace(recipe, optimizer=None))) == "E0801"
    for fault in ({"seed": -1}, {"seed": 2**32}, {"batch": 0}, {"epochs": 0}):
        assert code_of(job(**fault)) == "E0806"
    assert code_of(job(classes=7)) == "E0708"
    assert not job().run_dir.exists()


def test_all_bad_settings_are_reported_at_once(job: Make) -> None:
    with pytest.raises(DiagnosticError) as caught:
        train(job(seed=-1, batch=0, epochs=0))
    assert len(caught.value.diagnostics) == 3


def test_a_run_is_never_overwritten(job: Make) -> None:
    made = job()
    made.run_dir.mkdir()
    (made.run_dir / "precious").write_text("results")
    assert code_of(made) == "E0804"
    assert [p.name for p in made.run_dir.iterdir()] == ["precious"]


def test_the_default_folder_is_a_new_one(tmp_path: Path) -> None:
    now = datetime(2026, 3, 1, 9, 5, 7)
    first = default_run_dir("lenet", now=now, root=tmp_path)
    assert first == tmp_path / "lenet-20260301-090507"
    first.mkdir()
    assert default_run_dir("lenet", now=now, root=tmp_path).name == "lenet-20260301-090507-2"


def test_a_folder_that_cannot_be_made_is_a_diagnostic(job: Make, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert code_of(job(run_dir=tmp_path / "file" / "run")) == "E0805"


def test_quiet_prints_the_last_line_only(job: Make, capsys: pytest.CaptureFixture[str]) -> None:
    result = train(job(quiet=True, epochs=1))
    assert capsys.readouterr().out.splitlines() == [last_line(result)]


def test_the_driver_loads_no_framework(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib\n"
        "import archc.train\n"
        "from archc.train.events import Events\n"
        "Events(pathlib.Path(sys.argv[1])).close()\n"
        "print(sorted({'torch', 'jax', 'flax', 'tensorflow'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_last_line_counts() -> None:
    result = Result(
        status="finished", run_dir=Path("runs/x"), epochs=1, held_out="test", tested_epoch=1,
        wrong=5, total=360, best_epoch=1, best_wrong=5,
    )  # fmt: skip
    assert last_line(result) == "test error 1.39% (5 of 360)"


def test_a_file_is_the_old_one_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    write_text(path, "old")

    def half(beside: Path) -> None:
        beside.write_text("ne")
        raise OSError(28, "No space left on device")

    with pytest.raises(DiagnosticError, match="No space left") as caught:
        write_whole(path, half)
    assert caught.value.diagnostics[0].code == "E0805"
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["weights.safetensors"]


def test_transposed_views_are_saved_as_they_read(tmp_path: Path) -> None:
    matrix = np.arange(6, dtype=np.float32).reshape(2, 3).T
    write_tensors(tmp_path / "a.safetensors", {"m": matrix}, {})
    np.testing.assert_array_equal(load_file(tmp_path / "a.safetensors")["m"], matrix)
    save_file({"m": np.ascontiguousarray(matrix)}, tmp_path / "b.safetensors")
    assert load_file(tmp_path / "b.safetensors")["m"].shape == (3, 2)
