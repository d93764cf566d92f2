"""Memory by hand: what a net's definition says, worked out on small ones."""

from __future__ import annotations

import pytest

from archc.analysis.memory import memory
from archc.ir import Graph
from tests.nets import net

RECIPE = "recipe {{ optimizer sgd(lr = 0.1, momentum = {}) batch 4 epochs 1 }}"


def branches(recipe: str = "") -> Graph:
    """A net of 349 weights. Maps: 32 in; 48 and 16 out of the branches, 16 after relu, 64
    joined, 5 out."""
    return net(
        f"""input(2x4x4) concat {{ | conv(1, 1, 3) | conv(3, 1, 1, pad=1) relu }} fc(5)
        {recipe}"""
    )


WEIGHTS = 2 * 3 + 3 + 2 * 9 + 1 + 64 * 5 + 5
KEPT = 32 + 48 + 16 + 16 + 64 + 5
LIVE = 48 + 16 + 64  # while the branches are joined: no other moment holds more


def test_one_image() -> None:
    """Two branches: the input of both lives until the second has read it."""
    found = memory(branches())
    assert found.training.activations == 4 * KEPT
    assert found.inference.activations == 4 * LIVE
    assert found.inference.weights == found.training.weights == 4 * WEIGHTS
    assert found.inference.total == 4 * (WEIGHTS + LIVE)
    assert found.training.total == 4 * (WEIGHTS + WEIGHTS + KEPT)


def test_a_batch_multiplies_the_maps_and_not_the_weights() -> None:
    found = memory(branches()).at(batch=7)
    assert found.inference.total == 4 * (WEIGHTS + 7 * LIVE)
    assert found.training.total == 4 * (2 * WEIGHTS + 7 * KEPT)


def test_bf16_halves_all_but_what_autocast_leaves_in_float32() -> None:
    found = memory(branches(RECIPE.format(0.9))).at(batch=3, precision="bf16")
    assert found.inference.total == 2 * (WEIGHTS + 3 * LIVE)
    assert found.training.weights == found.training.gradients == 4 * WEIGHTS
    assert found.training.momentum == 4 * WEIGHTS
    assert found.training.activations == 2 * 3 * KEPT
    assert found.training.total == 3 * 4 * WEIGHTS + 2 * 3 * KEPT


@pytest.mark.parametrize(
    ("recipe", "buffers"),
    [
        ("", 0),
        (RECIPE.format(0), 0),
        (RECIPE.format(0.5), 1),
        ("recipe { optimizer adamw(lr = 0.1) batch 4 epochs 1 }", 2),
    ],
)
def test_buffers_are_what_the_optimizer_remembers(recipe: str, buffers: int) -> None:
    found = memory(branches(recipe))
    assert found.training.momentum == buffers * 4 * WEIGHTS
    assert found.inference.momentum == found.inference.gradients == 0


def test_heads_take_weights_but_no_maps_at_inference() -> None:
    bare = memory(net("input(2x4x4) conv(1, 1, 3) fc(5) softmax"))
    head = memory(
        net(
            "input(2x4x4) conv(1, 1, 3) aux(weight=1) { conv(1, 1, 99) fc(5) softmax } "
            "fc(5) softmax"
        )
    )
    assert head.inference.activations == bare.inference.activations
    assert head.inference.weights > bare.inference.weights
    assert head.training.activations > bare.training.activations


@pytest.mark.parametrize(
    "wrong", [{"batch": 0}, {"batch": 1.5}, {"batch": True}, {"precision": "fp16"}]
)
def test_what_is_no_batch_or_precision(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="is"):
        memory(branches()).at(**wrong)
