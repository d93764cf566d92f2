"""The nets that come with archc, narrower and on smaller images: counted, built and trained."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from archc_torch import backend

import archc
from archc.program_module import load_program
from tests.nets import SPECS
from tests.torch.programs import program
from tests.zoo.small import small

FOUNDING = ("alexnet", "zfnet", "vgg", "googlenet", "cifar", "lenet")
NAMES = [path.stem for path in SPECS if path.stem.split("_")[0] in FOUNDING]


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_says_all_that_training_needs(name: str) -> None:
    recipe = archc.load(name).recipe
    assert recipe is not None
    assert recipe.optimizer is not None
    assert recipe.augment
    assert recipe.evaluate
    assert recipe.init


@pytest.mark.parametrize("name", NAMES)
def test_the_program_has_the_parameters_that_were_counted(name: str) -> None:
    """At full size; PyTorch allocates nothing on its device for shapes."""
    net = archc.load(name)
    emitted = program(net.graph)
    with torch.device("meta"):
        made = getattr(load_program(emitted), emitted.class_name)()
    assert sum(parameter.numel() for parameter in made.parameters()) == net.params


@pytest.mark.parametrize("name", NAMES)
def test_a_step_of_its_recipe_changes_every_weight(name: str) -> None:
    net = small(name)
    assert net.output == (10, 1, 1)
    assert net.recipe is not None
    assert net.recipe.optimizer is not None
    engine = backend.engine(program(net.graph), net.graph, net.recipe, device="cpu", seed=0)
    before = engine.weights()
    assert sum(weight.size for weight in before.values()) == net.params
    rng = np.random.default_rng(0)
    images = rng.normal(0, 50, (4, *net.input)).astype(np.float32)
    labels = np.array([0, 3, 7, 9])
    step = engine.step(images, labels, net.recipe.optimizer.lr, len(labels))
    assert np.isfinite(step.loss)
    after = engine.weights()
    for path, weight in before.items():
        assert np.isfinite(after[path]).all(), path
        # A bias of zero is changed by its gradient alone: decay would leave it as it is. Units
        # that are dead for these images leave some of an array, never all of it.
        assert (after[path] != weight).any(), path
    assert engine.predict(images).sum(axis=1) == pytest.approx(1, abs=1e-5)
