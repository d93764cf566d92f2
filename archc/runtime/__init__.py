"""What archc computes with and its programs carry along, at their 88 columns.

`archc.emit.carried` copies the source of what a program needs.
"""

from __future__ import annotations

from pathlib import Path

FILES = tuple(
    Path(__file__).with_name(name)
    for name in ("faults.py", "pixels.py", "images.py", "schedules.py")
)
"""The files that definitions are carried from, in the order that programs have them."""
