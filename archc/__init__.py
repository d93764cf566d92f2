"""archc: a compiler for the architecture specs of convolutional nets.

`archc.load("alexnet")` is a net by path or name, `archc.parse(text)` one from a string
(docs/python.md). What they need is imported when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archc.diagnostics import DiagnosticError
    from archc.net import Layer, Net, load, parse

__all__ = ["DiagnosticError", "Layer", "Net", "__version__", "load", "parse"]

__version__ = "0.1.0"

_HOMES = {
    "DiagnosticError": "archc.diagnostics",
    "Layer": "archc.net",
    "Net": "archc.net",
    "load": "archc.net",
    "parse": "archc.net",
}
"""Where each public name comes from."""

if not TYPE_CHECKING:  # for a type checker there would be every name

    def __getattr__(name: str) -> object:
        """A public name, on its first use. Raises `AttributeError` for any other."""
        if name not in _HOMES:
            raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
        return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return list(__all__)
