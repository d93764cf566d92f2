"""A run that is cut off and goes on, whatever its recipe has: to the bit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from archc.cli import main
from tests.recipes.engines import BACKENDS

SPEC = """
net small(classes = 10) {
  input(1x8x8)
  conv(3, 2, 4) bn relu
  dropout(0.5)
  fc(classes) softmax
  recipe {
    augment { resize(8) shift(1) scale(1/255) }
    evaluate { resize(8) scale(1/255) }
    init { conv, fc: he, bias 0 }
    %s
    batch 256 epochs 3
  }
}
"""

RECIPES = [
    "optimizer adamw(lr = 0.01)  schedule cosine(warmup = 1.5, floor = 0.01)",
    "optimizer sgd(lr = 0.05)  loss cross_entropy(0.1)  average ema(0.9)  limit filter_rms(0.2)",
    "optimizer sgd(lr = 0.05, momentum = 0)  average polyak",
]


def archc(*words: object) -> None:
    assert main([str(word) for word in words]) == 0


def rows(run: Path) -> list[dict[str, float]]:
    found = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in row.items() if k != "images_per_second"} for row in found]


def same(a: Path, b: Path) -> bool:
    here, there = load_file(a), load_file(b)
    return here.keys() == there.keys() and all(np.array_equal(here[n], there[n]) for n in here)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("recipe", [*RECIPES[:2], pytest.param(RECIPES[2], marks=pytest.mark.slow)])
def test_a_run_that_was_cut_off_goes_on_to_the_bit(
    recipe: str, backend: str, tmp_path: Path
) -> None:
    spec, whole, run = tmp_path / "small.arch", tmp_path / "whole", tmp_path / "run"
    spec.write_text(SPEC % recipe)
    options = ("--backend", backend, "--device", "cpu", "--accumulate", 2)
    archc("train", spec, *options, "-o", whole)
    shutil.copytree(whole, run)
    # As if it had been killed in its last epoch.
    shutil.rmtree(run / "checkpoints" / "epoch-00003")
    (run / "weights.safetensors").unlink()
    archc("train", "--resume", run)
    assert json.loads((run / "run.json").read_text())["accumulate"] == 2
    assert rows(run) == rows(whole)
    for name in ("weights", "best"):
        assert same(run / f"{name}.safetensors", whole / f"{name}.safetensors")
    for name in ("weights", "optimizer", "rng"):
        last = f"checkpoints/epoch-00003/{name}.safetensors"
        assert same(run / last, whole / last)
