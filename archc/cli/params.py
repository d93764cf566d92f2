"""`archc params`: every layer's shape, parameters and multiply-adds."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from archc.cli.common import add_spec, command, settings
from archc.ops.base import written

if TYPE_CHECKING:
    from archc.analysis.report import Report
    from archc.cli.common import Commands

_EPILOG = """\
MACs are the multiply-adds of conv and fc for one image, the figure that papers quote;
FLOPs are twice that plus everything else.

examples:
  archc params alexnet
  archc params vgg_d --set classes=10
  archc params alexnet --explain
  archc params specs/vgg_d.arch --json
"""


def add(commands: Commands) -> None:
    """Declare the subcommand."""
    parser = command(
        commands,
        "params",
        summary="print shapes, parameters and multiply-adds",
        description="Print a row a layer, totals by labelled stage, and totals.",
        epilog=_EPILOG,
    )
    add_spec(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON object instead")
    form.add_argument(
        "--explain", action="store_true", help="print the arithmetic behind each figure instead"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the figures of a spec."""
    from archc.analysis.arithmetic import explained
    from archc.analysis.report import as_json, report
    from archc.driver import load

    graph = load(arguments.spec, settings(arguments))
    if arguments.explain:
        print(explained(graph))
        return 0
    found = report(graph)
    print(json.dumps(as_json(found), indent=2) if arguments.json else text(found))
    return 0


def text(found: Report) -> str:
    """The report as a terminal shows it."""
    rows = [("input", "", written(found.input), "", "")]
    rows += [
        (
            layer.name,
            layer.op,
            written(layer.output),
            _number(layer.counts.params),
            _number(layer.counts.macs),
        )
        for layer in found.layers
    ]
    parts = [found.doc or found.net, "", _table(("layer", "op", "output", "params", "MACs"), rows)]
    if found.stages:
        stages = [
            (
                stage.name,
                written(stage.output),
                _number(stage.counts.params),
                _number(stage.counts.macs),
            )
            for stage in found.stages
        ]
        parts += ["", _table(("stage", "output", "params", "MACs"), stages)]
    return "\n".join([*parts, "", _totals(found)])


def _totals(found: Report) -> str:
    height, width = found.receptive_field
    field = str(height) if height == width else f"{height}x{width}"
    training = _bytes(found.memory.training)
    rows = [("params", f"{found.counts.params:,}"), ("MACs", f"{found.counts.macs:,}")]
    if found.has_heads:
        rows.insert(1, ("  without aux", f"{found.without_heads.params:,}"))
        rows.append(("  without aux", f"{found.without_heads.macs:,}"))
    rows += [
        ("FLOPs", f"{found.counts.flops:,}"),
        ("neurons", f"{found.counts.neurons:,}"),
        ("depth", f"{found.depth} weight layers"),
        ("receptive field", f"{field} pixels"),
        ("weights", f"{_bytes(found.memory.weights)} in float32"),
        (
            "activations",
            f"{_bytes(found.memory.inference)} an image at inference, {training} in training",
        ),
    ]
    return "\n".join(f"{name:<16}{value}" for name, value in rows)


def _bytes(count: int) -> str:
    for scale, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= scale:
            return f"{count / scale:.4g} {unit}"
    return f"{count} bytes"


def _number(count: int) -> str:
    return f"{count:,}" if count else "-"


_FIGURES = ("output", "params", "MACs")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they need to be: names to the left, figures to the right."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(row: Sequence[str]) -> str:
        cells = [
            cell.rjust(width) if title in _FIGURES else cell.ljust(width)
            for title, cell, width in zip(head, row, widths, strict=True)
        ]
        return "  ".join(cells).rstrip()

    rule = "  ".join("-" * width for width in widths)
    return "\n".join([line(head), rule, *map(line, rows)])
