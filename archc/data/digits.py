"""The digits: 1797 scans of handwritten digits, 8x8 grey, which come with archc.

They are the test half of "Optical Recognition of Handwritten Digits" (Alpaydin & Kaynak 1998, UCI
Machine Learning Repository, doi:10.24432/C50P49, CC BY 4.0), real scans reduced to 8x8 counts of
0..16. scikit-learn has the same ones; it takes two seconds to load, at each start of a run.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archc.data.dataset import Dataset, MemorySplit

SCANS = Path(__file__).with_name("digits.csv.gz")
"""A scan a line: 64 counts, row by row, and the digit."""
TEST_EVERY = 5


def load_digits(channels: int) -> Dataset:
    """1437 images to train, 360 to test."""
    scans = np.loadtxt(SCANS, np.uint8, delimiter=",")
    labels = scans[:, -1].astype(np.int64)
    # 0..16 to 0..255, so that the pixels look as an image file's would.
    grey = np.rint(scans[:, :-1] * (255 / 16)).astype(np.uint8)
    images = np.repeat(grey.reshape(-1, 8, 8, 1), channels, axis=-1)
    train, test = split(labels)
    return Dataset(
        name="digits",
        classes=tuple(str(digit) for digit in range(10)),
        train=MemorySplit(images[train], labels[train], "training digit"),
        held_out=MemorySplit(images[test], labels[test], "test digit"),
        held_out_name="test",
        about=(
            "UCI optical recognition of handwritten digits (scikit-learn's digits), 8x8 grey; "
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
