"""How the images of a batch get from the processes that read them to the devices."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from archc.pieces import share_of
from archc.train.crew import Crew
from archc_jax.devices import DATA
from archc_jax.processes import gathered


class Shares:
    """A mesh's devices stand in the order of their processes, so the share of a process is what
    its devices are given, where a batch comes out even. Where it does not, every process is given
    the whole, of which the compiled step takes its share."""

    def __init__(self, mesh: Mesh, crew: Crew) -> None:
        self._crew = crew
        self._devices = mesh.size
        self.parted = NamedSharding(mesh, PartitionSpec(DATA))
        self.everywhere = NamedSharding(mesh, PartitionSpec())

    def of(self, count: int) -> slice:
        """This process's part of a batch."""
        return share_of(count, self._crew.rank, self._crew.size)

    def placed(self, share: np.ndarray, count: int) -> jax.Array:
        """A batch of `count` images, or their labels, on the devices."""
        even = count % self._devices == 0
        array = share if even else self.whole(share, count)
        sharding = self.parted if even else self.everywhere
        shape = (count, *share.shape[1:])
        return jax.make_array_from_process_local_data(sharding, array, shape)

    def whole(self, share: np.ndarray, count: int) -> np.ndarray:
        """The batch that processes have a share of each."""
        size = self._crew.size
        if size == 1:
            return share
        padded = np.zeros((-(-count // size), *share.shape[1:]), share.dtype)
        padded[: len(share)] = share
        parts = [share_of(count, rank, size) for rank in range(size)]
        every = gathered(padded)
        return np.concatenate(
            [each[: part.stop - part.start] for each, part in zip(every, parts, strict=True)]
        )

    def spread(self, tree: Any) -> Any:
        """Arrays that are the same in all processes, on all devices."""
        if self._crew.size == 1:
            return jax.device_put(tree, self.everywhere)
        return jax.tree.map(self._spread, tree)

    def _spread(self, array: jax.Array) -> jax.Array:
        if isinstance(array, jax.Array) and not array.is_fully_addressable:
            # It came from a step, or from here.
            return array
        if is_key(array):
            data = self._spread(jax.random.key_data(array))
            return jax.random.wrap_key_data(data, impl=jax.random.key_impl(array))
        plain = np.asarray(array)
        return jax.make_array_from_process_local_data(self.everywhere, plain, plain.shape)


def is_key(array: jax.Array) -> bool:
    """Whether it is a key of a stream of chance."""
    return jnp.issubdtype(array.dtype, jax.dtypes.prng_key)
