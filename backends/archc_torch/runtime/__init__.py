"""What emitted programs carry along."""

from __future__ import annotations

from pathlib import Path

FUNCTIONS = Path(__file__).with_name("functions.py")
TRAINING = Path(__file__).with_name("training.py")
"""What only those carry that train."""

TOWERS = Path(__file__).with_name("towers.py")
"""The same for programs of one tower."""
