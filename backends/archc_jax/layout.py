"""Where the arrays of training lie on a mesh of devices: all of them on every one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from archc_jax.devices import DATA

Specs = tuple[Any, ...]
"""How the arguments of a function lie: a tree of `PartitionSpec`s for each."""

WHOLE = PartitionSpec()


class Layout:
    """Every device has all weights, and a share of the images."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self.replicas: int = mesh.shape[DATA]
        """Among how many a batch is shared out."""
        self.shared_out: NamedSharding | PartitionSpec = NamedSharding(mesh, PartitionSpec(DATA))
        """How the step's own arrays of images lie, within the step."""

    def sharding(self, tree: Any) -> Any:
        """How a tree of arrays lies: parameters, or what keeps arrays by the same paths."""
        return NamedSharding(self.mesh, WHOLE)

    def place(self, tree: Any) -> Any:
        """A tree of arrays, put where they lie."""
        return jax.device_put(tree, self.sharding(tree))

    def share(self, count: int) -> slice:
        """The part of a batch of so many images that this process is given."""
        return slice(count)

    def whole(self, share: np.ndarray, count: int) -> np.ndarray:
        """The batch of which every process has its share."""
        return share

    def place_batch(self, share: np.ndarray, count: int) -> jax.Array:
        """Images or labels of a batch of `count`, of which this process has its share: a part on
        each replica where they come out even, else all on each, of which the compiled step takes
        its part."""
        spec = PartitionSpec(DATA) if count % self.replicas == 0 else WHOLE
        return jax.device_put(share, NamedSharding(self.mesh, spec))

    @property
    def here(self) -> Layout:
        """The layout of this process's devices alone."""
        return self

    def local(self, tree: Any) -> Any:
        """A tree of arrays that lie as here, as this process's devices have them."""
        return tree

    def everywhere(self, flag: jax.Array) -> jax.Array:
        """Within a mapped function: whether a flag is set on every device."""
        return flag

    def mapped(
        self, function: Callable[..., Any], results: Callable[[Specs], Any]
    ) -> Callable[..., Any]:
        """A function of the net as all devices compute it together, for `jit`.

        `results` says how its results lie, by how its arguments do.
        """
        return function
