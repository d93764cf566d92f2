"""`archc plot`: the curves of several runs in one figure."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from archc.diagnostics import printable

_EPILOG = """\
Training is dashed with open markers, what was held out solid with filled ones; behind its name
stands the error after the last epoch. The same runs give the same file, to the byte.

examples:
  archc plot runs/cifar_relu-20261121-101500 runs/cifar_tanh-20261121-103000
  archc plot first second third -o learning.pdf --title "Three seeds"
  archc plot run --y loss -o loss.png
"""


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    parser.description = "Draw the errors or the losses of runs against their epochs."
    parser.epilog = _EPILOG
    parser.add_argument("runs", metavar="RUN", nargs="+", help="the folder of a run")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=_figure,
        default=Path("plot.svg"),
        help="the figure, .svg, .pdf or .png (plot.svg)",
    )
    parser.add_argument(
        "--y",
        choices=("error", "loss"),
        default="error",
        help="training and test error (the default), or training loss",
    )
    parser.add_argument("--title", metavar="TEXT", default="", help="above the curves")
    parser.set_defaults(run=partial(run, parser))


def run(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    """Draw, and say what was drawn."""
    from archc.diagnostics import DiagnosticError, Sink
    from archc.train.plot import MAX_RUNS, draw_runs
    from archc.train.record import Record, read_record

    if len(arguments.runs) > MAX_RUNS:
        parser.error(f"argument RUN: a figure can keep {MAX_RUNS} runs apart")
    sink = Sink()
    records: list[Record] = []
    for path in arguments.runs:
        try:
            records.append(read_record(Path(path)))
        except DiagnosticError as error:
            sink.extend(error)
    sink.raise_if_failed()
    draw_runs(records, arguments.output, y=arguments.y, title=arguments.title)
    what = "1 run" if len(records) == 1 else f"{len(records)} runs"
    print(printable(f"{what} drawn in {arguments.output}"))
    return 0


def _figure(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() not in (".svg", ".pdf", ".png"):
        raise argparse.ArgumentTypeError(f"'{printable(text)}' is no .svg, .pdf or .png")
    return path
