"""Towers on devices of their own: the step of one tower, mapped over a mesh axis of them."""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import Any

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from typing_extensions import override

from archc_jax.devices import DATA, TOWER
from archc_jax.layout import WHOLE, Layout, Specs


class TowersLayout(Layout):
    """Every device has one tower's weights and all that stands outside of towers.

    Arrays are those of the whole net; the ones in `divided`, by their paths in the program, lie
    cut along the axis `tower` of the mesh. A step runs tower by tower under `shard_map`, with the
    exchanges that the program of one tower says. Along the axis `data` XLA's partitioner parts the
    batch, as for a net without towers: so statistics and masks are those of the whole batch, and
    images that do not come out even are padded and masked.
    """

    def __init__(self, mesh: Mesh, divided: Set[str]) -> None:
        super().__init__(mesh)
        self._divided = divided
        # Within the map only the axis that is left to the partitioner has a meaning.
        self.shared_out = PartitionSpec(DATA)

    @override
    def sharding(self, tree: Any) -> Any:
        def of(spec: PartitionSpec) -> NamedSharding:
            return NamedSharding(self.mesh, spec)

        return jax.tree.map(of, self._specs(tree), is_leaf=_is_spec)

    @override
    def everywhere(self, flag: jax.Array) -> jax.Array:
        return jax.lax.pmin(flag.astype(int), TOWER).astype(bool)

    @override
    def mapped(
        self, function: Callable[..., Any], results: Callable[[Specs], Any]
    ) -> Callable[..., Any]:
        def on_all_towers(*arguments: Any) -> Any:
            specs = tuple(self._specs(each) for each in arguments)
            return jax.shard_map(
                function,
                mesh=self.mesh,
                in_specs=specs,
                out_specs=results(specs),
                axis_names={TOWER},
                # What all towers compute alike is the same on each, which no type can tell.
                check_vma=False,
            )(*arguments)

        return on_all_towers

    def _specs(self, tree: Any) -> Any:
        """How each array of a tree lies: by a path of the program among its keys."""

        def spec(path: tuple[Any, ...], leaf: Any) -> PartitionSpec:
            names = {key.key for key in path if isinstance(key, jax.tree_util.DictKey)}
            if names.isdisjoint(self._divided):
                return WHOLE
            # The first axis of a canonical array is the last of Flax's.
            return PartitionSpec(*[None] * (leaf.ndim - 1), TOWER)

        return jax.tree_util.tree_map_with_path(spec, tree)


def _is_spec(leaf: Any) -> bool:
    return isinstance(leaf, PartitionSpec)
