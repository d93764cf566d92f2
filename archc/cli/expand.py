"""`archc expand`: a spec with everything written out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from archc.cli.common import add_spec, load
from archc.diagnostics import fail

_EPILOG = """\
What is printed is a spec of the same layers in the same order, and passes its own claims.

examples:
  archc expand vgg_d
  archc expand net.arch --set classes=10 -o net10.arch
"""


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    parser.description = (
        "Print SPEC without blocks, repeats, conditions, parameters and imports: what "
        "they\nstand for is written in their place."
    )
    parser.epilog = _EPILOG
    add_spec(parser)
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="write to FILE instead of standard output"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Expand and write."""
    from archc.errors.backends import CannotWrite
    from archc.expand import expanded

    text = expanded(load(arguments))
    if arguments.output is None:
        sys.stdout.write(text)
        return 0
    try:
        Path(arguments.output).write_text(text, "utf-8", newline="\n")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        fail(CannotWrite(path=arguments.output, reason=reason.lower()))
    return 0
