"""Weights between a net of Flax NNX and the canonical layout.

Canonical arrays are PyTorch's: conv weights (out, in, H, W), those of fc (out, in). Flax keeps
conv kernels as (H, W, in, out) and those of Linear as (in, out). So an array of four axes is
stored with them in the order 2, 3, 1, 0, one of two is transposed, and the rest is as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import jax
import numpy as np
from flax import nnx

from archc.weights import check_names


def stored(array: np.ndarray) -> np.ndarray:
    """A copy of an array of the canonical layout as Flax has it, in float32 at least."""
    turned = array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T
    # Of NumPy's making: JAX would compile a conversion for every shape.
    return turned.astype(np.result_type(array.dtype, np.float32), order="C")


def canonical(array: jax.Array) -> np.ndarray:
    """The inverse of `stored`: a copy, which does not change under the next step."""
    plain = np.asarray(array)
    turned = plain.transpose(3, 2, 0, 1) if plain.ndim == 4 else plain.T
    return np.array(turned, order="C")


def by_path(state: nnx.State) -> dict[str, nnx.Variable[jax.Array]]:
    """The variables of a net or of a part of its state: `{"stage1.layers.0.conv1.kernel": ...}`."""
    return {joined(path): variable for path, variable in nnx.to_flat_state(state)}


def joined(path: Iterable[object]) -> str:
    """A path of Flax, `("stage1", "layers", 0)`, as `Program.keys` has it."""
    return ".".join(map(str, path))


def dump(model: nnx.Module, keys: Mapping[str, str]) -> dict[str, np.ndarray]:
    """Every parameter and statistic by canonical name, in the canonical layout."""
    variables = by_path(nnx.state(model))
    return {name: canonical(variables[key].get_value()) for name, key in keys.items()}


def load(model: nnx.Module, keys: Mapping[str, str], arrays: Mapping[str, np.ndarray]) -> None:
    """Replace every parameter and statistic. Raises `DiagnosticError` (E0604).

    Arrays of 64 bits stay so where JAX was told to know them (`jax_enable_x64`), and the net
    computes in them then; all others become float32.
    """
    state = nnx.state(model)
    variables = by_path(state)
    check_names({name: array.shape for name, array in dump(model, keys).items()}, arrays)
    for name, array in arrays.items():
        variables[keys[name]].set_value(jax.device_put(stored(array)))
    nnx.update(model, state)
