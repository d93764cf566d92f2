"""What the figures of runs have in common."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any

STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    # Fixed, so that the same run gives the same file.
    "svg.hashsalt": "archc",
    # Text stays text: to be found, copied and set in the reader's own fonts.
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
}
"""matplotlib's settings."""


def marked(points: Sized) -> int:
    """Every how many points a marker stands, so that about a dozen do."""
    return max(1, len(points) // 12)
