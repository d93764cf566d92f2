"""A batch of one image, where batch norm sees one value a channel: refused before training."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from archc.cli import main
from archc.diagnostics import DiagnosticError
from archc.driver import check
from archc.lone import check_batches, lone
from archc.pieces import pieces
from archc.source import Source

NET = """
block norm(n) { fc(n) bn relu }
net small(classes = 10) {
  input(1x8x8)
  conv(3, 1, 4) bn relu
  norm(6)
  fc(classes) softmax
  recipe {
    augment { scale(1/16) }  evaluate { scale(1/16) }
    optimizer sgd(lr = 0.1)  batch 32  epochs 1
  }
}
"""


def found(text: str) -> str | None:
    """The layer that one image is too few for."""
    here = lone(check(Source("small.arch", text)))
    return here and here.layer


def test_where_one_value_is_seen() -> None:
    """Behind a fully connected layer or a map of one pixel, not over a map; in a head too."""
    assert found(NET) == "norm1.bn1"
    assert found(NET.replace("  norm(6)\n", "")) is None
    assert found(NET.replace("norm(6)", "maxpool(6, 1) bn")) == "bn2"
    head = "aux(weight = 0.3) { fc(classes) bn softmax }\n  fc(classes)"
    assert found(NET.replace("norm(6)\n  fc(classes)", head)) == "aux1.bn1"


@pytest.mark.parametrize("accumulate", [1, 2, 3])
def test_every_batch_and_its_pieces_count(accumulate: int) -> None:
    """Against every batch and piece of an epoch written out; and what is proposed does fit."""
    here = lone(check(Source("small.arch", NET)))

    def refused(images: int, batch: int) -> bool:
        ends = [*range(0, images, batch), images]
        sizes = [end - start for start, end in pairwise(ends)]
        return any(
            piece.stop - piece.start == 1 for size in sizes for piece in pieces(size, accumulate)
        )

    for images in range(1, 30):
        for batch in range(1, 32):
            try:
                check_batches(here, images, batch, accumulate)
            except DiagnosticError as error:
                assert refused(images, batch)
                fault = error.diagnostics[0]
                better = getattr(fault, "better")  # noqa: B009 (a field of this error alone)
                assert better is None or not refused(images, better)
                assert (better is None) == all(refused(images, n) for n in range(batch, images + 1))
            else:
                assert not refused(images, batch)
            check_batches(None, images, batch, accumulate)


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_it_is_said_before_training(
    backend: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec, run = tmp_path / "small.arch", tmp_path / "run"
    spec.write_text(NET)
    words = ["train", str(spec), "--backend", backend, "--data", "generated:33", "-o", str(run)]
    assert main(words) == 1
    said = capsys.readouterr().err
    assert said.splitlines()[0] == (
        "error[E0814]: the last batch of an epoch has one image, and norm1.bn1 sees one value a "
        "channel of it: there is nothing to normalise by"
    )
    assert "small.arch:2:23\n" in said
    assert "in norm1: norm(...)" in said
    assert "= note: 33 images in batches of 32\n" in said
    assert said.endswith("= help: --batch 33\n")
    assert main([*words, "--batch", "9", "--accumulate", "6"]) == 1
    said = capsys.readouterr().err
    assert "a piece of a batch has one image" in said
    assert "33 images in batches of 9, each in 6 pieces" in said
    assert said.endswith("= help: --batch 17, or fewer pieces: --accumulate\n")
    assert not run.exists()
