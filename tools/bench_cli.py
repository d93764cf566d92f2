"""`archc params vgg_d` against a process that builds VGG-D in PyTorch and sums it up.

    python tools/bench_cli.py [--runs 9]

Both are whole processes, run in turn, so that a machine that slows down slows both. Printed are
the medians of wall time and of peak resident memory, and their ratios. The other process is what
one runs today: `torchinfo.summary` of the same net written as an `nn.Sequential`. As every
installed package is, archc is compiled to bytecode before.
"""

from __future__ import annotations

import argparse
import compileall
import importlib.util
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

TORCHINFO = """\
from torch import nn
from torchinfo import summary

layers, channels = [], 3
for width in (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0):
    if width:
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
        channels = width
    else:
        layers.append(nn.MaxPool2d(2, 2))
model = nn.Sequential(
    *layers,
    nn.Flatten(),
    nn.Linear(512 * 7 * 7, 4096), nn.ReLU(inplace=True), nn.Dropout(0.5),
    nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Dropout(0.5),
    nn.Linear(4096, 1000),
)
print(summary(model, (1, 3, 224, 224), verbose=0))
"""
PARAMS = "138,357,544"


def run(command: list[str]) -> tuple[float, float]:
    """Seconds and MB that a command takes; it has to print VGG-D's number of parameters."""
    with tempfile.TemporaryFile() as output:
        begin = time.perf_counter()
        child = os.posix_spawn(
            command[0],
            command,
            os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, output.fileno(), 1)],
        )
        _, status, usage = os.wait4(child, 0)
        seconds = time.perf_counter() - begin
        output.seek(0)
        if status or PARAMS not in output.read().decode():
            raise SystemExit(f"{' '.join(command[:3])} did not print {PARAMS}")
    return seconds, usage.ru_maxrss / 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--runs", type=int, default=9)
    runs: int = parser.parse_args().runs
    archc = shutil.which(
        "archc", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    )
    if archc is None:
        raise SystemExit("no archc beside this Python")
    for package in ("archc", "archc_torch"):
        found_at = importlib.util.find_spec(package)
        if found_at is None or found_at.submodule_search_locations is None:
            raise SystemExit(f"no {package} beside this Python")
        compileall.compile_dir(found_at.submodule_search_locations[0], quiet=1)
    commands = {
        "archc params vgg_d": [archc, "params", "vgg_d"],
        "PyTorch and torchinfo": [sys.executable, "-c", TORCHINFO],
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(runs + 1):
        for name, command in commands.items():
            found[name].append(run(command))
    medians: dict[str, tuple[float, float]] = {}
    for name, pairs in found.items():
        # The first of each fills the caches of the machine.
        seconds = statistics.median(pair[0] for pair in pairs[1:])
        memory = statistics.median(pair[1] for pair in pairs[1:])
        medians[name] = seconds, memory
        print(f"{name:<24}{seconds * 1000:8.0f} ms{memory:8.0f} MB")
    ours, theirs = medians.values()
    print(f"{'ratio':<24}{theirs[0] / ours[0]:8.1f}   {theirs[1] / ours[1]:8.1f}")


if __name__ == "__main__":
    main()
