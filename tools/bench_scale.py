"""What reading, expanding and counting a net costs as it grows.

    python tools/bench_scale.py [--layers 1000 10000 50000]

Nets of so many layers, as a chain that is written out, as blocks in blocks, and by `repeat`,
each in a process of its own: `archc params --json` on it, start of Python included. Printed are
seconds, microseconds a layer beyond what the smallest net costs, and peak memory.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

LAYER = "conv(1, 1, 8)"
PARAMS = 8 * 8 + 8


def chain(layers: int) -> str:
    return "net n {\n  input(8x32x32)\n" + f"  {LAYER} relu\n" * (layers // 2) + "}\n"


def blocks(layers: int) -> str:
    """Blocks of ten of the block below, the remainder in the net."""
    text = [f"block b0 {{ {LAYER} relu }}"]
    calls: list[str] = []
    rest, level = layers // 2, 0
    while rest:
        rest, few = divmod(rest, 10)
        calls.append(f"b{level} " * few)
        if rest:
            text.append(f"block b{level + 1} {{ {f'b{level} ' * 10} }}")
        level += 1
    return "net n {\n  input(8x32x32)\n  " + "\n  ".join(calls) + "\n}\n" + "\n".join(text) + "\n"


def repeat(layers: int) -> str:
    return (
        "net n {\n  input(8x32x32)\n"
        f"  repeat({layers // 2}) {{ b }}\n}}\nblock b {{ {LAYER} relu }}\n"
    )


SHAPES = {"chain": chain, "blocks in blocks": blocks, "repeat": repeat}


def measure(archc: str, text: str, layers: int) -> tuple[float, float]:
    """Seconds and MB of `archc params` on a spec; its counts have to be right."""
    with tempfile.TemporaryDirectory() as folder:
        spec, output = Path(folder) / "n.arch", Path(folder) / "out.json"
        spec.write_text(text, "utf-8")
        begin = time.perf_counter()
        child = os.posix_spawn(
            archc,
            [archc, "params", "--json", str(spec)],
            os.environ,
            file_actions=[(os.POSIX_SPAWN_OPEN, 1, str(output), os.O_WRONLY | os.O_CREAT, 0o600)],
        )
        _, status, usage = os.wait4(child, 0)
        seconds = time.perf_counter() - begin
        found = json.loads(output.read_text("utf-8")) if status == 0 else {}
    if found.get("params") != layers // 2 * PARAMS or len(found["layers"]) != layers:
        raise SystemExit(f"archc counted {found.get('params')} in {layers} layers")
    return seconds, usage.ru_maxrss / 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--layers", type=int, nargs="+", default=[1000, 10_000, 50_000])
    sizes: list[int] = parser.parse_args().layers
    archc = shutil.which(
        "archc", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    )
    if archc is None:
        raise SystemExit("no archc beside this Python")
    print(f"{'shape':<18}{'layers':>8}{'seconds':>10}{'us a layer':>12}{'MB':>7}")
    for name, shape in SHAPES.items():
        start, _ = measure(archc, shape(2), 2)
        for layers in sizes:
            seconds, memory = measure(archc, shape(layers), layers)
            each = (seconds - start) / layers * 1e6
            print(f"{name:<18}{layers:>8}{seconds:>10.2f}{each:>12.1f}{memory:>7.0f}")


if __name__ == "__main__":
    main()
