"""Four devices against one, in float64: run in a process of its own, prints what it found."""

from __future__ import annotations

import json

import jax
import numpy as np

from tests.jax.engines import batch, engine, graph

SIZES = (8, 7, 1, 8)
"""Shares that are even, then uneven, then devices without an image."""


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    # With dropout: its masks must not depend on the number of devices either.
    four, one = (engine(graph(), device=device) for device in ("cpu:4", "cpu"))
    weights = {name: w.astype(np.float64) for name, w in one.weights().items()}
    losses: list[list[float]] = []
    wrong: list[bool] = []
    for made in (four, one):
        made.load_weights(weights)
    for number, size in enumerate(SIZES):
        images, labels = batch(size, seed=number)
        steps = [
            made.step(images.astype(np.float64), labels, 0.1 / (number + 1), size)
            for made in (four, one)
        ]
        losses.append([step.loss for step in steps])
        wrong.append(steps[0].wrong == steps[1].wrong)
    images, _ = batch(6, seed=99)
    pairs = {
        "weights": (four.weights(), one.weights()),
        "velocity": (four.optimizer_state(), one.optimizer_state()),
        "probabilities": ({"all": four.predict(images)}, {"all": one.predict(images)}),
    }
    print(
        json.dumps(
            {
                "devices": [four.device, one.device],
                "on": len(four._parameters["conv1.kernel"].sharding.device_set),
                "losses": losses,
                "wrong": wrong,
                "moved": max(float(abs(one.weights()[n] - weights[n]).max()) for n in weights),
                "apart": {
                    what: max(float(abs(a[name] - b[name]).max()) for name in b)
                    for what, (a, b) in pairs.items()
                },
                "names": [list(four.weights()) == list(one.weights())],
            }
        )
    )


if __name__ == "__main__":
    main()
