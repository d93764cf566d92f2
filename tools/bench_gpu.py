"""Images a second and peak memory of training steps: nets x precisions x backends.

    python tools/bench_gpu.py [--nets alexnet,vgg_d,googlenet,resnet50] [--batch 128]
        [--precisions fp32,bf16,fp16] [--ways torch,compiled,jax] [--steps 20]
        [--device cuda|cpu] [--input 3x224x224] [--width 1]

A step is what `archc train` does with a batch: images go from the host's memory to the device,
forward, backward, the optimiser. Each row is a process of its own; three steps come before those
that are measured, and more until compiling is done. What is printed is the median over steps;
`x fp32` is the speed against the same way in fp32, `x torch` against PyTorch in the same precision.
Memory is the framework's own count of its peak on a GPU; on a CPU there is none.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from statistics import median
from typing import Any

NETS = ("alexnet", "vgg_d", "googlenet", "resnet50")
WAYS = ("torch", "compiled", "jax")
"""`compiled` is PyTorch with --compile."""

HEAD = (
    f"{'net':12} {'precision':9} {'way':9} {'images/s':>10} {'x fp32':>7} {'x torch':>8} {'MB':>8}"
)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--nets", default=",".join(NETS))
    parser.add_argument("--precisions", default="fp32,bf16,fp16")
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--input")
    parser.add_argument("--width", type=float)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one is not None:
        print(json.dumps(measured(json.loads(arguments.one))))
        return 0
    print(f"batch {arguments.batch}, {arguments.steps} steps, {arguments.device}")
    print(HEAD)
    failed = False
    for net in arguments.nets.split(","):
        speeds: dict[tuple[str, str], float] = {}
        for precision in arguments.precisions.split(","):
            for way in arguments.ways.split(","):
                asked = {
                    "net": net,
                    "precision": precision,
                    "way": way,
                    **{
                        name: getattr(arguments, name)
                        for name in ("batch", "steps", "device", "input", "width")
                    },
                }
                found = apart(asked)
                if "error" in found:
                    failed = True
                    print(f"{net:12} {precision:9} {way:9} failed: {found['error']}", flush=True)
                    continue
                speeds[precision, way] = found["speed"]
                print(row(net, precision, way, found, speeds), flush=True)
    return int(failed)


def row(
    net: str,
    precision: str,
    way: str,
    found: dict[str, Any],
    speeds: dict[tuple[str, str], float],
) -> str:
    """A line of the table."""

    def against(other: tuple[str, str]) -> str:
        return f"{found['speed'] / speeds[other]:.2f}" if other in speeds else "-"

    memory = f"{found['peak'] / 1e6:,.0f}" if found["peak"] else "-"
    return (
        f"{net:12} {precision:9} {way:9} {found['speed']:10,.1f} "
        f"{against(('fp32', way)):>7} {against((precision, 'torch')):>8} {memory:>8}"
    )


def apart(asked: dict[str, Any]) -> dict[str, Any]:
    """Measure in a process of its own: memory is counted from nothing."""
    command = [sys.executable, __file__, "--one", json.dumps(asked)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found
    return {"error": (done.stderr.strip().splitlines() or ["no reason given"])[-1]}


def measured(asked: dict[str, Any]) -> dict[str, float]:
    """The speed of one way, in images a second, and the peak of memory in bytes."""
    import numpy as np

    from archc import driver
    from archc.backend import backend
    from archc.computing import Computing
    from archc.trainable import trainable

    shape = tuple(map(int, asked["input"].split("x"))) if asked["input"] else None
    graph = driver.load(asked["net"], shape=shape, width=asked["width"])  # pyright: ignore[reportArgumentType]
    name = "jax" if asked["way"] == "jax" else "torch"
    engine = backend(name).engine(
        driver.compile_graph(graph, name),
        graph,
        trainable(graph),
        device=asked["device"],
        seed=0,
        computing=Computing(precision=asked["precision"], compile=asked["way"] == "compiled"),
    )
    rng = np.random.default_rng(0)
    size = asked["batch"]
    images = rng.standard_normal((size, *graph.input), np.float32)
    labels = rng.integers(0, graph.shape[0], size)
    seconds: list[float] = []
    for number in range(3 + asked["steps"]):
        start = time.perf_counter()
        step = engine.step(images, labels, 1e-4, size)
        if step.fault is not None:
            raise ValueError(f"a step is not finite: {step.fault}")
        if number >= 3:
            seconds.append(time.perf_counter() - start)
    return {"speed": size / median(seconds), "peak": peak(name, asked["device"])}


def peak(backend: str, device: str) -> int:
    """The most memory of the GPU that was used at once; 0 on a CPU."""
    if device == "cpu":
        return 0
    if backend == "torch":
        import torch

        return torch.cuda.max_memory_allocated()
    import jax

    return int(jax.local_devices()[0].memory_stats()["peak_bytes_in_use"])


if __name__ == "__main__":
    sys.exit(main())
