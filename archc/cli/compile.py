"""`archc compile`: a standalone program."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from archc.cli.common import add_spec, load
from archc.cli.jobs import add_parallel
from archc.diagnostics import fail

_EPILOG = """\
The program imports nothing but its framework. Run it to see its output's shape and count.
With --train it also holds the recipe: python FILE DATA trains by it.

examples:
  archc compile vgg_d --backend torch -o vgg_d.py
  archc compile alexnet --backend torch --set classes=10
  archc compile alexnet --backend torch --train -o alexnet.py
  archc compile alexnet --backend jax --parallel towers
"""


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    parser.description = "Compile SPEC to a standalone program of readable code."
    parser.epilog = _EPILOG
    add_spec(parser)
    parser.add_argument(
        "--backend", metavar="NAME", required=True, help="the framework to write for: torch, jax"
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="write to FILE instead of standard output"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--no-aux", action="store_true", help="leave out auxiliary heads, as at inference"
    )
    form.add_argument(
        "--train",
        action="store_true",
        help="write the net and its recipe as one program, which trains on a folder of images",
    )
    form.add_argument(
        "--dense",
        action="store_true",
        help="write the net for whole images of any size: fc as convolutions, the scores averaged "
        "over all places, without auxiliary heads",
    )
    add_parallel(parser)
    parser.set_defaults(run=partial(run, parser))


def run(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    """Compile and write."""
    from archc.driver import compile_dense, compile_graph, compile_tower, compile_training
    from archc.errors.backends import CannotWrite

    if arguments.dense and arguments.parallel == "towers":
        parser.error("argument --parallel: the net for whole images has no towers")
    if arguments.train and arguments.parallel == "towers":
        parser.error("argument --parallel: a program that trains holds all towers")
    graph = load(arguments)
    if arguments.parallel == "towers":
        program = compile_tower(graph, arguments.backend, heads=not arguments.no_aux)
    elif arguments.dense:
        _, program = compile_dense(graph, arguments.backend)
    elif arguments.train:
        program = compile_training(graph, arguments.backend)
    else:
        program = compile_graph(graph, arguments.backend, heads=not arguments.no_aux)
    if arguments.output is None:
        sys.stdout.write(program.text)
        return 0
    try:
        Path(arguments.output).write_text(program.text, "utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        fail(CannotWrite(path=arguments.output, reason=reason.lower()))
    return 0
