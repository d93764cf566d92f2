"""Layers from another net: which go over, which are refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from archc.cli import main
from archc.diagnostics import DiagnosticError
from archc.train.warm_start import Pair, warm

RECIPE = """recipe {
    augment { resize(8) scale(1/255) } evaluate { resize(8) scale(1/255) }
    optimizer sgd(lr = %s) batch 720 epochs 1 }"""
SMALL = "net small { input(1x8x8) conv3-4 bn relu conv3-6 relu fc(10) softmax %s }"
DEEP = "net deep { input(1x8x8) conv3-4 bn relu conv3-4 relu conv3-6 relu fc(10) softmax %s }"


def arrays(*layers: tuple[str, tuple[int, ...]], value: float) -> dict[str, np.ndarray]:
    return {
        f"{name}.{part}": np.full(shape if part == "weight" else shape[:1], value)
        for name, shape in layers
        for part in ("weight", "bias")
    }


OURS = arrays(("conv1", (4, 1, 3, 3)), ("a.conv2", (6, 4, 3, 3)), ("fc1", (9, 8)), value=0.0)
THEIRS = arrays(("conv1", (4, 1, 3, 3)), ("b.conv2", (6, 4, 3, 3)), ("fc1", (9, 7)), value=1.0)


def test_names_and_shapes_that_are_the_same_go_over() -> None:
    found = warm(OURS, THEIRS, (), "other")
    assert {name for name, array in found.weights.items() if array.any()} == {
        "conv1.weight", "conv1.bias",
    }  # fmt: skip
    assert found.notes == [
        "from other: conv1",
        "as init says: a.conv2, fc1",
        "not used of other: b.conv2, fc1",
    ]


def test_pairs_name_layers_and_blocks() -> None:
    for pair in (Pair("a.conv2", "b.conv2"), Pair("a", "b")):
        found = warm(OURS, THEIRS, [pair], "other")
        assert found.weights["a.conv2.weight"].all()
        assert not found.weights["conv1.weight"].any()
        assert found.notes[0] == "from other: a.conv2 (its b.conv2)"


@pytest.mark.parametrize(
    ("ours", "theirs", "reason"),
    [
        ("fc1", "fc1", "its weight is 9x8, that of fc1 in other 9x7"),
        ("a", "a", "other has no a.conv2"),
        ("conv9", "conv1", "this net has no such layer"),
        ("con", "con", "this net has no such layer"),
    ],
)
def test_what_was_asked_for_has_to_match(ours: str, theirs: str, reason: str) -> None:
    with pytest.raises(DiagnosticError, match=reason) as caught:
        warm(OURS, THEIRS, [Pair("conv1", "conv1"), Pair(ours, theirs)], "other")
    assert [fault.code for fault in caught.value.diagnostics] == ["E0813"]


def test_a_layer_goes_over_whole_or_not_at_all() -> None:
    without = {name: array for name, array in THEIRS.items() if name != "conv1.bias"}
    with pytest.raises(DiagnosticError, match="E0812"):
        warm(OURS, without, (), "other")


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_a_deeper_net_starts_from_a_run(
    backend: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a rate that moves nothing in float32, weights stay as they started."""
    small, deep = tmp_path / "small.arch", tmp_path / "deep.arch"
    small.write_text(SMALL % (RECIPE % 0.1))
    deep.write_text(DEEP % (RECIPE % 1e-30))
    options = ["--backend", backend, "--device", "cpu", "--quiet"]
    first, second = tmp_path / "first", tmp_path / "second"
    assert main(["train", str(small), *options, "-o", str(first)]) == 0
    command = ["train", str(deep), "--backend", backend, "--init-from", str(first)]
    assert main([*command, "--layers", "conv1,conv3=conv2,fc1", "-o", str(second)]) == 0
    out = capsys.readouterr().out
    assert "weights.safetensors: conv1, conv3 (its conv2), fc1\n" in out
    assert "note: as init says: bn1, conv2\n" in out
    theirs = load_file(first / "weights.safetensors")
    ours = load_file(second / "weights.safetensors")
    for here, there in (("conv1", "conv1"), ("conv3", "conv2"), ("fc1", "fc1")):
        for part in ("weight", "bias"):
            assert np.array_equal(ours[f"{here}.{part}"], theirs[f"{there}.{part}"])
    about = json.loads((second / "run.json").read_text())
    assert about["init_from"] == str(first)
    assert about["layers"] == ["conv1=conv1", "conv3=conv2", "fc1=fc1"]


def test_the_command_line_says_of_which_net(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["--layers", "fc1"], ["--init-from", "a", "--weights", "b"]):
        with pytest.raises(SystemExit):
            main(["train", "lenet", *words])
    assert "of which net? --init-from RUN" in capsys.readouterr().err
