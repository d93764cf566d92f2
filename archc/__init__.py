"""archc: a compiler for the architecture specs of convolutional nets."""

from __future__ import annotations

__version__ = "0.1.0"
