"""Two towers in PyTorch processes, each step computed in another way: leaves what it found.

python -m tests.towers.computing_script FOLDER
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from archc_torch import backend
from archc_torch.engine import TorchEngine
from archc_torch.processes import join

from archc.computing import Computing
from archc.driver import compile_graph, compile_tower
from archc.ir import Graph
from archc.trainable import trainable
from tests.parallel.forked import in_group
from tests.towers import nets

WAYS = {
    "fp32": Computing(),
    "recompute": Computing(recompute=True),
    "bf16": Computing(precision="bf16"),
    "fp16": Computing(precision="fp16", recompute=True),
}

STEPS = 6
LIMIT = 6.0
"""Seconds that one waits for another, where that is what is tried."""


def engine(graph: Graph, computing: Computing, *, towers: bool) -> TorchEngine:
    return backend.engine(
        compile_graph(graph, "torch"),
        graph,
        trainable(graph),
        device="cpu",
        seed=1,
        computing=computing,
        part=compile_tower(graph, "torch") if towers else None,
    )


def batch(graph: Graph, number: int) -> tuple[np.ndarray, np.ndarray]:
    images, labels = nets.batch(graph, 8, seed=number)
    return images.astype(np.float32), labels


def trained(graph: Graph, computing: Computing, *, towers: bool) -> dict[str, Any]:
    """Some steps, with the masks of dropout that follow from the seed."""
    made = engine(graph, computing, towers=towers)
    if computing.precision == "fp16":
        # Else the first steps are left out while the factor of the loss is found.
        state = made.optimizer_state()
        factor = {
            name: np.full_like(v, 2.0**8) for name, v in state.items() if name == "loss_scale"
        }
        made.load_optimizer_state(state | factor)
    torch.manual_seed(7)
    steps = [made.step(*batch(graph, number), 0.01, 8) for number in range(STEPS)]
    return {
        "losses": [step.loss for step in steps],
        "skipped": sum(step.skipped for step in steps),
        "predicted": made.predict(batch(graph, 99)[0]).tolist(),
        "weights": {name: array.tolist() for name, array in made.weights().items()},
    }


def spoilt(graph: Graph, *, towers: bool) -> dict[str, Any]:
    """A weight of the second tower that is no number, then one so large that it overflows; and
    weights that stay as they are."""
    found: dict[str, Any] = {}
    for name, value in (("weights", np.nan), ("output", 3e38)):
        made = engine(graph, Computing(), towers=towers)
        weights = {key: array.copy() for key, array in made.weights().items()}
        # The second tower's filters are the second half.
        weights["pair1.conv2.weight"][-1] = value
        made.load_weights(weights)
        step = made.step(*batch(graph, 0), 0.01, 8)
        after = made.weights()
        kept = [
            np.array_equal(after[key], array, equal_nan=True)
            for key, array in weights.items()
            if not key.endswith(("running_mean", "running_var"))
        ]
        fault = step.fault
        found[name] = [fault and fault.what, fault and list(fault.layers), all(kept)]
    return found


def member(rank: int, folder: Path) -> None:
    graph = nets.blocks()
    alone = {way: trained(graph, how, towers=False) for way, how in WAYS.items()}
    found: dict[str, Any] = {"alone": alone, "spoilt alone": spoilt(graph, towers=False)}
    join(60.0)
    found["apart"] = {way: trained(graph, how, towers=True) for way, how in WAYS.items()}
    found["spoilt"] = spoilt(graph, towers=True)
    (folder / f"{rank}.json").write_text(json.dumps(found))


def deserted(rank: int, folder: Path) -> None:
    """The second tower's process hangs in front of its first exchange."""
    graph = nets.blocks()
    join(LIMIT)
    made = engine(graph, Computing(), towers=True)
    if rank == 1:
        deadline = time.monotonic() + 5 * LIMIT
        while not (folder / "deserted.json").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        return
    began = time.monotonic()
    try:
        made.step(*batch(graph, 0), 0.01, 8)
    except RuntimeError as error:
        said = [time.monotonic() - began, str(error)]
        (folder / "deserted.json").write_text(json.dumps(said))


if __name__ == "__main__":
    there = Path(sys.argv[1])
    status = in_group(2, lambda rank: member(rank, there))
    sys.exit(status or in_group(2, lambda rank: deserted(rank, there)))
