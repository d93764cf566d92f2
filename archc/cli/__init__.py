"""The command `archc`. Each subcommand lives in a file of its own and loads what it needs."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Sequence

from archc import __version__
from archc.diagnostics import DiagnosticError
from archc.errors.backends import CannotWrite

COMMANDS = ("check", "params", "compile", "train", "ops", "explain")

_DESCRIPTION = """\
A compiler for the architecture specs of convolutional nets: a text that reads like the
paper becomes exact counts, a standalone program, and a trained net.
"""
_EPILOG = """\
SPEC is the path of an .arch file, or the name of a spec that comes with archc (alexnet).
Exit status: 0 all is well, 1 the spec or the job failed, 2 the command line is wrong.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line. Errors go to stderr; the exit status is returned."""
    # Names that the terminal's encoding cannot show are escaped, not a crash.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    arguments = _parser().parse_args(argv)
    try:
        status: int = arguments.run(arguments)
        sys.stdout.flush()
    except DiagnosticError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output has gone (`archc params vgg_d | head`): so do we, quietly.
        _abandon_output()
        return 141
    except OSError as error:
        # Files are guarded where they are used: what is left is our own output, a full disk.
        _abandon_output()
        reason = error.strerror or str(error)
        print(CannotWrite(path="the output", reason=reason.lower()), file=sys.stderr)
        return 1
    return status


def _abandon_output() -> None:
    """What is still to be written goes nowhere, so that leaving does not fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="archc",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"archc {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in COMMANDS:
        importlib.import_module(f"archc.cli.{name}").add(commands)
    return parser
