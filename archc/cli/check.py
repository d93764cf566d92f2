"""`archc check`: validate specs and check their claims."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from archc.diagnostics import DiagnosticError, as_json, printable

if TYPE_CHECKING:
    from archc.claims import Claim


_EPILOG = """\
examples:
  archc check specs/*.arch
  archc check --claims vgg_d
  archc check --json net.arch
"""


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    parser.description = "Parse each SPEC, infer its shapes, and check every claim (expect) in it."
    parser.epilog = _EPILOG
    parser.add_argument(
        "specs",
        metavar="SPEC",
        nargs="+",
        help="an .arch file, or the name of a spec that comes with archc",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--claims",
        action="store_true",
        help="print each claim with what was found and the comment behind it",
    )
    form.add_argument(
        "--json",
        action="store_true",
        help="print the faults as one JSON list, for editors: code, severity, message, file, "
        "line, column, end_line, end_column, notes, help",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check all, and say what holds; faults of one spec do not keep the others from it."""
    from archc.driver import load

    specs: list[str] = arguments.specs
    faults: list[dict[str, object]] = []
    status = 0
    for spec in specs:
        try:
            graph = load(spec)
        except DiagnosticError as error:
            status = 1
            if arguments.json:
                faults += [as_json(diagnostic) for diagnostic in error.diagnostics]
            else:
                print(error, file=sys.stderr)
            continue
        if arguments.json:
            continue
        claims = len(graph.net.expects)
        said = "1 claim holds" if claims == 1 else f"{claims} claims hold"
        layers = sum(node.is_layer for node in graph.nodes)
        many = "1 layer" if layers == 1 else f"{layers} layers"
        print(f"{graph.source.name}: {graph.name}, {many}; {said}")
        if arguments.claims and claims:
            from archc.claims import claims as claims_of

            width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
            print(as_table(claims_of(graph), width))
    if arguments.json:
        print(json.dumps(faults, indent=2))
    return status


_LEAST = 24
"""A column of comments narrower than this is not worth having: they stand below then."""


def as_table(claims: Sequence[Claim], width: int | None) -> str:
    """A row a claim: its line, what was found, and its comment.

    Comments are wrapped to a terminal of that `width`; None is as wide as they need.
    """
    from archc.analysis.table import table

    head = ("line", "claim", "found")
    rows = [(str(each.line), printable(each.text), printable(each.found)) for each in claims]
    bare = table(head, rows, figures=("line", "found")).splitlines()
    lines, aside = bare[:2], max(map(len, bare)) + 2
    for row, claim in zip(bare[2:], claims, strict=True):
        comment = printable(claim.comment)
        if width is None:
            lines.append(f"{row.ljust(aside)}{comment}".rstrip())
        elif width - aside < _LEAST:
            below = textwrap.wrap(comment, max(width - len("line  "), _LEAST))
            lines += [row, *(" " * len("line  ") + part for part in below)]
        else:
            first, *more = textwrap.wrap(comment, width - aside) or [""]
            lines.append(f"{row.ljust(aside)}{first}".rstrip())
            lines += [" " * aside + part for part in more]
    return "\n".join(lines)
