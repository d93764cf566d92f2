"""Smoothed labels, averaged weights and limited filters, naively, in NumPy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def smoothed_cross_entropy(logits: Array, labels: NDArray[np.int64], smoothing: float) -> float:
    """Szegedy et al. 2015, section 7: `q'(k) = (1 - e) [k = y] + e / K`, and the mean over the
    batch of `-sum_k q'(k) log p(k)`."""
    n, classes = logits.shape
    total = 0.0
    for row in range(n):
        p = np.exp(logits[row] - logits[row].max())
        p /= p.sum()
        for k in range(classes):
            q = smoothing / classes + (1 - smoothing if labels[row] == k else 0.0)
            total -= q * np.log(p[k])
    return total / n


def polyak(weights: Sequence[Array]) -> Array:
    """The mean of the weights after each step (Polyak & Juditsky 1992)."""
    return np.mean(weights, axis=0)


def ema(start: Array, weights: Sequence[Array], decay: float) -> Array:
    """The moving average over the weights after each step, with the ramp of TensorFlow's
    `ExponentialMovingAverage(decay, num_updates)`, whose first step is 1."""
    average = np.array(start)
    for step, w in enumerate(weights, 1):
        keep = min(decay, (1 + step) / (10 + step))
        average = keep * average + (1 - keep) * w
    return average


def limited(weight: Array, most: float) -> Array:
    """Zeiler & Fergus 2013, section 3: filters, the rows of (out, in, H, W), whose root mean
    square exceeds `most` have it as theirs."""
    result = np.array(weight)
    for row in range(len(weight)):
        rms = float(np.sqrt((weight[row] ** 2).mean()))
        if rms > most:
            result[row] = weight[row] * most / rms
    return result
