"""How a step is computed, through the driver: recorded, taken over, and refused."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from archc.cli import main
from archc.computing import Computing
from archc.diagnostics import DiagnosticError
from tests.computing.nets import BACKENDS, PLAIN, batch, engine, graph
from tests.computing.test_precision import steep

SPEC = """
block unit(n) { conv(3, 1, n, pad=same) bn relu }
net small(classes = 10) {
  input(1x8x8)
  unit(4) maxpool(2, 2) dropout(0.5)
  fc(classes) softmax
  recipe {
    augment { resize(8) scale(1/255) }
    evaluate { resize(8) scale(1/255) }
    init { conv, fc: he, bias 0 }
    optimizer sgd(lr = 0.05)
    average ema(0.9)
    batch 256 epochs 3
  }
}
"""


def archc(*words: object) -> int:
    return main([str(word) for word in words])


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "small.arch"
    path.write_text(SPEC)
    return path


def rows(run: Path) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in row.items() if k != "images_per_second"} for row in found]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_run_in_float16_goes_on_to_the_bit(backend: str, spec: Path, tmp_path: Path) -> None:
    """With the factor of the loss, and the steps left out that it took to find it."""
    whole, run = tmp_path / "whole", tmp_path / "run"
    how = ("--backend", backend, "--device", "cpu", "--precision", "fp16", "--recompute")
    assert archc("train", spec, *how, "-o", whole, "--quiet") == 0
    about = json.loads((whole / "run.json").read_text())
    assert (about["precision"], about["recompute"], about["compile"]) == ("fp16", True, False)
    shutil.copytree(whole, run)
    # As if it had been killed in its last epoch.
    for checkpoint in (run / "checkpoints").glob("epoch-00003*"):
        shutil.rmtree(checkpoint)
    (run / "weights.safetensors").unlink()
    assert archc("train", "--resume", run, "--quiet") == 0
    assert rows(run) == rows(whole)
    for name in ("weights.safetensors", "best.safetensors"):
        one, other = load_file(whole / name), load_file(run / name)
        assert all(np.array_equal(one[key], other[key]) for key in one)
        assert {array.dtype for array in one.values()} == {np.dtype(np.float32)}
    last = next((run / "checkpoints").glob("epoch-00003*")) / "optimizer.safetensors"
    state = load_file(last)
    assert 0 < state["loss_scale_steps"] <= 3 * 6
    # Measured as it was trained.
    assert archc("evaluate", run, "--quiet") == 0


def test_a_run_has_its_own_precision(
    spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["--precision", "bf16"], ["--recompute"], ["--compile"]):
        with pytest.raises(SystemExit):
            archc("train", "--resume", tmp_path / "run", *words)
        assert f"the run has its own {words[0]}" in capsys.readouterr().err


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_gradient_that_ends_a_run(
    backend: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec, start = tmp_path / "net.arch", tmp_path / "start.safetensors"
    text = PLAIN.replace("OPTIMIZER", "optimizer sgd(0.05) augment { resize(12) }")
    spec.write_text(text.replace("batch 16", "evaluate { resize(12) } batch 1"))
    # Which digit is right cannot be foreseen: every class but one is as unlikely.
    weights = steep(engine("torch", graph(PLAIN)).weights())
    save_file(weights, start)
    run = tmp_path / "run"
    how = ("--precision", "fp16", "--data", "generated:200", "--backend", backend)
    assert archc("train", spec, *how, "--weights", start, "-o", run, "--device", "cpu") == 1
    out, err = capsys.readouterr()
    assert "error[E0850]: the gradient of conv2 is infinite or no number at step" in err
    assert "of epoch 1, however small the loss is made" in err
    assert f"--> {spec}:5:3" in err
    assert "help: --precision bf16" in err
    assert f"weights saved in {run / 'weights.safetensors'}" in out
    saved = load_file(run / "weights.safetensors")
    assert all(np.isfinite(array).all() for array in saved.values())
    assert json.loads((run / "run.json").read_text())["status"] == "failed"


def test_jax_always_compiles(
    spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert archc("train", spec, "--backend", "jax", "--compile", "-o", run, "--quiet") == 1
    assert "error[E0620]: --compile is for PyTorch" in capsys.readouterr().err
    assert not run.exists()


@pytest.mark.skipif(" " in sys.prefix, reason="PyTorch 2.13 does not quote paths for its linker")
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # PyTorch's own
def test_torch_compile_computes_the_same() -> None:
    """To rounding: its kernels add up in an order of their own. A batch that does not come out
    even is a shape of its own."""
    of = graph(PLAIN)
    plain, made = engine("torch", of), engine("torch", of, Computing(compile=True))
    made.load_weights(plain.weights())
    for size in (16, 16, 7):
        images, labels = batch(size)
        one, other = (e.step(images, labels, 0.01, size) for e in (plain, made))
        assert other.loss == pytest.approx(one.loss, rel=1e-5)
    for name, array in plain.weights().items():
        assert np.allclose(array, made.weights()[name], rtol=0, atol=1e-5)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # PyTorch's own
def test_a_compiler_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._inductor import config

    monkeypatch.setattr(config.cpp, "cxx", ("no-such-compiler",))
    monkeypatch.setenv("TORCHINDUCTOR_FORCE_DISABLE_CACHES", "1")
    made = engine("torch", graph(PLAIN.replace("fc(16)", "fc(17)")), Computing(compile=True))
    images, labels = batch()
    with pytest.raises(DiagnosticError) as caught:
        made.step(images, labels, 0.01, 16)
    assert "error[E0621]: --compile failed in the backend 'torch'" in str(caught.value)
