"""The command `archc`. Each subcommand lives in a file of its own and loads what it needs."""

from __future__ import annotations

import argparse
import atexit
import gc
import importlib
import io
import os
import sys
from collections.abc import Container, Sequence

from archc import __version__
from archc.diagnostics import DiagnosticError

COMMANDS = {
    "check": "validate specs and check what they expect",
    "params": "print shapes, parameters and multiply-adds",
    "compare": "print two specs side by side",
    "plan": "print what training on several devices takes",
    "compile": "print a standalone program",
    "train": "train a net by its recipe",
    "evaluate": "measure weights on the images held out",
    "runs": "list runs and their errors",
    "plot": "draw the curves of runs in one figure",
    "fmt": "lay specs out in one way",
    "expand": "print a spec with everything written out",
    "ops": "list the ops, or explain one",
    "explain": "explain an error by its code",
    "completion": "print a script that completes command lines",
}
"""Every subcommand, `archc/cli/NAME.py`, and its line in `archc --help`."""

_DESCRIPTION = """\
A compiler for the architecture specs of convolutional nets: a text that reads like the
paper becomes exact counts, a standalone program, and a trained net.
"""
_EPILOG = """\
SPEC is the path of an .arch file, or the name of a spec that comes with archc (alexnet).
Exit status: 0 all is well, 1 the spec or the job failed, 2 the command line is wrong.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line, by default the process's own. Errors go to stderr; the exit status is
    returned."""
    words = sys.argv[1:] if argv is None else argv
    # No option before the command takes a value: the first word is the command.
    asked = next((word for word in words if not word.startswith("-")), "")
    if argv is None:
        _hurry(asked)
    # Names that the terminal's encoding cannot show are escaped, not a crash.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    arguments = make_parser({asked}).parse_args(words)
    arguments.words = tuple(words)
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
        from archc.errors.backends import CannotWrite

        # Files are guarded where they are used: what is left is our own output, a full disk.
        _abandon_output()
        reason = error.strerror or str(error)
        print(CannotWrite(path="the output", reason=reason.lower()), file=sys.stderr)
        return 1
    return status


def _hurry(command: str) -> None:
    """What makes a process of our own start sooner; another's process is not ours to tune."""
    # Looking for pydantic's plugins, of which we use none, reads the metadata of everything
    # that is installed: 16 ms.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    if command not in ("train", "evaluate"):
        # The rest read a spec, print and leave: nothing is worth collecting, nor at the end.
        gc.disable()
        atexit.register(gc.freeze)


def _abandon_output() -> None:
    """What is still to be written goes nowhere, so that leaving does not fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def make_parser(wanted: Container[str]) -> argparse.ArgumentParser:
    """The parser of the command line. All commands have their line in its help; only those
    wanted are imported and have their arguments."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="archc", description=_DESCRIPTION, epilog=_EPILOG, formatter_class=_Help
    )
    parser.add_argument("--version", action="version", version=f"archc {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, formatter_class=form)
        if name in wanted:
            importlib.import_module(f"archc.cli.{name}").declare(command)
    return parser


class _Help(argparse.RawDescriptionHelpFormatter):
    """Help whose second column leaves room for the commands.

    argparse reckons that column without the indentation of commands, and would break the line
    after the longest.
    """

    def __init__(self, prog: str) -> None:
        super().__init__(prog)
        self._action_max_length = 4 + max(map(len, COMMANDS))
