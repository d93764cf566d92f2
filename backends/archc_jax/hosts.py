"""Where the arrays of training lie when several machines train: on the devices of all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from typing_extensions import override

from archc.pieces import share_of
from archc.train.crew import Crew
from archc_jax.devices import DATA
from archc_jax.layout import WHOLE, Layout, Specs
from archc_jax.processes import gathered


class HostsLayout(Layout):
    """Arrays lie over the devices of all processes as a layout `of` their mesh says, and each
    replica has a share of the images.

    A mesh's devices stand in the order of their processes, and a replica's are those of one
    process. So the share of a process is what its devices are given, where a batch comes out even.
    Where it does not, every process is given the whole, of which the compiled step takes its share.
    """

    def __init__(self, mesh: Mesh, crew: Crew, of: Callable[[Mesh], Layout]) -> None:
        super().__init__(mesh)
        self._crew = crew
        self._everywhere = of(mesh)
        self._here = of(mesh.local_mesh)
        self.shared_out = self._everywhere.shared_out

    @property
    @override
    def here(self) -> Layout:
        return self._here

    @override
    def sharding(self, tree: Any) -> Any:
        return self._everywhere.sharding(tree)

    @override
    def everywhere(self, flag: jax.Array) -> jax.Array:
        return self._everywhere.everywhere(flag)

    @override
    def mapped(
        self, function: Callable[..., Any], results: Callable[[Specs], Any]
    ) -> Callable[..., Any]:
        return self._everywhere.mapped(function, results)

    @override
    def share(self, count: int) -> slice:
        return share_of(count, self._crew.rank, self._crew.size)

    @override
    def whole(self, share: np.ndarray, count: int) -> np.ndarray:
        size = self._crew.size
        padded = np.zeros((-(-count // size), *share.shape[1:]), share.dtype)
        padded[: len(share)] = share
        parts = [share_of(count, rank, size) for rank in range(size)]
        every = gathered(padded)
        return np.concatenate(
            [each[: part.stop - part.start] for each, part in zip(every, parts, strict=True)]
        )

    @override
    def place(self, tree: Any) -> Any:
        return jax.tree.map(_spread, tree, jax.tree.broadcast(self.sharding(tree), tree))

    @override
    def place_batch(self, share: np.ndarray, count: int) -> jax.Array:
        even = count % self.replicas == 0
        array = share if even else self.whole(share, count)
        sharding = NamedSharding(self.mesh, PartitionSpec(DATA) if even else WHOLE)
        return jax.make_array_from_process_local_data(sharding, array, (count, *share.shape[1:]))

    @override
    def local(self, tree: Any) -> Any:
        def of(array: jax.Array, sharding: NamedSharding) -> jax.Array:
            parts = [shard.data for shard in array.addressable_shards]
            return jax.make_array_from_single_device_arrays(array.shape, sharding, parts)

        # Every process has a replica at least, so its devices have all of every array.
        return jax.tree.map(of, tree, jax.tree.broadcast(self._here.sharding(tree), tree))


def _spread(array: jax.Array, sharding: NamedSharding) -> jax.Array:
    """An array that is the same in all processes, put where it lies."""
    if isinstance(array, jax.Array) and not array.is_fully_addressable:
        # It lies there already.
        return array
    if is_key(array):
        data = _spread(jax.random.key_data(array), sharding)
        return jax.random.wrap_key_data(data, impl=jax.random.key_impl(array))
    plain = np.asarray(array)
    return jax.make_array_from_callback(plain.shape, sharding, lambda place: plain[place])


def is_key(array: jax.Array) -> bool:
    """Whether it is a key of a stream of chance."""
    return jnp.issubdtype(array.dtype, jax.dtypes.prng_key)
