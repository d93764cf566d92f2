"""What a data set is to the rest: two splits of labelled images."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from archc.runtime.pixels import Pixels


class Split(ABC):
    """Labelled images, numbered from 0."""

    labels: NDArray[np.int64]
    """`(N,)`"""

    in_memory: bool
    """Whether an image costs nothing to get."""

    def __len__(self) -> int:
        return len(self.labels)

    @abstractmethod
    def image(self, index: int) -> Pixels:
        """`(H, W, C)` float32, 0..255. Raises `DiagnosticError` where it cannot be read."""

    @abstractmethod
    def name(self, index: int) -> str:
        """What an error calls the image: its file, or its number."""

    def named(self) -> Generator[tuple[str, Pixels]]:
        """Every image with its name, in order."""
        for index in range(len(self)):
            yield self.name(index), self.image(index)


class MemorySplit(Split):
    """Images that are in memory, `(N, H, W, C)` uint8."""

    in_memory = True

    def __init__(self, images: NDArray[np.uint8], labels: NDArray[np.int64], kind: str) -> None:
        self.images = images
        self.labels = labels
        self._kind = kind

    def image(self, index: int) -> Pixels:
        return self.images[index].astype(np.float32)

    def name(self, index: int) -> str:
        return f"{self._kind} {index}"


@dataclass(frozen=True)
class Dataset:
    """Images to train on and images held out to measure by."""

    name: str
    classes: tuple[str, ...]
    train: Split
    held_out: Split
    held_out_name: Literal["test", "validation"]
    about: str
    """Where the images are from and how they were split, for the log of the run."""

    notes: tuple[str, ...] = ()
    """What the reader should know: files that were left out, say."""
