"""What archc says of specs and jobs, a file a family, a frozen dataclass an error.

A family is loaded when one of its errors is made: a run without a fault pays for none. So the
compiler says `from archc.errors import shapes as shape_errors`, and `shape_errors.TooLarge`.
"""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archc.errors import backends, claims, data, names, recipes, shapes, text, towers, training

__all__ = ["backends", "claims", "data", "names", "recipes", "shapes", "text", "towers", "training"]


def __getattr__(name: str) -> ModuleType:
    """A family of errors, not yet run. Raises `AttributeError` for any other name."""
    path = f"{__name__}.{name}"
    spec = importlib.util.find_spec(path) if name in __all__ else None
    if spec is None or spec.loader is None:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = sys.modules[path] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    globals()[name] = module
    return module
