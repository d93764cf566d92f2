"""The figures of a net as a notebook shows them: HTML without colours, styles or scripts of ours
beyond alignment, so that it reads well in light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from archc.analysis.report import Report
from archc.analysis.table import FIGURES, layer_rows, memory_rows, stage_rows, total_rows


def as_html(found: Report) -> str:
    """The tables of `archc params`. A spec is from a stranger: every text of it is escaped."""
    tables = [_table(*layer_rows(found), caption=found.doc or found.net)]
    if found.stages:
        tables.append(_table(*stage_rows(found)))
    tables += [_table(("total", "value"), total_rows(found)), _table(*memory_rows(found))]
    return f"<div>{''.join(tables)}</div>"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], *, caption: str = "") -> str:
    """Names to the left, figures to the right."""
    styles = [_RIGHT if title in (*FIGURES, "value") else _LEFT for title in head]
    title = f'<caption style="{_LEFT}">{escape(caption)}</caption>' if caption else ""
    body = "".join(_row("td", row, styles) for row in rows)
    return f"<table>{title}<thead>{_row('th', head, styles)}</thead><tbody>{body}</tbody></table>"


def _row(tag: str, cells: Sequence[str], styles: Sequence[str]) -> str:
    texts = "".join(
        f'<{tag} style="{style}">{escape(cell)}</{tag}>'
        for cell, style in zip(cells, styles, strict=True)
    )
    return f"<tr>{texts}</tr>"


_LEFT = "text-align: left"
_RIGHT = "text-align: right"
