"""Looking for the first number that is none, or is infinite, by computing a step again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from archc.not_finite import Seen

Odd = dict[str, dict[str, jax.Array]]
"""By layer, and by the fields of `archc.not_finite.Seen`: whether something is not finite."""


class Probe(nnx.Module):
    """A layer, in its place, that says what goes in and what comes out."""

    def __init__(self, layer: nnx.Module, see: Callable[[jax.Array, jax.Array], jax.Array]) -> None:
        self.layer = layer
        self.see = see

    def __call__(self, x: jax.Array) -> jax.Array:
        # Any: what a layer is called with is its own.
        layer: Any = self.layer
        return self.see(x, layer(x))


def probed(
    model: nnx.Module,
    keys: Mapping[str, str],
    added: Mapping[str, jax.Array] | None,
    left: dict[str, jax.Array],
) -> Odd:
    """Look at every layer with weights in a net that is about to be applied in a trace.

    What leaves a layer is put in `left`. `added`, zeros of its shape, is added to it: the
    gradient of what is added is that of what leaves. Gives what is seen, once it is applied.
    """
    paths = {name.rpartition(".")[0]: key.rpartition(".")[0] for name, key in keys.items()}
    seen: Odd = {}
    for layer, path in paths.items():
        *above, last = path.split(".")
        holder: Any = model
        for part in above:
            holder = holder[int(part)] if part.isdigit() else getattr(holder, part)
        within: Any = holder[int(last)] if last.isdigit() else getattr(holder, last)
        probe = Probe(within, _see(layer, within, added, left, seen))
        if last.isdigit():
            holder[int(last)] = probe
        else:
            setattr(holder, last, probe)
    return seen


def _see(
    layer: str,
    module: nnx.Module,
    added: Mapping[str, jax.Array] | None,
    left: dict[str, jax.Array],
    seen: Odd,
) -> Callable[[jax.Array, jax.Array], jax.Array]:
    def see(x: jax.Array, y: jax.Array) -> jax.Array:
        weights = jax.tree.leaves(nnx.state(module, nnx.Param))
        seen[layer] = {
            "weights": jnp.stack([odd(w) for w in weights]).any() if weights else jnp.array(False),
            "arrives": odd(x),
            "leaves": odd(y),
        }
        left[layer] = y
        return y if added is None else y + added[layer]

    return see


Measured = Callable[
    [dict[str, jax.Array], dict[str, jax.Array] | None],
    tuple[jax.Array, tuple[Odd, dict[str, jax.Array], list[jax.Array]]],
]
"""The loss by parameters and by what is added to layers; what `probed` has seen and what left
the layers; of the logits, whether each is odd."""


def looked(
    measured: Measured, parameters: dict[str, jax.Array], keys: Mapping[str, str]
) -> tuple[Odd, list[jax.Array]]:
    """What is seen on the way forward, and the gradients on the way back."""
    shapes = jax.eval_shape(lambda: measured(parameters, None))[1][1]
    added = {layer: jnp.zeros(left.shape, left.dtype) for layer, left in shapes.items()}
    found = jax.grad(measured, argnums=(0, 1), has_aux=True)(parameters, added)
    (of_weights, of_outputs), (seen, _, ends) = found
    for layer, slope in of_outputs.items():
        seen[layer]["slope"] = odd(slope)
    for name, path in keys.items():
        if path in of_weights:
            here = seen[name.rpartition(".")[0]]
            here["slopes"] = odd(of_weights[path]) | here.get("slopes", jnp.array(False))
    return seen, ends


def odd(array: jax.Array) -> jax.Array:
    """Whether a number is none, or infinite."""
    return ~jnp.isfinite(array).all()


def counted(found: Mapping[str, Mapping[str, np.ndarray]], seen: Mapping[str, Seen]) -> None:
    """Add what one piece of a batch has shown."""
    for layer, each in found.items():
        for what, is_odd in each.items():
            setattr(seen[layer], what, getattr(seen[layer], what) + int(is_odd))
