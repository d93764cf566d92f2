"""What may be loaded when: the compiler knows no framework, and commands load what they need."""

from __future__ import annotations

import os
import pkgutil
import subprocess
import sys

import pytest

import archc

FRAMEWORKS = "torch jax flax optax"


def modules_after(code: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after the code."""
    script = f"import sys\n{code}\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split("\n")[-2].split())


def loaded_after(code: str) -> set[str]:
    """The top-level modules among them."""
    return {name.partition(".")[0] for name in modules_after(code)}


def test_no_module_of_archc_loads_a_framework() -> None:
    names = [info.name for info in pkgutil.walk_packages(archc.__path__, "archc.")]
    assert "archc.train.driver" in names
    assert "archc.runtime.pixels" in names
    loaded = loaded_after("\n".join(f"import {name}" for name in names))
    assert loaded.isdisjoint(FRAMEWORKS.split())
    assert "numpy" in loaded


def test_the_package_alone_loads_no_library() -> None:
    loaded = loaded_after("import archc\narchc.__version__, dir(archc)")
    assert loaded.isdisjoint(["pydantic", "lark", "numpy", *FRAMEWORKS.split()])


def test_a_net_loads_no_framework_before_it_becomes_a_module() -> None:
    loaded = loaded_after("import archc\nnet = archc.load('lenet')\nnet.source('torch'), str(net)")
    assert "archc_torch" in loaded
    assert loaded.isdisjoint([*FRAMEWORKS.split(), "numpy"])


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_emitting_loads_no_framework(name: str) -> None:
    loaded = loaded_after(
        f"from archc.driver import compile_graph, load\ncompile_graph(load('alexnet'), '{name}')"
    )
    assert f"archc_{name}" in loaded
    assert loaded.isdisjoint(FRAMEWORKS.split())


def test_params_loads_only_what_it_needs() -> None:
    loaded = loaded_after("from archc.cli import main\nmain(['params', 'vgg_d'])")
    unwanted = "numpy PIL networkx rich matplotlib sklearn scipy tensorboard safetensors".split()
    assert loaded.isdisjoint([*FRAMEWORKS.split(), *unwanted])


def commands_after(*argv: str) -> set[str]:
    """The modules of `archc.cli` that a command line loads."""
    code = f"""import contextlib
from archc.cli import main
with contextlib.suppress(SystemExit):
    main({list(argv)})"""
    names = modules_after(code)
    return {name.removeprefix("archc.cli.") for name in names if name.startswith("archc.cli.")}


def test_only_the_command_that_is_asked_for_is_loaded() -> None:
    assert commands_after("--help") == set()
    assert commands_after("parms", "lenet") == set()
    assert commands_after("ops") == {"ops"}
    assert commands_after("check", "lenet") == {"check"}
    assert commands_after("params", "lenet") == {"params", "common"}


def test_help_needs_no_library() -> None:
    loaded = loaded_after("import archc.cli\narchc.cli.make_parser(()).format_help()")
    assert loaded.isdisjoint(["pydantic", "lark", *FRAMEWORKS.split()])


def test_our_own_process_is_tuned_and_no_other() -> None:
    """Only where `main` reads the process's own command line."""
    code = """import gc, os
from archc.cli import main
def tuned(): return "PYDANTIC_DISABLE_PLUGINS" in os.environ, not gc.isenabled()
main(["explain", "E0203"]); assert tuned() == (False, False)
sys.argv = ["archc", "explain", "E0203"]; main(); assert tuned() == (True, True)"""
    subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}"],
        check=True,
        stdout=subprocess.DEVNULL,
        env={k: v for k, v in os.environ.items() if k != "PYDANTIC_DISABLE_PLUGINS"},
    )


def test_training_keeps_the_collector() -> None:
    code = "import gc\nfrom archc.cli import main\nsys.argv = ['archc', 'train', 'nonet']"
    loaded = loaded_after(f"{code}\nassert main() == 1 and gc.isenabled()")
    assert "archc" in loaded
