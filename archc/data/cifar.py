"""CIFAR-10 as it is published: 60,000 photographs, 32x32, of ten things (Krizhevsky 2009).

The binary version: five files of 10,000 images to train on and one to test. An image is a byte
of its label and 3,072 of its pixels, the red ones first, then green and blue, row by row.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archc.data.dataset import Dataset, MemorySplit
from archc.diagnostics import Sink, fail
from archc.errors.data import CifarFile, CifarPickles, DataNotFound

TRAINING = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
TEST = ("test_batch.bin",)
CLASSES = tuple("airplane automobile bird cat deer dog frog horse ship truck".split())

SIDE = 32
IMAGES = 10_000
"""In each file."""

# ITU-R 601 in 65,536ths, rounded as Pillow does.
_GREY = np.array([19595, 38470, 7471], np.uint32)


def open_cifar10(path: str, channels: int) -> Dataset:
    """The files in a folder. Raises `DiagnosticError` (E0701, E0717, E0718)."""
    root = Path(path)
    if not root.is_dir():
        fail(DataNotFound(path=path))
    if not (root / TRAINING[0]).exists() and (root / "data_batch_1").exists():
        fail(CifarPickles(path=path))
    sink = Sink()
    for name in (*TRAINING, *TEST):
        if (reason := _wrong(root / name)) is not None:
            sink.add(CifarFile(path=str(root / name), reason=reason))
    sink.raise_if_failed()
    train, held_out = (_read(root, names, channels) for names in (TRAINING, TEST))
    return Dataset(
        name="cifar10",
        classes=CLASSES,
        train=MemorySplit(*train, "training image"),
        held_out=MemorySplit(*held_out, "test image"),
        held_out_name="test",
        about="CIFAR-10, the binary version; its own training and test sets",
    )


def _wrong(path: Path) -> str | None:
    """What keeps a file from being read, before it is: not even its size is taken on trust."""
    wanted = IMAGES * (1 + 3 * SIDE * SIDE)
    if not path.is_file():
        return "there is no such file"
    size = path.stat().st_size
    return None if size == wanted else f"it has {size:,} bytes, {IMAGES:,} images take {wanted:,}"


def _read(
    root: Path, names: Sequence[str], channels: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images `(N, 32, 32, channels)` and labels `(N,)`."""
    images = np.empty((IMAGES * len(names), SIDE, SIDE, channels), np.uint8)
    labels = np.empty(IMAGES * len(names), np.int64)
    for i, name in enumerate(names):
        try:
            records = np.fromfile(root / name, np.uint8).reshape(IMAGES, -1)
        except (OSError, ValueError) as error:
            fail(CifarFile(path=str(root / name), reason=str(error)))
        here = slice(i * IMAGES, (i + 1) * IMAGES)
        labels[here] = records[:, 0]
        if records[:, 0].max() >= len(CLASSES):
            wrong = int(np.argmax(records[:, 0] >= len(CLASSES)))
            reason = f"image {wrong} has the label {records[wrong, 0]}, the classes are 0 to 9"
            fail(CifarFile(path=str(root / name), reason=reason))
        colour = records[:, 1:].reshape(IMAGES, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
        images[here] = colour if channels == 3 else _grey(colour)
    return images, labels


def _grey(colour: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`(N, H, W, 3)` as `(N, H, W, 1)`."""
    return ((colour @ _GREY + 0x8000) >> 16).astype(np.uint8)[..., np.newaxis]
