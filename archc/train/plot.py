"""The curves of several runs in one figure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from archc.diagnostics import Sink, printable
from archc.errors.training import NothingToDraw
from archc.train.figure import STYLE, marked
from archc.train.files import write_whole
from archc.train.record import Record

Quantity = Literal["error", "loss"]

# Okabe and Ito's colours, told apart by every kind of colour vision, but for yellow, which is
# too light for a line. In print the markers tell the runs apart.
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*", "p", "h")

MAX_RUNS = len(MARKERS)
"""How many runs a figure can keep apart."""

# What a file says about itself besides; the time it was made would make every file another one.
_UNDATED: dict[str, dict[str, None]] = {
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
    ".png": {},
}
SUFFIXES = tuple(_UNDATED)
"""The formats that can be written, by the ending of the file's name."""


def draw_runs(runs: Sequence[Record], target: Path, *, y: Quantity, title: str) -> None:
    """Errors (training dashed, held out solid) or training losses against epochs, to a file.

    The same runs give the same bytes with the same matplotlib. Raises `DiagnosticError` where a
    run has no epoch (E0821) or the file cannot be written (E0805).
    """
    sink = Sink()
    for run in runs:
        if not run.rows:
            sink.add(NothingToDraw(run=str(run.path)))
    sink.raise_if_failed()
    # Any: matplotlib's own types are incomplete. No pyplot: it keeps global state.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    mpl: Any = import_module("matplotlib")
    with mpl.rc_context(STYLE):
        entries = 2 * len(runs) if y == "error" else len(runs)
        figure: Any = Figure(figsize=(5.0, 3.0 + 0.17 * -(-entries // 2)), layout="constrained")
        FigureCanvasAgg(figure)
        axes: Any = figure.add_subplot()
        for run, name, colour, marker in zip(runs, labels(runs), _cycled(), MARKERS, strict=False):
            _draw(axes, run, name, y, color=colour, marker=marker)
        axes.set_xlabel("epoch")
        axes.set_ylabel("error (%)" if y == "error" else "loss")
        axes.set_ylim(bottom=0)
        axes.set_xlim(0.5, max(len(run.rows) for run in runs) + 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y", color="#DDDDDD", linewidth=0.6)
        axes.set_axisbelow(True)
        if title:
            axes.set_title(printable(title), loc="left", fontsize=10, parse_math=False)
        legend = figure.legend(
            loc="outside lower center", ncols=2, frameon=False, fontsize=8, handlelength=3
        )
        for text in legend.get_texts():
            text.set_parse_math(False)
        metadata = _UNDATED[target.suffix.lower()]
        write_whole(target, lambda beside: figure.savefig(beside, dpi=300, metadata=metadata))


def _draw(axes: Any, run: Record, name: str, y: Quantity, *, color: str, marker: str) -> None:
    """The curves of one run; a filled marker is for what was held out, an open one for training."""
    x = [row.epoch for row in run.rows]
    every = {"color": color, "marker": marker, "markersize": 4, "markevery": marked(x)}
    trained = {**every, "linestyle": (0, (4, 2)), "linewidth": 1.0, "markerfacecolor": "white"}
    if y == "loss":
        axes.plot(x, [row.loss for row in run.rows], label=f"{name}, training", **trained)
        return
    training = [100 * row.train_error for row in run.rows]
    axes.plot(x, training, label=f"{name}, training", **trained)
    if run.tested:
        at = [each.epoch for each in run.tested]
        errors = [100 * each.error for each in run.tested]
        label = f"{name}, {run.held_out} ({errors[-1]:.2f}%)"
        every["markevery"] = marked(at)
        axes.plot(at, errors, label=label, linestyle="-", linewidth=1.5, **every)


def labels(runs: Sequence[Record]) -> list[str]:
    """What each run is called: its net where that says which, else its folder, else its path."""
    for names in (
        [run.net for run in runs],
        [run.path.resolve().name for run in runs],
    ):
        if max(Counter(names).values()) == 1:
            return [printable(name) for name in names]
    return [printable(str(run.path)) for run in runs]


def _cycled() -> list[str]:
    return [COLOURS[i % len(COLOURS)] for i in range(MAX_RUNS)]
