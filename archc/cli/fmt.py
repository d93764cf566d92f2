"""`archc fmt`: specs in the one layout."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from archc.diagnostics import DiagnosticError, fail

_EPILOG = """\
Lines, comments and columns stay the author's: docs/language.md, "Layout". The graph is the same.

examples:
  archc fmt net.arch
  archc fmt --check specs/*.arch
  archc fmt - < net.arch
"""


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    parser.description = "Rewrite each FILE in the one layout of specs and name those that changed."
    parser.epilog = _EPILOG
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="an .arch file; - reads one and prints it"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; name the files that would change, with exit status 1 if any would",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Lay out all; faults of one file do not keep the others from it."""
    files: list[str] = arguments.files
    check: bool = arguments.check
    status = 0
    for name in files:
        try:
            changed = _standard_input(check) if name == "-" else _file(name, check)
        except DiagnosticError as error:
            print(error, file=sys.stderr)
            status = 1
            continue
        if changed:
            print("<stdin>" if name == "-" else name)
            status |= check
    return status


def _standard_input(check: bool) -> bool:
    """Print what comes in, laid out; True where it is only checked and would change."""
    from archc.layout import formatted
    from archc.parser import decoded

    data = sys.stdin.buffer.read()
    text = formatted(decoded(data, "<stdin>"))
    if check:
        return text.encode() != data
    sys.stdout.write(text)
    return False


def _file(name: str, check: bool) -> bool:
    """Whether a file is in another layout than its own; it is rewritten unless only checked."""
    from archc.errors.backends import CannotWrite
    from archc.layout import formatted
    from archc.parser import read

    # Behind a link stands the file that is meant, and the link stays one.
    path = Path(os.path.realpath(name))
    made = formatted(read(path, name)).encode()
    try:
        if made == path.read_bytes():
            return False
        if not check:
            _replace(path, made)
    except OSError as error:
        fail(CannotWrite(path=name, reason=(error.strerror or str(error)).lower()))
    return True


def _replace(path: Path, data: bytes) -> None:
    """Put other bytes in the place of a file's, all at once: nobody ever sees half of them."""
    handle, beside = tempfile.mkstemp(prefix=f".{path.name[:80]}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(beside).chmod(path.stat().st_mode & 0o7777)
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
