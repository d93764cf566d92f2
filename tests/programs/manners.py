"""What holds for every emitted program's text: an expert's tools find nothing to say about it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BIN = Path(sys.executable).parent
RULES = "--select=E,F,W,I,UP,B,C4,RET,SIM,PIE,RUF"


def laid_out(folder: Path) -> None:
    """The programs of a folder are as the formatter would have them, at 88 columns, and pass the
    linter."""
    for words in (("format", "--diff"), ("check", RULES, "--line-length=88")):
        done = subprocess.run(
            [BIN / "ruff", words[0], "--isolated", *words[1:], folder],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout


def well_typed(folder: Path) -> None:
    """The programs of a folder pass the type checker, all of them."""
    config = folder / "pyrightconfig.json"
    config.write_text(json.dumps({"typeCheckingMode": "standard"}))
    done = subprocess.run(
        [BIN / "basedpyright", "--pythonpath", sys.executable, "-p", config, "--outputjson"],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    found = json.loads(done.stdout)
    assert found["generalDiagnostics"] == []
    assert found["summary"]["filesAnalyzed"] == len(list(folder.glob("*.py")))
