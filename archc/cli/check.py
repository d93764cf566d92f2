"""`archc check`: validate specs and check their claims."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from archc.cli.common import command
from archc.diagnostics import DiagnosticError

if TYPE_CHECKING:
    from archc.cli.common import Commands


def add(commands: Commands) -> None:
    """Declare the subcommand."""
    parser = command(
        commands,
        "check",
        summary="validate specs and check what they expect",
        description="Parse each SPEC, infer its shapes, and check every claim (expect) in it.",
        epilog="example:\n  archc check specs/*.arch",
    )
    parser.add_argument(
        "specs",
        metavar="SPEC",
        nargs="+",
        help="an .arch file, or the name of a spec that comes with archc",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check all, and say what holds; faults of one spec do not keep the others from it."""
    from archc.driver import load

    specs: list[str] = arguments.specs
    status = 0
    for spec in specs:
        try:
            graph = load(spec)
        except DiagnosticError as error:
            print(error, file=sys.stderr)
            status = 1
            continue
        claims = len(graph.net.expects)
        said = "1 claim holds" if claims == 1 else f"{claims} claims hold"
        print(f"{graph.source.name}: {graph.name}, {len(graph.nodes) - 1} layers; {said}")
    return status
