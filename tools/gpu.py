"""Everything that needs a GPU: the tests marked `gpu`, then a table of speeds.

    python tools/gpu.py [--device cuda|cpu] [--tests-only] [BENCH_OPTION...]

It takes the Python that it is run with and installs nothing: archc is found where this file lies,
whether it is installed or not. What follows `--` goes to tools/bench_gpu.py. `--device cpu` runs
the same on the CPU, to see that it works.

Exit status: 0 all is well, 1 a test failed, 3 there is no GPU or a package is missing, and nothing
was run.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import tomllib
from importlib.metadata import PackageNotFoundError, entry_points, version
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

NEEDED = {
    "torch": "torch",
    "jax": "jax",
    "flax": "flax",
    "optax": "optax",
    "numpy": "numpy",
    "pydantic": "pydantic",
    "typing_extensions": "typing-extensions",
    "safetensors": "safetensors",
    "PIL": "pillow",
    "rich": "rich",
    "tensorboard": "tensorboard",
    "matplotlib": "matplotlib",
    "pytest": "pytest",
}
"""Modules, and the packages that they come in."""

NOTHING_RUN = 3


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--tests-only", action="store_true")
    parser.add_argument("--bench-only", action="store_true")
    parser.add_argument("bench", nargs="*", help="options of tools/bench_gpu.py, after --")
    arguments = parser.parse_args()
    missing = [package for module, package in NEEDED.items() if find_spec(module) is None]
    if missing:
        print(f"{sys.executable} lacks {', '.join(missing)}: nothing was run")
        return NOTHING_RUN
    if arguments.device == "cuda" and not said_of_gpus():
        return NOTHING_RUN
    with tempfile.TemporaryDirectory(prefix="archc-gpu-") as folder:
        environment = surroundings(Path(folder))
        failed = False
        if not arguments.bench_only:
            tests = ["-m", "pytest", "-m", "gpu", "tests/gpu", "-p", "no:cacheprovider"]
            where = [f"--gpu-tests-on={arguments.device}"]
            failed = run([*tests, *where], environment)
        if not arguments.tests_only:
            bench = ["tools/bench_gpu.py", "--device", arguments.device, *arguments.bench]
            failed = run(bench, environment) or failed
    return int(failed)


def said_of_gpus() -> bool:
    """Whether a framework sees a GPU; what each of them sees is printed."""
    import torch

    seen = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    # In a process of its own: JAX would hold the GPU's memory.
    ask = "import jax; print(len([d for d in jax.devices() if d.platform == 'gpu']))"
    asked = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=False)
    jax_sees = int(asked.stdout or 0) if asked.returncode == 0 else 0
    print(f"Python {sys.version.split()[0]} ({sys.executable})")
    print(f"torch {version('torch')}: {', '.join(seen) or 'no GPU'}")
    print(f"jax {version('jax')}: {f'GPUs: {jax_sees}' if jax_sees else 'no GPU'}")
    if not seen and not jax_sees:
        print("There is no GPU here: nothing was run.")
    return bool(seen or jax_sees)


def surroundings(folder: Path) -> dict[str, str]:
    """The environment in which this checkout is what `import archc` finds, with its backends."""
    paths = [str(ROOT), str(ROOT / "backends")]
    try:
        version("archc-nets")
        known = bool(entry_points(group="archc.backends"))
    except PackageNotFoundError:
        known = False
    if not known:
        # As an installation would leave it: the backends are found by their entry points.
        about = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
        info = folder / f"archc_nets-{about['version']}.dist-info"
        info.mkdir()
        name = f"Metadata-Version: 2.1\nName: archc-nets\nVersion: {about['version']}\n"
        (info / "METADATA").write_text(name, "utf-8")
        found = about["entry-points"]["archc.backends"]
        lines = [f"{backend} = {place}" for backend, place in found.items()]
        (info / "entry_points.txt").write_text("\n".join(["[archc.backends]", *lines]) + "\n")
        paths.append(str(folder))
    before = os.environ.get("PYTHONPATH")
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([*paths, *([before] if before else [])]),
        # Both frameworks share a GPU in the tests: JAX must not take it whole.
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "XLA_FLAGS": os.environ.get("XLA_FLAGS", ""),
    }


def run(words: list[str], environment: dict[str, str]) -> bool:
    """Run Python on them; whether that failed."""
    done = subprocess.run([sys.executable, *words], cwd=ROOT, env=environment, check=False)
    return done.returncode != 0


if __name__ == "__main__":
    sys.exit(main())
