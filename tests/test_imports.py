"""What may be loaded when: the compiler knows no framework, and commands load what they need."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import archc

FRAMEWORKS = "torch jax flax"


def loaded_after(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after the code."""
    script = f"import sys\n{code}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split("\n")[-2].split())


def test_no_module_of_archc_loads_a_framework() -> None:
    names = [info.name for info in pkgutil.walk_packages(archc.__path__, "archc.")]
    assert "archc.train.driver" in names
    assert "archc.data.pixels" in names
    loaded = loaded_after("\n".join(f"import {name}" for name in names))
    assert loaded.isdisjoint(FRAMEWORKS.split())
    assert "numpy" in loaded


def test_emitting_loads_no_framework() -> None:
    loaded = loaded_after(
        "from archc.driver import compile_graph, load\ncompile_graph(load('alexnet'), 'torch')"
    )
    assert "archc_torch" in loaded
    assert loaded.isdisjoint(FRAMEWORKS.split())


def test_params_loads_only_what_it_needs() -> None:
    loaded = loaded_after("from archc.cli import main\nmain(['params', 'vgg_d'])")
    unwanted = "numpy PIL networkx rich matplotlib sklearn scipy tensorboard safetensors".split()
    assert loaded.isdisjoint([*FRAMEWORKS.split(), *unwanted])
