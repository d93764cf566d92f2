"""One of several processes that train a net in float64: run in a process of its own, saves what
the net came to. `python -m tests.jax.hosts_script HOST PORT PIECES NET FILE`"""

from __future__ import annotations

import json
import os
import sys

import jax
import numpy as np
from archc_jax.processes import MEETING, crew

from tests.jax.engines import MIXED, TOWERS, batch, engine, graph

SIZES = (8, 7)
"""Shares that are even, then uneven."""


def main() -> None:
    host, port = map(int, sys.argv[1:3])
    pieces, net, file = sys.argv[3:]
    where = {"hosts": 2, "host": host, "address": "127.0.0.1", "port": port}
    os.environ[MEETING] = json.dumps(where | {"device": "cpu:2"})
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_num_cpu_devices", 2)
    mine = crew()
    found = come_to(net, int(pieces), "cpu:2", towers=net == "towers")
    found["agreed"] = np.array([mine.agreed(7 * host), *mine.summed([0.1 + host, 2.0**40])])
    found["rank"] = np.array([mine.rank, mine.size])
    np.savez(file, **found)


def come_to(net: str, pieces: int, device: str, *, towers: bool = False) -> dict[str, np.ndarray]:
    """What a net has come to after two steps; of several processes, each."""
    found: dict[str, np.ndarray] = {}
    of = graph(text=TOWERS if net == "towers" else MIXED)
    made = engine(of, device=device, accumulate=pieces, towers=towers)
    made.load_weights({name: w.astype(np.float64) for name, w in made.weights().items()})
    losses: list[float] = []
    for number, size in enumerate(SIZES):
        images, labels = batch(size, seed=number)
        part = made.share(size)
        step = made.step(images.astype(np.float64)[part], labels[part], 0.1 / (number + 1), size)
        losses += [step.loss, step.wrong]
    found["losses"] = np.array(losses)
    # Predictions are each process's own, of as many images as it likes.
    images, _ = batch(6, seed=99)
    found["probabilities"] = made.predict(images)
    made.predict(images[: 1 + made.crew.rank])
    state = made.rng_state()
    made.load_rng_state(state)
    made.load_optimizer_state(made.optimizer_state())
    for what, arrays in (("w", made.weights()), ("v", made.optimizer_state()), ("r", state)):
        found |= {f"{what}/{name}": array for name, array in arrays.items()}
    return found


if __name__ == "__main__":
    main()
