"""The figures of a net as a terminal shows them."""

from __future__ import annotations

from collections.abc import Container, Sequence

from archc.analysis.report import Report
from archc.diagnostics import printable
from archc.ops.base import written


def as_text(found: Report) -> str:
    """A row a layer, a row a labelled stage, and totals: what `archc params` prints."""
    parts = [printable(found.doc or found.net), "", table(*layer_rows(found))]
    if found.stages:
        parts += ["", table(*stage_rows(found))]
    totals = "\n".join(f"{name:<16}{value}" for name, value in total_rows(found))
    return "\n".join([*parts, "", totals, "", table(*memory_rows(found))])


def layer_rows(found: Report) -> tuple[Sequence[str], list[Sequence[str]]]:
    """The head and the rows of the table of layers."""
    rows: list[Sequence[str]] = [("input", "", written(found.input), "", "")]
    rows += [
        (
            layer.name,
            layer.op,
            written(layer.output),
            number(layer.params),
            number(layer.macs),
        )
        for layer in found.layers
    ]
    return ("layer", "op", "output", "params", "MACs"), rows


def stage_rows(found: Report) -> tuple[Sequence[str], list[Sequence[str]]]:
    """The head and the rows of the table of labelled stages."""
    rows: list[Sequence[str]] = [
        (
            stage.name,
            written(stage.output),
            number(stage.params),
            number(stage.macs),
        )
        for stage in found.stages
    ]
    return ("stage", "output", "params", "MACs"), rows


def total_rows(found: Report) -> list[tuple[str, str]]:
    """The totals of the net by name, its memory apart."""
    height, width = found.receptive_field
    field = str(height) if height == width else f"{height}x{width}"
    rows = [("params", f"{found.counts.params:,}"), ("MACs", f"{found.counts.macs:,}")]
    if found.has_heads:
        rows.insert(1, ("  without aux", f"{found.without_heads.params:,}"))
        rows.append(("  without aux", f"{found.without_heads.macs:,}"))
    return [
        *rows,
        ("FLOPs", f"{found.counts.flops:,}"),
        ("neurons", f"{found.counts.neurons:,}"),
        ("depth", f"{found.depth} weight layers"),
        ("receptive field", f"{field} pixels"),
    ]


def memory_rows(found: Report) -> tuple[Sequence[str], list[Sequence[str]]]:
    """The head and the rows of the table of memory, its total last."""
    inference, training = found.memory.inference, found.memory.training
    rows: list[Sequence[str]] = [
        (name, in_bytes(getattr(inference, name)), in_bytes(getattr(training, name)))
        for name in ("weights", "gradients", "momentum", "activations", "total")
    ]
    title = f"memory, batch {found.memory.batch}, {found.memory.precision}"
    return (title, "inference", "training"), rows


def in_bytes(count: int) -> str:
    """A size in the largest unit it fills: `11.07 MB`; nothing is a dash."""
    for scale, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= scale:
            return f"{count / scale:.4g} {unit}"
    return f"{count} bytes" if count else "-"


def number(count: int) -> str:
    """A count with its thousands apart; nothing is a dash."""
    return f"{count:,}" if count else "-"


FIGURES = ("output", "params", "MACs", "inference", "training")
"""Columns whose cells stand to the right."""


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, figures: Container[str] = FIGURES
) -> str:
    """Columns as wide as they need to be: names to the left, the figures named to the right."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(row: Sequence[str]) -> str:
        cells = [
            cell.rjust(width) if title in figures else cell.ljust(width)
            for title, cell, width in zip(head, row, widths, strict=True)
        ]
        return "  ".join(cells).rstrip()

    rule = "  ".join("-" * width for width in widths)
    return "\n".join([line(head), rule, *map(line, rows)])
