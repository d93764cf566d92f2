"""A net's towers in PyTorch processes against one process, in float64: each leaves what it found.

python -m tests.towers.torch_script PROCESSES FOLDER NET SIZE,SIZE,...
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch.distributed as dist
from archc_torch import backend
from archc_torch.engine import TorchEngine
from archc_torch.processes import join, leave

from archc.driver import compile_graph, compile_tower
from archc.ir import Graph
from archc.trainable import trainable
from tests.parallel.forked import in_group
from tests.towers import nets

Seen = list[list[object]]


def engine(graph: Graph, *, towers: bool) -> TorchEngine:
    part = compile_tower(graph, "torch") if towers else None
    made = backend.engine(
        compile_graph(graph, "torch"), graph, trainable(graph), device="cpu", seed=1, part=part
    )
    made.model.double()
    return made


def trained(graph: Graph, made: TorchEngine, sizes: list[int]) -> dict[str, Any]:
    """Losses of some steps, and all that there is afterwards."""
    steps: list[list[float]] = []
    for number, size in enumerate(sizes):
        images, labels = nets.batch(graph, size, seed=number)
        mine = made.share(size)
        step = made.step(images[mine], labels[mine], 0.02 / (number + 1), size)
        steps.append([step.loss, step.wrong])
    images, _ = nets.batch(graph, 6, seed=99)
    return {
        "steps": steps,
        "predicted": made.predict(images).tolist(),
        "weights": {name: array.tolist() for name, array in made.weights().items()},
        "state": {name: array.tolist() for name, array in made.optimizer_state().items()},
    }


def counted(seen: Seen) -> Callable[[], None]:
    """Note every collective: its kind, the ranks and the bytes of what it gives."""
    kinds = {
        "all_gather": ("all-gather", lambda args: sum(part.nbytes for part in args[0])),
        "reduce_scatter": ("reduce-scatter", lambda args: args[0].nbytes),
        "all_reduce": ("all-reduce", lambda args: args[0].nbytes),
    }
    before = {name: getattr(dist, name) for name in kinds}

    def noted(name: str) -> Callable[..., Any]:
        kind, size = kinds[name]

        def call(*args: Any, **named: Any) -> Any:
            group = named.get("group", args[2] if len(args) > 2 else None)
            seen.append([kind, dist.get_process_group_ranks(group), size(args)])
            return before[name](*args, **named)

        return call

    for name in kinds:
        setattr(dist, name, noted(name))

    def restore() -> None:
        for name, function in before.items():
            setattr(dist, name, function)

    return restore


def member(rank: int, folder: Path, net: str, sizes: list[int]) -> None:
    graph: Graph = getattr(nets, net)()
    alone = engine(graph, towers=False)
    begun, chance = alone.weights(), alone.rng_state()
    one = trained(graph, alone, sizes)
    join(60.0)
    made = engine(graph, towers=True)
    started = made.weights()
    same = all(np.array_equal(started[name], array) for name, array in begun.items())
    chances = all(np.array_equal(made.rng_state()[key], chance[key]) for key in chance)
    # The net is built before the first step's collectives are counted.
    _ = made._net
    seen: Seen = []
    restore = counted(seen)
    images, labels = nets.batch(graph, sizes[0], seed=0)
    mine = made.share(sizes[0])
    first = engine_step(made, images[mine], labels[mine], sizes[0])
    restore()
    again = engine(graph, towers=True)
    found = {
        "device": made.device,
        "started": same,
        "chance": chances,
        "one": one,
        "spread": trained(graph, again, sizes),
        "first": first,
        "collectives": seen,
        "held": {name: list(p.shape) for name, p in made.model.named_parameters()},
    }
    # Half way through, and on from there in other engines: to the bit in towers, closely in one.
    half = len(sizes) // 2
    before = engine(graph, towers=True)
    trained(graph, before, sizes[:half])
    kept = before.weights(), before.optimizer_state(), before.rng_state()
    after, further = engine(graph, towers=True), before
    after.load_weights(kept[0])
    after.load_optimizer_state(kept[1])
    for name, on in (("further", further), ("resumed", after)):
        # Chance is the process's own, not the engine's.
        on.load_rng_state(kept[2])
        found[name] = trained(graph, on, sizes[half:])
    leave()
    if rank == 0:
        single = engine(graph, towers=False)
        single.load_weights(kept[0])
        single.load_optimizer_state(kept[1])
        single.load_rng_state({"0/cpu": kept[2]["0/cpu"]})
        found["alone"] = trained(graph, single, sizes[half:])
    (folder / f"{rank}.json").write_text(json.dumps(found))


def engine_step(made: TorchEngine, images: np.ndarray, labels: np.ndarray, size: int) -> float:
    return made.step(images, labels, 0.02, size).loss


if __name__ == "__main__":
    processes, there, kind, counts = sys.argv[1:]
    given = (Path(there), kind, [int(each) for each in counts.split(",")])
    sys.exit(in_group(int(processes), lambda rank: member(rank, *given)))
