"""The nets of specs/ with a recipe, each as a program that trains: one epoch of a small form."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import archc
from archc.driver import compile_training
from tests.nets import SPECS
from tests.programs.alone import Job, run
from tests.programs.recipes import pictures
from tests.zoo.small import INPUTS, WIDTH, WIDTHS

RECIPES = [path.stem for path in SPECS if archc.load(path.stem).graph.recipe is not None]

SQUARE = ("cifar_relu", "cifar_tanh", "lenet")


def small_program(name: str, backend: str, folder: Path) -> Path:
    """The program of a net a sixteenth as wide, on square images, for three classes."""
    channels, height, _ = INPUTS[name]
    shape = (channels, height, height)
    net = archc.load(name, input=shape, width=WIDTHS.get(name, WIDTH), classes=3)
    text = compile_training(net.graph, backend).text
    path = folder / f"{name}_{backend}.py"
    path.write_text(re.sub(r"^EPOCHS = \d+$", "EPOCHS = 1", text, flags=re.MULTILINE), "utf-8")
    return path


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_every_recipe_trains_an_epoch(backend: str, tmp_path: Path) -> None:
    data = pictures(tmp_path / "data", 3, train=2, val=1)
    # What is trained on CIFAR-10 and on digits takes no other images than square ones.
    square = pictures(tmp_path / "square", 3, train=2, val=1, size=(32, 32))
    jobs: list[Job] = []
    for name in RECIPES:
        images = square if name in SQUARE else data
        program = small_program(name, backend, tmp_path)
        jobs.append(Job(program, [images, "--output", tmp_path / name]))
    for name, done in zip(RECIPES, run(*jobs), strict=True):
        assert done.ended == 0, f"{name}: {done.ended}"
        assert "epoch 1/1" in done.out, name
        assert len(done.steps) == 1, name
        assert (tmp_path / name / "weights.safetensors").exists(), name
