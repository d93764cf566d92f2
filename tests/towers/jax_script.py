"""A net's towers on JAX's CPU devices against one device, in float64: prints what it found.

python -m tests.towers.jax_script NET DEVICE SIZE,SIZE,... [resumed]
"""

from __future__ import annotations

import json
import re
import sys
from math import prod
from typing import Any

import jax
import numpy as np
from archc_jax import backend
from archc_jax.engine import JaxEngine

from archc.driver import compile_graph, compile_tower
from archc.ir import Graph
from archc.trainable import trainable
from tests.towers import nets

COLLECTIVE = re.compile(
    r"= (.*?) (all-gather|reduce-scatter|all-reduce|all-to-all|collective-permute)(?:-start)?\("
    r".*?replica_groups=(\S+?),? "
)


def engine(graph: Graph, device: str, *, towers: bool) -> JaxEngine:
    part = compile_tower(graph, "jax") if towers else None
    return backend.engine(
        compile_graph(graph, "jax"), graph, trainable(graph), device=device, seed=1, part=part
    )


def collectives(made: JaxEngine, images: np.ndarray, labels: np.ndarray) -> list[list[object]]:
    """Kind, devices of a group and bytes of each collective of the compiled step, which the engine
    then uses for batches of that size."""
    arrays = (made._parameters, made._others, made._optimizer, 0.1, made._arithmetic.factor)
    batch = (made._layout.place_batch(each, len(labels)) for each in (images, labels))
    others = made._step
    compiled = others.lower(*arrays, *batch).compile()

    def step(*given: Any) -> Any:
        return (compiled if len(given[-1]) == len(labels) else others)(*given)

    made._step = step  # pyright: ignore[reportAttributeAccessIssue]
    found: list[list[object]] = []
    for line in compiled.as_text().splitlines():
        match = COLLECTIVE.search(line + " ")
        if match:
            sizes = re.findall(r"[a-z](\d+)\[([\d,]*)\]", match[1])
            size = sum(
                int(bits) // 8 * prod(map(int, filter(None, axes.split(","))))
                for bits, axes in sizes
            )
            found.append([match[2], match[3], size])
    return found


def apart(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> float:
    assert a.keys() == b.keys()
    return max(float(np.abs(a[name] - b[name]).max()) for name in a)


def resumed(graph: Graph, device: str, sizes: list[int]) -> None:
    """A run that is left half way and goes on in another engine, in float32 as runs are."""
    whole = engine(graph, device, towers=True)
    half = len(sizes) // 2
    batches = [nets.batch(graph, size, seed=number) for number, size in enumerate(sizes)]

    def trained(made: JaxEngine, first: int, last: int) -> list[float]:
        return [
            made.step(images.astype(np.float32), labels, 0.02, len(labels)).loss
            for images, labels in batches[first:last]
        ]

    trained(whole, 0, half)
    kept = whole.weights(), whole.optimizer_state(), whole.rng_state()
    once = trained(whole, half, len(sizes))
    after = engine(graph, device, towers=True)
    after.load_weights(kept[0])
    after.load_optimizer_state(kept[1])
    after.load_rng_state(kept[2])
    twice = trained(after, half, len(sizes))
    parts = [
        (whole.weights(), after.weights()),
        (whole.optimizer_state(), after.optimizer_state()),
        (whole.rng_state(), after.rng_state()),
    ]
    same = [all(np.array_equal(one[name], two[name]) for name in one) for one, two in parts]
    print(json.dumps({"once": once, "twice": twice, "same": same, "chance": len(kept[2])}))


def main(net: str, device: str, counts: str, what: str = "") -> None:
    jax.config.update("jax_num_cpu_devices", int(device.partition(":")[2]))
    graph: Graph = getattr(nets, net)()
    sizes = [int(each) for each in counts.split(",")]
    if what:
        resumed(graph, device, sizes)
        return
    jax.config.update("jax_enable_x64", True)
    one, spread = engine(graph, "cpu", towers=False), engine(graph, device, towers=True)
    # The net that is split begins as the net that is not.
    started = apart(one.weights(), spread.weights())
    begin = {name: array.astype(np.float64) for name, array in one.weights().items()}
    rng = one.rng_state()
    losses: list[list[float]] = []
    wrong: list[bool] = []
    found: list[list[object]] = []
    for made in (one, spread):
        made.load_weights(begin)
    for number, size in enumerate(sizes):
        images, labels = nets.batch(graph, size, seed=number)
        if not found:
            found = collectives(spread, images, labels)
        steps = [made.step(images, labels, 0.02 / (number + 1), size) for made in (one, spread)]
        losses.append([step.loss for step in steps])
        wrong.append(steps[0].wrong == steps[1].wrong)
    images, _ = nets.batch(graph, 6, seed=99)
    held = {
        path: sorted({str(shard.data.shape) for shard in array.addressable_shards})
        for path, array in spread._parameters.items()
    }
    print(
        json.dumps(
            {
                "device": spread.device,
                "started": started,
                "losses": losses,
                "wrong": wrong,
                "collectives": found,
                "moved": apart(begin, one.weights()),
                "weights": apart(one.weights(), spread.weights()),
                "optimizer": apart(one.optimizer_state(), spread.optimizer_state()),
                "predicted": float(np.abs(one.predict(images) - spread.predict(images)).max()),
                "chance": apart(one.rng_state(), spread.rng_state()) if rng else 0.0,
                "held": held,
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
