"""The digits: 1797 scans of handwritten digits, 8x8 grey, that come with scikit-learn.

They are the test half of the UCI "Optical Recognition of Handwritten Digits" set, real
scans reduced to 8x8 counts of 0..16.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archc.data.dataset import Dataset, MemorySplit
from archc.diagnostics import fail
from archc.errors.data import DigitsUnavailable

TEST_EVERY = 5


def load_digits(channels: int) -> Dataset:
    """1437 images to train, 360 to test. Raises `DiagnosticError` (E0714)."""
    try:
        datasets: Any = import_module("sklearn.datasets")
    except ImportError as error:
        fail(DigitsUnavailable(reason=str(error)))
    bunch = datasets.load_digits()
    labels = np.asarray(bunch.target, np.int64)
    # 0..16 to 0..255, so that the pixels look as an image file's would.
    grey = np.rint(np.asarray(bunch.images) * (255 / 16)).astype(np.uint8)
    images = np.repeat(grey[..., np.newaxis], channels, axis=-1)
    train, test = split(labels)
    return Dataset(
        name="digits",
        classes=tuple(str(digit) for digit in range(10)),
        train=MemorySplit(images[train], labels[train], "training digit"),
        held_out=MemorySplit(images[test], labels[test], "test digit"),
        held_out_name="test",
        about=(
            "scikit-learn's digits (UCI optical recognition of handwritten digits), 8x8 grey; "
            "sorted by digit, every fifth one is held out to test"
        ),
    )


def split(labels: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Which images are for training and which for testing.

    Sorted by digit, in the set's own order within a digit, every fifth is for testing,
    the first included. So each digit keeps its share on both sides, and the split is the
    same for everyone.
    """
    by_digit = np.argsort(labels, kind="stable")
    is_test = np.arange(len(labels)) % TEST_EVERY == 0
    return np.sort(by_digit[~is_test]), np.sort(by_digit[is_test])
