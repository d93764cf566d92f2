"""`archc compare`: two specs side by side."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from archc.diagnostics import printable

if TYPE_CHECKING:
    from archc.analysis.compare import Compared, Comparison, Total
    from archc.ops.base import Pair

_EPILOG = """\
A row is marked ~ where the layer changed, - where only A has it, + where only B has it, and not
at all where it is the same. Rows are weight layers, pools and norms; of activations, dropout and
the rest it is said which ones only one net has.

examples:
  archc compare vgg_a vgg_b
  archc compare alexnet_1tower zfnet --markdown
  archc compare mine.arch resnet18 --json
"""


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    parser.description = "Print the layers of two specs side by side, and totals with ratios."
    parser.epilog = _EPILOG
    what = "an .arch file, or the name of a spec that comes with archc"
    parser.add_argument("a", metavar="A", help=what)
    parser.add_argument("b", metavar="B", help="another, whose changes from A are shown")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="print Markdown tables instead")
    form.add_argument("--json", action="store_true", help="print one JSON object instead")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Compare and print."""
    from archc import driver
    from archc.analysis.compare import as_json, compare

    found = compare(driver.load(arguments.a), driver.load(arguments.b))
    if arguments.json:
        print(json.dumps(as_json(found), indent=2))
    else:
        print(as_markdown(found) if arguments.markdown else as_text(found))
    return 0


_Table = tuple[Sequence[str], list[Sequence[str]]]

_OF_A_LAYER = ("output", "params", "MACs", "field")
_FIGURES = (
    *(f"{figure} {side}" for side in "AB" for figure in _OF_A_LAYER),
    *("total A", "total B", "B/A"),
)


def as_text(found: Comparison) -> str:
    """What a terminal shows."""
    from archc.analysis.table import table

    parts = [*_titles(found), "", table(*_rows(found), figures=_FIGURES), ""]
    if others := _others(found):
        parts += [*others, ""]
    return "\n".join([*parts, table(*_totals(found), figures=_FIGURES)])


def as_markdown(found: Comparison) -> str:
    """The same as Markdown. A spec is from a stranger: every text of it is escaped."""
    parts = [*(f"- {_escaped(line)}" for line in _titles(found)), "", _markdown(*_rows(found)), ""]
    if others := _others(found):
        parts += [*(f"- {_escaped(line)}" for line in others), ""]
    return "\n".join([*parts, _markdown(*_totals(found))])


def _titles(found: Comparison) -> list[str]:
    nets = (("A", found.a), ("B", found.b))
    return [f"{side}: {printable(net.doc or net.net)}" for side, net in nets]


def _rows(found: Comparison) -> _Table:
    of_a, of_b = ([side, *(f"{figure} {side}" for figure in _OF_A_LAYER)] for side in "AB")
    return ("", *of_a, *of_b), [(row.mark, *_cells(row.a), *_cells(row.b)) for row in found.rows]


def _cells(compared: Compared | None) -> tuple[str, ...]:
    from archc.analysis.table import number
    from archc.ops.base import written

    if compared is None:
        return ("",) * (1 + len(_OF_A_LAYER))
    layer = compared.layer
    name = printable(f"{layer.name}: {compared.text}")
    figures = (written(layer.output), number(layer.params), number(layer.macs))
    return name, *figures, _field(layer.receptive_field)


def _field(field: Pair) -> str:
    """A receptive field: one number where it is square."""
    from archc.ops.base import written

    return written(field[:1] if field[0] == field[1] else field)


def _others(found: Comparison) -> list[str]:
    sides = (("A", found.others_a), ("B", found.others_b))
    return [printable(f"also only in {side}: {', '.join(texts)}") for side, texts in sides if texts]


_NAMES = {
    "macs": "MACs",
    "params_without_aux": "params without aux",
    "macs_without_aux": "MACs without aux",
    "receptive_field": "receptive field",
}


def _totals(found: Comparison) -> _Table:
    heads = found.a.has_heads or found.b.has_heads
    shown = [each for each in found.totals if heads or not each.name.endswith("_without_aux")]
    return ("", "total A", "total B", "B/A"), [_total(each) for each in shown]


def _total(total: Total) -> Sequence[str]:
    figures = [
        f"{figure:,}" if isinstance(figure, int) else _field(figure)
        for figure in (total.a, total.b)
    ]
    ratio = "-" if total.ratio is None else f"{total.ratio:,.3f}"
    return (_NAMES.get(total.name, total.name), *figures, ratio)


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = ["---:" if title in _FIGURES else "---" for title in head]
    # The first cell is a mark or the name of a total: our own words.
    lines = [head, rule, *([row[0], *map(_escaped, row[1:])] for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


_MEANS_SOMETHING = re.compile(r"[\\`*_<>\[\]|~]|&(?=[#\w])")
"""What Markdown would read as its own."""


def _escaped(text: str) -> str:
    return _MEANS_SOMETHING.sub(r"\\\g<0>", text)
