"""A name that is no word of the language works, whatever it means in Python or PyTorch."""

from __future__ import annotations

import keyword
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from archc.cli import main
from archc.syntax import RESERVED

KEYWORDS = set(keyword.kwlist + keyword.softkwlist) - RESERVED
BUILTINS = set("print range len super type object self cls int isinstance property".split())
MODULE = set(
    "forward training _parameters _modules weight bias predict parameters register_buffer apply "
    "children dump_patches T_destination train eval to half __init__ __call__ __dict__".split()
)
PROGRAM = set(
    "torch nn F Tensor Module Sequential math x out main build model Net Test f tensor".split()
)
# What is called or counted by these names in expressions, and what repeats are named by.
LANGUAGE = set("min max floor ceil len width repeat1 elif for while".split())
SPELLINGS = {"a", "_", "__", "_1", "A", "conv9", "__class__", "O0", "l" * 100}
NAMES = sorted(KEYWORDS | BUILTINS | MODULE | PROGRAM | LANGUAGE | SPELLINGS)

SPECS = {
    "labels": """
net test(classes = 6) {{
  input(3x8x8)
  {0}: conv(3, 1, 4, pad=same) relu
  other: c3(5)
  concat {{ | {0}_: {{ conv(1, 1, 4) }} | c3(2) }}
  fc(classes) softmax
  expect {0}.output == 4x8x8
}}
block c3(n) {{ {0}: conv(3, 1, n, pad=same) relu }}
""",
    "blocks": """
net test(classes = 6) {{
  input(3x8x8)
  first: {0}(4) relu {0}(classes)
  fc(classes) softmax
}}
block {0}(n) {{ conv(3, 1, n, pad=same) relu }}
""",
    "parameters": """
net test({0} = 6) {{
  input(3x8x8)
  c3({0}) c3({0} = 3) c3({0} + 1)
  fc({0}) softmax
}}
block c3({0}, n = {0} * 2) {{ conv(3, 1, {0}, pad=same) relu conv(1, 1, n) }}
""",
    "nets": """
net {0} {{
  input(3x8x8)
  c3(4) fc(6) softmax
}}
block c3(n) {{ conv(3, 1, n, pad=same) relu }}
""",
}

# Many programs in one process, since loading PyTorch takes longer than running any of them.
RUN = """
import runpy, sys, traceback
failed = []
for program in sys.argv[1:]:
    try:
        runpy.run_path(program, run_name="__main__")
    except Exception:
        failed.append(program + traceback.format_exc(limit=-2))
sys.exit("\\n".join(failed) or 0)
"""


def programs_run(role: str, names: Sequence[str], folder: Path) -> None:
    """Compile nets in which these names have a role, and run their programs."""
    programs: list[str] = []
    for i, name in enumerate(names):
        spec, program = folder / f"{i}.arch", folder / f"program_{i}.py"
        spec.write_text(SPECS[role].format(name[:99] if role == "labels" else name))
        assert main(["params", str(spec)]) == 0, name
        assert main(["compile", str(spec), "--backend", "torch", "-o", str(program)]) == 0, name
        programs.append(str(program))
    done = subprocess.run(
        [sys.executable, "-c", RUN, *programs],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("(1, 6), ") == len(names)


@pytest.mark.parametrize("role", SPECS)
def test_names(role: str, tmp_path: Path) -> None:
    programs_run(role, NAMES, tmp_path)
