"""`archc ops`: the op library."""

from __future__ import annotations

import argparse
import inspect
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archc.ops.base import Op


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    parser.description = "List the op library, or print an op's arguments and meaning."
    parser.epilog = "examples:\n  archc ops\n  archc ops lrn"
    parser.add_argument("name", metavar="NAME", nargs="?", help="the op to explain")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the list, or one op. Raises `DiagnosticError` for an op that there is not."""
    from archc.binding import signature
    from archc.diagnostics import fail
    from archc.errors.names import UnknownForm
    from archc.ops import OPS

    if arguments.name is None:
        width = max(len(signature(op)) for op in OPS.values())
        for op in OPS.values():
            print(f"{signature(op):<{width}}  {_meaning(op).splitlines()[0]}")
        return 0
    word: str = arguments.name.lower()
    if word not in OPS:
        fail(UnknownForm(name=arguments.name, kind="op", known=tuple(OPS)))
    print(f"{signature(OPS[word])}\n\n{_meaning(OPS[word])}")
    return 0


def _meaning(op: type[Op]) -> str:
    return inspect.cleandoc(op.__doc__ or "")
