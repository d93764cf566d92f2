"""Where specs are found: a path as given, or the name of one that comes with archc."""

from __future__ import annotations

import os
from pathlib import Path

from archc.diagnostics import fail
from archc.errors import text as text_errors
from archc.parser import read
from archc.source import Source

_HERE = Path(__file__).resolve().parent
# Installed, the specs lie in the package; in a checkout, beside it.
FOLDERS = (_HERE / "specs", _HERE.parent / "specs")


def names() -> tuple[str, ...]:
    """The specs that come with archc."""
    found = {path.stem for folder in FOLDERS for path in folder.glob("*.arch")}
    return tuple(sorted(found))


def find(spec: str) -> Source:
    """The text of a spec: a path, or a name such as `alexnet`.

    Raises `DiagnosticError` where there is none or it cannot be read.
    """
    path = Path(spec)
    # os.path answers for a name that no file can have; pathlib raises.
    if path.suffix == ".arch" or "/" in spec or os.path.isfile(path):  # noqa: PTH113
        if path.stem in names() and not os.path.exists(path):  # noqa: PTH110
            # specs/alexnet.arch, said where no such folder is
            known = (path.stem,)
            fail(text_errors.CannotRead(path=spec, reason="there is no such file", known=known))
        return read(path, spec)
    for folder in FOLDERS:
        candidate = folder / f"{spec}.arch"
        if spec in names() and candidate.is_file():
            return read(candidate, f"specs/{spec}.arch")
    fail(text_errors.CannotRead(path=spec, reason="there is no such file or spec", known=names()))
