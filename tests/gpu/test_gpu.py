"""What needs a GPU: `make gpu` runs these; `pytest tests/gpu --gpu-tests-on cpu` shows that they
work where there is none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from archc.computing import PRECISIONS, Computing, Precision
from archc.optimizer_state import LOSS_SCALE
from tests.computing.nets import BACKENDS, batch, engine, graph

pytestmark = pytest.mark.gpu

EPSILON = {"fp32": 2.0**-24, "bf16": 2.0**-8, "fp16": 2.0**-11}


def made_on(where: str, backend: str, start: Any, computing: Computing, drop: float = 0.0) -> Any:
    made = engine(backend, graph(drop=drop), computing, device=where)
    if start is not None:
        made.load_weights(start)
    if computing.precision == "fp16":
        # So small that no step is left out.
        state = made.optimizer_state()
        made.load_optimizer_state({**state, LOSS_SCALE: np.array(2.0**10)})
    return made


def losses(made: Any, steps: int = 6) -> list[float]:
    images, labels = batch()
    return [made.step(images, labels, 0.01, len(labels)).loss for _ in range(steps)]


@pytest.fixture(scope="module")
def start() -> dict[str, np.ndarray]:
    weights: dict[str, np.ndarray] = engine("torch", graph()).weights()
    return weights


@pytest.fixture(scope="module")
def exact(start: dict[str, np.ndarray]) -> list[float]:
    """The losses on a CPU in float32."""
    return losses(made_on("cpu", "torch", start, Computing()))


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_training_steps(
    backend: str, precision: Precision, start: Any, exact: list[float], jax_device: str
) -> None:
    """As on a CPU in float32. Of a half, ten roundings are allowed for, as in
    tests/computing/test_precision.py; of float32 a hundred, which six steps multiply."""
    made = made_on(jax_device, backend, start, Computing(precision=precision))
    allowed = 100 if precision == "fp32" else 10
    assert losses(made) == pytest.approx(exact, rel=allowed * EPSILON[precision])
    assert {array.dtype for array in made.weights().values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("precision", PRECISIONS)
def test_channels_last_on_a_gpu_in_halves(precision: Precision, start: Any, device: str) -> None:
    made = made_on(device, "torch", start, Computing(precision=precision))
    losses(made, 1)
    kernel = made.model.get_parameter("conv1.weight")
    last = kernel.is_contiguous(memory_format=torch.channels_last)
    assert last == (device == "cuda" and precision != "fp32")
    # What is handed out is in the canonical layout all the same.
    assert made.weights()["conv1.weight"].flags.c_contiguous


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # PyTorch's own
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_torch_compile(precision: Precision, start: Any, exact: list[float], device: str) -> None:
    made = made_on(device, "torch", start, Computing(precision=precision, compile=True))
    allowed = 100 if precision == "fp32" else 10
    assert losses(made) == pytest.approx(exact, rel=allowed * EPSILON[precision])


def test_the_backends_are_equal_without_tf32(start: Any, jax_device: str) -> None:
    """Parameters after a step and outputs: with TF32 they would differ by 1e-3."""
    images, labels = batch()
    one, other = (made_on(jax_device, backend, start, Computing()) for backend in BACKENDS)
    assert np.abs(one.predict(images) - other.predict(images)).max() < 1e-5
    for made in (one, other):
        made.step(images, labels, 0.01, len(labels))
    theirs = other.weights()
    for name, array in one.weights().items():
        # The bound of gradients in float32, at this rate.
        assert np.abs(array - theirs[name]).max() <= 5e-4 * max(1.0, np.abs(array).max()), name


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_going_on(backend: str, precision: Precision, start: Any, jax_device: str) -> None:
    """To the bit where the device gives the same twice; else as near as it comes to itself."""

    def trained(cut: bool) -> list[float]:
        made = made_on(jax_device, backend, start, Computing(precision=precision), drop=0.5)
        found = losses(made, 3)
        if cut:
            weights, state, chance = made.weights(), made.optimizer_state(), made.rng_state()
            made = made_on(jax_device, backend, None, Computing(precision=precision), drop=0.5)
            made.load_weights(weights)
            made.load_optimizer_state(state)
            made.load_rng_state(chance)
        return found + losses(made, 3)

    whole, again, cut = trained(False), trained(False), trained(True)
    if whole == again:
        assert cut == whole
    else:
        print(f"{jax_device} does not give the same twice: {whole} and {again}")
        assert cut == pytest.approx(whole, rel=100 * EPSILON[precision])


@pytest.mark.parametrize("recompute", [False, True])
def test_blocks_computed_again_need_less_memory(recompute: bool, start: Any, device: str) -> None:
    """The same losses, and on a GPU a lower peak."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    made = made_on(device, "torch", start, Computing(recompute=recompute))
    assert np.isfinite(losses(made)).all()
    if device == "cuda":
        print(f"recompute {recompute}: {torch.cuda.max_memory_allocated():,} bytes")


@pytest.mark.parametrize("backend", BACKENDS)
def test_as_many_devices_as_there_are(backend: str, jax_device: str, tmp_path: Path) -> None:
    """NCCL with a rank a card (gloo with two workers on a CPU): the losses of one device."""
    count = torch.cuda.device_count() if jax_device == "cuda" else 2
    several = ["--gpus", str(count)] if jax_device == "cuda" else ["--device", "cpu:2"]
    one = ["--device", "cuda:0" if jax_device == "cuda" else "cpu"]
    found: list[list[float]] = []
    for name, where in (("one", one), ("several", several)):
        words = [
            "train",
            "lenet",
            "--backend",
            backend,
            "--epochs",
            "2",
            "--batch",
            "60",
            "--quiet",
        ]
        command = "import sys; from archc.cli import main; sys.exit(main(sys.argv[1:]))"
        done = subprocess.run(
            [sys.executable, "-c", command, *words, *where, "-o", str(tmp_path / name)],
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
            env={**os.environ},
        )
        assert done.returncode == 0, done.stderr
        rows = (tmp_path / name / "metrics.jsonl").read_text().splitlines()
        found.append([json.loads(row)["loss"] for row in rows])
    assert found[1] == pytest.approx(found[0], rel=1e-4)
