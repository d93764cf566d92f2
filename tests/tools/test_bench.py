"""The benchmarks run, and refuse a wrong answer; what they measure is nobody's test."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from archc.driver import check
from archc.source import Source

TOOLS = Path(__file__).parent.parent.parent / "tools"


def tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, TOOLS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("layers", [2, 20, 1234])
@pytest.mark.parametrize("shape", ["chain", "blocks in blocks", "repeat"])
def test_the_nets_have_so_many_layers(shape: str, layers: int) -> None:
    text = tool("bench_scale").SHAPES[shape](layers)
    graph = check(Source("n.arch", text))
    assert [node.op.word for node in graph.nodes if node.op] == ["conv", "relu"] * (layers // 2)


def test_scale() -> None:
    command = [sys.executable, str(TOOLS / "bench_scale.py"), "--layers", "10"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = done.stdout.splitlines()
    assert [re.split(r"\s{2,}", row)[:2] for row in rows[1:]] == [
        ["chain", "10"],
        ["blocks in blocks", "10"],
        ["repeat", "10"],
    ]


@pytest.mark.slow
def test_cli() -> None:
    command = [sys.executable, str(TOOLS / "bench_cli.py"), "--runs", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert re.search(r"^ratio\s+[\d.]+\s+[\d.]+$", done.stdout, re.MULTILINE)


def test_a_command_that_prints_something_else_is_refused() -> None:
    with pytest.raises(SystemExit, match="did not print"):
        tool("bench_cli").run([sys.executable, "-c", "print(1)"])


def test_data() -> None:
    command = [sys.executable, str(TOOLS / "bench_data.py")]
    few = ["--images", "6", "--epochs", "1", "--workers", "1"]
    done = subprocess.run([*command, *few], capture_output=True, text=True, check=True)
    assert (
        len(re.findall(r"^(decoding|epoch), .* \d+ images/s .* ms ", done.stdout, re.MULTILINE))
        == 5
    )
