"""`archc explain`: the page of an error."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

_HERE = Path(__file__).resolve().parent.parent
# Installed, the page lies in the package; in a checkout, beside it.
PAGES = (_HERE / "docs" / "errors.md", _HERE.parent / "docs" / "errors.md")


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    parser.description = "Print what an error means, with an example: its entry in docs/errors.md."
    parser.epilog = "example:\n  archc explain E0203"
    parser.add_argument("code", metavar="CODE", help="the code in brackets, such as E0203")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the entry. Raises `DiagnosticError` (E0004) for a code that there is not."""
    from archc.diagnostics import fail
    from archc.errors.text import UnknownCode

    code: str = arguments.code.upper()
    known = entries()
    if code not in known:
        fail(UnknownCode(name=arguments.code, known=tuple(known)))
    print(f"{code}: {known[code].strip()}")
    return 0


def entries() -> dict[str, str]:
    """The entries of the page by their codes."""
    text = next(page for page in PAGES if page.is_file()).read_text("utf-8")
    return dict(re.findall(r"^### (E\d{4}): (.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL))
