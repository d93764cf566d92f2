"""`make gpu` where there is no GPU, and its parts on a CPU."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import ModuleType

import pytest
import torch

TOOLS = Path(__file__).parent.parent.parent / "tools"


def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gpu", TOOLS / "gpu.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_nothing_is_run() -> None:
    done = subprocess.run(
        [sys.executable, TOOLS / "gpu.py"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    lines = done.stdout.splitlines()
    assert lines[1].startswith("torch ")
    assert lines[1].endswith(": no GPU")
    assert lines[2].startswith("jax ")
    assert lines[-1] == "There is no GPU here: nothing was run."


def test_what_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = tool()
    monkeypatch.setattr(made, "NEEDED", {"no_such_module": "no-such-package"})
    monkeypatch.setattr(sys, "argv", ["gpu.py"])
    assert made.main() == made.NOTHING_RUN
    assert "lacks no-such-package: nothing was run" in capsys.readouterr().out


def test_backends_are_found_without_an_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tool()

    def unknown(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(made, "version", unknown)
    environment = made.surroundings(tmp_path)
    assert str(tmp_path) in environment["PYTHONPATH"]
    # Only what is on that path: no installed packages.
    ask = "from importlib.metadata import entry_points as e, version as v; import sys; "
    ask += "print(sorted(x.name for x in e(group='archc.backends')), v('archc-nets'))"
    done = subprocess.run(
        [sys.executable, "-S", "-c", ask],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("['jax', 'torch'] ")


def test_the_table_of_speeds() -> None:
    words = ["--device", "cpu", "--nets", "lenet", "--batch", "4", "--steps", "1"]
    done = subprocess.run(
        [
            sys.executable,
            TOOLS / "bench_gpu.py",
            *words,
            "--ways",
            "torch",
            "--precisions",
            "fp32,bf16",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    first, head, *rows = done.stdout.splitlines()
    assert first == "batch 4, 1 steps, cpu"
    assert head.split() == ["net", "precision", "way", "images/s", "x", "fp32", "x", "torch", "MB"]
    assert [row.split()[:3] for row in rows] == [["lenet", p, "torch"] for p in ("fp32", "bf16")]
    assert rows[0].split()[4:] == ["1.00", "1.00", "-"]
