"""Weights by their canonical names: the one form that backends and files share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from archc.diagnostics import fail
from archc.errors.backends import OtherWeights

if TYPE_CHECKING:
    import numpy as np


def check_names(shapes: Mapping[str, tuple[int, ...]], arrays: Mapping[str, np.ndarray]) -> None:
    """Raises `DiagnosticError` (E0604) unless the arrays have exactly these names and shapes."""
    missing = tuple(sorted(shapes.keys() - arrays.keys()))
    extra = tuple(sorted(arrays.keys() - shapes.keys()))
    reshaped = tuple(
        f"{name} ({'x'.join(map(str, array.shape))})"
        for name, array in arrays.items()
        if name in shapes and array.shape != shapes[name]
    )
    if missing or extra or reshaped:
        fail(OtherWeights(missing=missing, extra=extra, reshaped=reshaped))
