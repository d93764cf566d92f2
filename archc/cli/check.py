"""`archc check`: validate specs and check their claims."""

from __future__ import annotations

import argparse
import json
import sys

from archc.diagnostics import DiagnosticError, as_json


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    parser.description = "Parse each SPEC, infer its shapes, and check every claim (expect) in it."
    parser.epilog = "examples:\n  archc check specs/*.arch\n  archc check --json net.arch"
    parser.add_argument(
        "specs",
        metavar="SPEC",
        nargs="+",
        help="an .arch file, or the name of a spec that comes with archc",
    )
    parser.add_argument(
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
    if arguments.json:
        print(json.dumps(faults, indent=2))
    return status
