"""Emitted programs as their readers meet them, in every framework."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from archc.ir import Graph
from archc.ops import OPS
from archc.ops.exchange import EXCHANGES, TowerDropout
from archc.ops.linear import SlidingFc
from archc.ops.merge import Skip
from tests import nets
from tests.nets import GOOGLENET, ROOT, SMALL, spec
from tests.programs.emitting import EMIT, EMITTERS, program, tower_program
from tests.programs.manners import laid_out, well_typed
from tests.towers.nets import mixed, three

GOLDEN = Path(__file__).parent.parent / "golden"
SPECS = {path.stem: path for path in nets.SPECS}
GOLDENS = {
    "torch": (
        "lenet",
        "alexnet",
        "alexnet_towers",
        "vgg_d",
        "googlenet",
        "resnet18",
        "resnet50",
        "mobilenet_v3_large",
        "densenet121",
        "unet",
        "zfnet",
        "vgg_a_lrn",
    ),
    "jax": (
        "lenet",
        "alexnet",
        "alexnet_towers",
        "googlenet",
        "resnet50",
        "mobilenet_v3_large",
        "unet",
        "convnext_tiny",
    ),
}
"""The programs that are kept to be read: one of each kind."""

# archc, its backends and the other framework cannot be imported where this runs.
ALONE = """
import runpy, sys
for name in ("archc", "archc_torch", "archc_jax", "lark", "pydantic", sys.argv[2]):
    sys.modules[name] = None
runpy.run_path(sys.argv[1], run_name="__main__")
"""


@pytest.mark.parametrize(
    ("backend", "name"), [(backend, name) for backend in GOLDENS for name in GOLDENS[backend]]
)
def test_golden(backend: str, name: str, update_golden: bool) -> None:
    """Read by a person when it changes: `pytest --update-golden`."""
    emitted = tower_program if name.endswith("_towers") else program
    text = emitted(backend, spec(SPECS[name.removesuffix("_towers")])).text
    path = GOLDEN / backend / f"{name}.py"
    if update_golden:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8")


@pytest.mark.parametrize(
    ("backend", "name", "line"),
    [
        ("torch", "lenet", "(1, 10), 61,706 parameters"),
        ("torch", "alexnet", "(1, 1000), 60,965,224 parameters"),
        ("torch", "vgg_d", "(1, 1000), 138,357,544 parameters"),
        ("torch", "googlenet", "(1, 1000), 13,378,280 parameters"),
        ("jax", "lenet", "(1, 10), 61,706 parameters"),
        ("jax", "alexnet", "(1, 1000), 60,965,224 parameters"),
        pytest.param(
            "jax", "googlenet", "(1, 1000), 13,378,280 parameters", marks=pytest.mark.slow
        ),
    ],
)
def test_runs_without_archc(backend: str, name: str, line: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.py"
    path.write_text(program(backend, spec(SPECS[name])).text, "utf-8")
    other = {"torch": "jax", "jax": "torch"}[backend]
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(path), other],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout == f"{line}\n"


@pytest.mark.parametrize("backend", EMIT)
def test_laid_out_as_the_formatter_would(backend: str, tmp_path: Path) -> None:
    _write_every_program(backend, tmp_path)
    laid_out(tmp_path)


@pytest.mark.parametrize("backend", EMIT)
@pytest.mark.parametrize("which", ["small", pytest.param("all", marks=pytest.mark.slow)])
def test_passes_the_type_checker(backend: str, which: str, tmp_path: Path) -> None:
    if which == "all":
        _write_every_program(backend, tmp_path)
    else:
        _write(SMALL, backend, tmp_path)
    well_typed(tmp_path)


def _write(graphs: Mapping[str, Graph], backend: str, folder: Path) -> None:
    for name, graph in graphs.items():
        file = folder / f"{name.replace(' ', '_').replace('-', '_')}.py"
        file.write_text(program(backend, graph).text, "utf-8")


def _write_every_program(backend: str, folder: Path) -> None:
    """The programs of all specs and small nets, and of single towers."""
    _write({**{name: spec(path) for name, path in SPECS.items()}, **SMALL}, backend, folder)
    for name, graph in {
        "alexnet": spec(SPECS["alexnet"]),
        "mixed": mixed(),
        "three": three(),
    }.items():
        file = folder / f"{name}_towers.py"
        file.write_text(tower_program(backend, graph).text, "utf-8")


@pytest.mark.parametrize("backend", EMIT)
def test_the_same_to_the_byte_wherever_it_is_compiled(backend: str, tmp_path: Path) -> None:
    code = f"""
from collections.abc import Mapping
from pathlib import Path
from tests.nets import spec
from tests.programs.emitting import program
print(program({backend!r}, spec(Path({str(GOOGLENET)!r}))).text)
"""
    texts = set()
    for seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            check=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        texts.add(done.stdout)
    assert len(texts) == 1


@pytest.mark.parametrize("backend", EMITTERS)
def test_every_op_has_an_emitter(backend: str) -> None:
    assert set(EMITTERS[backend]) == {*OPS.values(), Skip, SlidingFc, *EXCHANGES, TowerDropout}
