"""The loss of one head."""

from __future__ import annotations

import jax
import optax


def cross_entropy(logits: jax.Array, labels: jax.Array, smoothing: float) -> jax.Array:
    """The mean over the batch, of logits (N, K) and labels (N,); the rule is that of
    `archc.recipe.CrossEntropy`."""
    of_the_label = optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
    if not smoothing:
        return of_the_label
    of_all = -jax.nn.log_softmax(logits).mean()
    return (1 - smoothing) * of_the_label + smoothing * of_all
