"""The learning curve of a run, as a figure fit for a paper."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

from archc.train.figure import STYLE, marked
from archc.train.files import write_whole
from archc.train.metrics import EpochMetrics, tested

# Okabe and Ito's blue and vermilion, told apart by every kind of colour vision; line style
# and markers tell them apart in print.
TRAINING, HELD_OUT, QUIET = "#0072B2", "#D55E00", "#666666"

MAX_RATE_MARKS = 6


def draw_curve(name: str, epochs: Sequence[EpochMetrics], held_out: str, directory: Path) -> None:
    """Training and held-out error against epochs, to `curve.svg` and `curve.png`.

    Where the learning rate changed there is a thin line, unless it changed so often that
    lines would hide the curves. Raises `DiagnosticError` (E0805).
    """
    # Any: matplotlib's own types are incomplete. No pyplot: it keeps global state.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    mpl: Any = import_module("matplotlib")
    x = [e.epoch for e in epochs]
    training = [100 * e.train_error for e in epochs]
    measured = tested(epochs)
    with mpl.rc_context(STYLE):
        figure: Any = Figure(figsize=(5.0, 3.2), layout="constrained")
        FigureCanvasAgg(figure)
        axes: Any = figure.add_subplot()
        marks: dict[str, Any] = {"markersize": 3, "linewidth": 1.5}
        axes.plot(
            x, training, "--s", color=TRAINING, label="training", markevery=marked(x), **marks
        )
        if measured:
            at = [each.epoch for each in measured]
            errors = [100 * each.score.error for each in measured]
            label = f"{held_out} ({errors[-1]:.2f}% at the end)"
            axes.plot(at, errors, "-o", color=HELD_OUT, label=label, markevery=marked(at), **marks)
        changes = sum(before.lr != after.lr for before, after in pairwise(epochs))
        for before, after in pairwise(epochs):
            if before.lr != after.lr and changes <= MAX_RATE_MARKS:
                axes.axvline(after.epoch - 0.5, color=QUIET, linewidth=0.6, linestyle=":", zorder=0)
                axes.annotate(
                    f"lr {after.lr:.3g}",
                    (after.epoch - 0.5, 1.0),
                    xycoords=("data", "axes fraction"),
                    xytext=(2, -2),
                    textcoords="offset points",
                    rotation=90,
                    ha="left",
                    va="top",
                    fontsize=6.5,
                    color=QUIET,
                )
        axes.set_xlabel("epoch")
        axes.set_ylabel("error (%)")
        axes.set_ylim(bottom=0)
        axes.set_xlim(0.5, max(x) + 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y", color="#DDDDDD", linewidth=0.6)
        axes.set_axisbelow(True)
        # parse_math off: a net may be called anything that the language allows.
        axes.set_title(name, loc="left", fontsize=10, pad=18, parse_math=False)
        axes.legend(
            loc="lower right",
            bbox_to_anchor=(1.0, 1.0),
            ncols=2,
            frameon=False,
            borderaxespad=0.2,
            columnspacing=1.2,
        )
        svg, png = directory / "curve.svg", directory / "curve.png"
        write_whole(svg, lambda beside: figure.savefig(beside, metadata={"Date": None}))
        write_whole(png, lambda beside: figure.savefig(beside, dpi=300))
