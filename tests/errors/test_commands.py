"""Faults that a command meets, not a spec."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import archc.backend
from archc.cli import main

NET = "net small { input(1x8x8) fc(10) %s }\n"


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    return tmp_path / "small.arch"


def refused(*argv: object, capsys: pytest.CaptureFixture[str]) -> str:
    """What a command says that fails."""
    assert main([str(arg) for arg in argv]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    return err


def test_training_without_a_recipe(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec.write_text(NET % "softmax")
    assert "error[E0506]: small has no recipe" in refused("train", spec, capsys=capsys)


def test_training_without_a_loss(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec.write_text(NET % "recipe { optimizer sgd(0.1) batch 8 epochs 1 }")
    assert "error[E0507]: small ends in fc" in refused("train", spec, capsys=capsys)


def test_training_with_a_head_of_other_classes(
    spec: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Before a run's folder is made."""
    spec.write_text(
        """net small(classes = 10) {
          input(1x8x8) conv(1, 1, 2)
          aux(weight = 1) { fc(5) softmax }
          aux(weight = 1) { conv(3, 1, 10) softmax }
          fc(classes) softmax
          recipe { optimizer sgd(0.1) batch 8 epochs 1 }
        }"""
    )
    run = tmp_path / "run"
    said = refused("train", spec, "-o", str(run), capsys=capsys)
    assert "error[E0508]: the head aux1 ends in 5x1x1, the net in 10x1x1" in said
    assert "the head aux2 ends in 10x6x6" in said
    assert not run.exists()


def test_unknown_backend(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec.write_text(NET % "softmax")
    said = refused("compile", spec, "--backend", "troch", capsys=capsys)
    assert "error[E0601]" in said
    assert "did you mean 'torch'?" in said


def test_broken_backend(
    spec: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = EntryPoint("broken", "archc_no_such_package:backend", archc.backend.GROUP)
    monkeypatch.setattr(archc.backend, "entry_points", lambda group: [broken])
    spec.write_text(NET % "softmax")
    said = refused("compile", spec, "--backend", "broken", capsys=capsys)
    assert "error[E0602]" in said
    assert "No module named 'archc_no_such_package'" in said


def test_program_that_cannot_be_written(
    spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec.write_text(NET % "softmax")
    target = tmp_path / "none" / "small.py"
    said = refused("compile", spec, "--backend", "torch", "-o", target, capsys=capsys)
    assert "error[E0605]" in said


def test_a_program_without_a_recipe(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec.write_text(NET % "softmax")
    for backend in ("torch", "jax"):
        said = refused("compile", spec, "--backend", backend, "--train", capsys=capsys)
        assert "error[E0506]: small has no recipe" in said


def test_goldens_are_what_the_command_prints(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(__file__).parent
    monkeypatch.chdir(folder)
    name = "E0203_branches_differ"
    assert refused("check", f"{name}.arch", capsys=capsys) == (folder / f"{name}.txt").read_text()
