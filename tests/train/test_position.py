"""Runs that go on in the middle of an epoch, as if nothing had been."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from archc_torch.backend import TorchBackend
from safetensors.numpy import load_file

from archc.cli import main, make_parser
from archc.cli.train import upkeep
from archc.diagnostics import DiagnosticError
from archc.train import Job, cadence, train
from archc.train.cadence import Due, Minutes, Steps
from archc.train.launch import Launch
from archc.train.settings import read_settings
from archc.train.supervisor import Limits
from archc.train.upkeep import Upkeep

from .test_resume import Remembering, checkpoints, resumed, rows, same

Make = Callable[..., Job]


def test_a_checkpoint_after_every_so_many_steps(job: Make, tmp_path: Path) -> None:
    """45 steps an epoch: after 20, 40, 60, 80, and at the end of each epoch."""
    run = tmp_path / "run"
    seen: set[str] = set()

    class Looking(Remembering):
        def weights(self) -> dict[str, np.ndarray]:
            if (run / "checkpoints").is_dir():
                seen.update(checkpoints(run))
            return super().weights()

    train(job(engine=Looking(), epochs=2, run_dir=run, upkeep=Upkeep(save_every=Steps(20))))
    assert {name for name in seen if not name.startswith(".")} == {
        "epoch-00000", "epoch-00000-batch-0000020", "epoch-00000-batch-0000040", "epoch-00001",
        "epoch-00001-batch-0000015", "epoch-00001-batch-0000035", "epoch-00002",
    }  # fmt: skip
    kept = ["epoch-00001-batch-0000035", "epoch-00002"]
    assert [name for name in checkpoints(run) if name != "epoch-00001"] == kept


def test_a_checkpoint_after_so_many_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(cadence, "monotonic", lambda: now)
    due = Due(Minutes(10))
    now = 599
    assert not due.after(1)
    now = 600
    assert due.after(2)
    due.written()
    assert not due.after(3)
    now = 1200
    assert due.after(4)


def test_the_sums_of_the_epoch_go_on(job: Make, tmp_path: Path) -> None:
    """The state says what the epoch has come to, and the epoch's line is of all its batches."""
    run, whole = tmp_path / "run", tmp_path / "whole"
    train(job(engine=Remembering(), epochs=1, run_dir=whole))
    train(job(engine=Remembering(stop_at=30), epochs=1, run_dir=run))
    state = json.loads((run / "checkpoints/epoch-00000-batch-0000030/state.json").read_text())
    assert state["running"]["batches"] == 30
    assert state["running"]["images"] == 30 * 32
    assert state["history"] == []
    assert rows(run) == []
    resumed(job, run, epochs=1)
    assert rows(run) == rows(whole)


def test_interrupted_again_and_again(job: Make, tmp_path: Path) -> None:
    run, whole = tmp_path / "run", tmp_path / "whole"
    train(job(engine=Remembering(), epochs=2, run_dir=whole))
    train(job(engine=Remembering(stop_at=1), epochs=2, run_dir=run))
    for steps in (1, 43, 1):
        train(job(engine=Remembering(stop_at=steps), epochs=2, run_dir=run, resume=True))
    resumed(job, run, epochs=2)
    assert same(run / "weights.safetensors", whole / "weights.safetensors")
    assert rows(run) == rows(whole)
    earlier = json.loads((run / "run.json").read_text())["earlier"]
    places = [(piece["after_epoch"], piece["after_batch"]) for piece in earlier]
    assert places == [(None, None), (0, 1), (0, 2), (0, 45)]


def test_an_interrupted_evaluation_is_done_again(
    job: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Measured(Remembering):
        """Interrupted in the second evaluation, after its first batch."""

        predicted = 0

        def predict(self, images: np.ndarray) -> np.ndarray:
            self.predicted += len(images) == 36 and not self.within
            if self.predicted == 11:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().predict(images)

        within = False

        def step(self, images: np.ndarray, labels: np.ndarray, lr: float, size: int) -> Any:
            self.within = True
            done = super().step(images, labels, lr, size)
            self.within = False
            return done

    run, whole = tmp_path / "run", tmp_path / "whole"
    train(job(engine=Remembering(), epochs=3, batch=36, run_dir=whole))
    result = train(job(engine=Measured(), epochs=3, batch=36, run_dir=run))
    assert (result.status, result.epochs) == ("interrupted", 1)
    assert checkpoints(run)[-1] == "epoch-00001-batch-0000040"
    assert "SIGTERM in epoch 2" in capsys.readouterr().out
    engine = resumed(job, run, epochs=3, batch=36)
    assert "note: going on in epoch 2, after batch 40" in capsys.readouterr().out
    assert engine.steps == 40
    assert same(run / "weights.safetensors", whole / "weights.safetensors")
    assert rows(run) == rows(whole)


def test_a_broken_image_loses_no_step(
    job: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fault is said, and the run goes on where it came up once it is mended."""
    from archc.data.loader import Loader
    from archc.diagnostics import fail
    from archc.errors.data import UnreadableImage

    run, whole = tmp_path / "run", tmp_path / "whole"
    train(job(engine=Remembering(), epochs=2, run_dir=whole))
    given = Loader.epoch

    def broken(self: Loader, number: int, **more: Any) -> Any:
        for count, batch in enumerate(given(self, number, **more)):
            if (number, count) == (2, 7):
                fail(UnreadableImage(path="7.png", reason="it is cut off"))
            yield batch

    with monkeypatch.context() as patch:
        patch.setattr(Loader, "epoch", broken)
        with pytest.raises(DiagnosticError, match=r"7\.png"):
            train(job(engine=Remembering(), epochs=2, run_dir=run))
    assert checkpoints(run)[-1] == "epoch-00001-batch-0000007"
    assert resumed(job, run, epochs=2).steps == 45 - 7
    assert same(run / "weights.safetensors", whole / "weights.safetensors")


NET = """
net small(classes = 10) {{
  input(1x8x8)
  conv(3, 2, 4) bn relu
  dropout(0.5)
  fc(classes) softmax
  recipe {{
    augment {{ resize(8) shift(1) subtract_mean scale(1/255) }}
    evaluate {{ resize(8) subtract_mean scale(1/255) }}
    init {{ conv, fc: he, bias 0 }}
    {rule}
    batch 32 epochs 2
  }}
}}
"""

SGD = (
    "optimizer sgd(lr = 0.05, momentum = 0.9, weight_decay = 0.001) schedule step(1, factor = 0.5)"
)
ADAMW = "optimizer adamw(lr = 0.01) schedule cosine average ema(0.9)"

STEP = {"torch": ("archc_torch.engine", "TorchEngine"), "jax": ("archc_jax.engine", "JaxEngine")}


@pytest.mark.parametrize(
    ("backend", "rule"),
    [
        ("torch", SGD),
        ("torch", ADAMW),
        ("jax", ADAMW),
        pytest.param("jax", SGD, marks=pytest.mark.slow),
    ],
)
def test_both_backends_go_on_to_the_bit(
    backend: str, rule: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dropout, batch norm, momentum; AdamW, averages, cosine, and batches in pieces."""
    spec, whole, run = tmp_path / "small.arch", tmp_path / "whole", tmp_path / "run"
    spec.write_text(NET.format(rule=rule))
    pieces = ("--accumulate", "2") if rule == ADAMW else ()
    words = ["train", str(spec), "--backend", backend, "--device", "cpu", *pieces]
    # 150 images: five batches of 32, the last one of 22.
    words += ["--data", "generated:150", "--quiet", "-o"]
    assert main([*words, str(whole)]) == 0
    module, name = STEP[backend]
    engine = getattr(import_module(module), name)
    step, steps = engine.step, 0

    def interrupted(self: Any, *batch: Any) -> Any:
        nonlocal steps
        steps += 1
        if steps == 8:
            os.kill(os.getpid(), signal.SIGINT)
        return step(self, *batch)

    with monkeypatch.context() as patch:
        patch.setattr(engine, "step", interrupted)
        assert main([*words, str(run)]) == 130
    assert checkpoints(run)[-1] == "epoch-00001-batch-0000003"
    # The run's own weights are those of the batches trained.
    kept = load_file(run / "weights.safetensors")
    assert not np.array_equal(
        kept["fc1.weight"], load_file(whole / "weights.safetensors")["fc1.weight"]
    )
    assert main(["train", "--resume", str(run), "--quiet"]) == 0
    assert rows(run) == rows(whole)
    for part in ("weights", "optimizer", "rng"):
        last = f"checkpoints/epoch-00002/{part}.safetensors"
        assert same(run / last, whole / last)


def test_how_a_run_is_kept_going_is_remembered(
    job: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --resume; and what is said anew holds from then on."""
    run = tmp_path / "run"
    asked = Upkeep(save_every=Minutes(7), workers=3, restarts=1, stall=50)
    train(job(run_dir=run, epochs=1, upkeep=asked))
    assert read_settings(run).upkeep == asked
    launched: list[Launch] = []

    def launch(_: TorchBackend, asked: Launch) -> int:
        launched.append(asked)
        return 0

    monkeypatch.setattr(TorchBackend, "launch", launch)
    # The run was made by a backend of the tests, of a spec that is none.
    recipe = "recipe { optimizer sgd(lr = 0.1) batch 32 epochs 1 }"
    (run / "spec.arch").write_text(f"net softmax {{ input(1x8x8) fc(10) softmax {recipe} }}")
    words = ["train", "--resume", str(run), "--backend", "torch"]
    assert main(words) == 0
    assert main([*words, "--stall", "9", "--restarts", "0"]) == 0
    assert [each.limits for each in launched] == [Limits(1, 50), Limits(0, 9)]
    arguments = make_parser({"train"}).parse_args([*words, "--save-every", "20", "--workers", "0"])
    then = replace(asked, save_every=Steps(20), workers=0)
    assert upkeep(arguments, read_settings(run)) == then
    train(job(run_dir=run, epochs=2, upkeep=then, resume=True))
    assert read_settings(run).upkeep == then
    earlier = json.loads((run / "run.json").read_text())["earlier"]
    assert (earlier[0]["save_every"], earlier[0]["workers"]) == ("7m", 3)
    about = json.loads((run / "run.json").read_text())
    odd = {"stall": 0}, {"workers": None}, {"restarts": "3"}, {"save_every": "0"}, {"workers": -1}
    for said in odd:
        (run / "run.json").write_text(json.dumps(about | said))
        with pytest.raises(DiagnosticError, match="does not say what it should"):
            read_settings(run)


def test_no_slip_of_the_keys_starts_thousands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["train", "lenet", "--workers", "40000"])
    assert caught.value.code == 2
    assert "argument --workers: 40000 are too many: " in capsys.readouterr().err


def test_how_often_is_said_in_steps_or_minutes(capsys: pytest.CaptureFixture[str]) -> None:
    for word in ("0", "0m", "-1", "10s", "m", "1.5m", ""):
        with pytest.raises(SystemExit) as caught:
            main(["train", "lenet", f"--save-every={word}"])
        assert caught.value.code == 2
        assert "--save-every" in capsys.readouterr().err
