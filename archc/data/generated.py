"""A generated set of any size, for measuring: coarse patterns, one a class, under noise.

An image is made when it is asked for, from its number alone, at the size of the net's input. So
a set takes no disk and next to no memory, and is the same in every run. A net learns it easily:
what it shows of a net is its speed and that it learns, no more.
"""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from archc.data.dataset import Dataset, Split
from archc.diagnostics import fail
from archc.errors.data import BadGenerated
from archc.runtime.pixels import Pixels

MAX_IMAGES = 10_000_000
TEST_SHARE = 5
"""One image is held out for so many to train on."""

SMALL = 2**26
"""How many bytes of images are made on the spot, not ahead."""

CELLS = 4
"""A pattern has so many cells a side."""

NOISE = 128
"""Noise is from 0 to one less, and the pattern below what is left of 255."""


class GeneratedSplit(Split):
    """Images `(H, W, C)`, the classes in turn. A small set is as good as in memory: it is soon
    made, and kept."""

    def __init__(
        self, count: int, shape: tuple[int, int, int], classes: int, *, stream: int, kind: str
    ) -> None:
        self.labels = np.arange(count, dtype=np.int64) % classes
        self._channels, self._height, self._width = shape
        self._stream = stream
        self._kind = kind
        self.in_memory = 4 * count * prod(shape) <= SMALL
        random = np.random.default_rng(0)
        size = (classes, CELLS, CELLS, self._channels)
        self._patterns: NDArray[np.uint8] = random.integers(0, 256 - NOISE, size, np.uint8)

    @override
    def image(self, index: int) -> Pixels:
        height, width = self._height, self._width
        rows = np.arange(height) * CELLS // height
        columns = np.arange(width) * CELLS // width
        pattern = self._patterns[self.labels[index]][rows[:, np.newaxis], columns]
        random = np.random.default_rng((self._stream, index))
        noise = random.integers(0, NOISE, pattern.shape, np.uint8)
        return (pattern + noise).astype(np.float32)

    @override
    def name(self, index: int) -> str:
        return f"{self._kind} {index}"


def generate(count: str, shape: tuple[int, int, int], classes: int) -> Dataset:
    """`count` images to train on and a fifth as many to test, at least one, for a net with input
    `shape` (C, H, W). Raises `DiagnosticError` (E0719)."""
    plain = count.isascii() and count.isdigit() and len(count) <= len(str(MAX_IMAGES))
    number = int(count) if plain else 0
    if not 1 <= number <= MAX_IMAGES:
        fail(BadGenerated(count=count, most=MAX_IMAGES))
    test = max(1, number // TEST_SHARE)
    return Dataset(
        name=f"generated:{number}",
        classes=tuple(f"pattern {i}" for i in range(classes)),
        train=GeneratedSplit(number, shape, classes, stream=1, kind="training pattern"),
        held_out=GeneratedSplit(test, shape, classes, stream=2, kind="test pattern"),
        held_out_name="test",
        about="generated patterns under noise, a pattern a class, for measuring",
    )
