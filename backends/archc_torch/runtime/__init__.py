"""What emitted programs carry along."""

from __future__ import annotations

from pathlib import Path

FUNCTIONS = Path(__file__).with_name("functions.py")

TOWERS = Path(__file__).with_name("towers.py")
"""The same for programs of one tower."""
