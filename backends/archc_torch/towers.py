"""Towers in processes of their own: which tower this one has, and the net's arrays whole."""

from __future__ import annotations

from collections.abc import Mapping, Set

import numpy as np
import torch
import torch.distributed as dist
from typing_extensions import override

from archc.backend import Program
from archc.passes import replicas
from archc.program_module import load_program
from archc.towers import part
from archc.train.crew import Crew
from archc_torch.processes import gathered, limited
from archc_torch.spread import Shape, Spread


class TowersSpread(Spread):
    """Each process has one tower and all that stands outside of towers; so many ranks in a row
    are a replica, and get the same images.

    `divided` are the canonical names of what towers have of their own. Raises `DiagnosticError`
    (E0904) where the processes are no whole number of replicas.
    """

    def __init__(self, crew: Crew, towers: int, program: Program, divided: Set[str]) -> None:
        super().__init__(crew)
        self.towers = towers
        self.replicas = replicas(towers, crew.size)
        self.replica, self._tower = divmod(crew.rank, towers)
        self.counts = self._tower == 0
        self._divided = divided
        # The very group whose towers the program's exchanges are among.
        self._net = limited(load_program(program).replica(towers))
        alike = [list(range(tower, crew.size, towers)) for tower in range(towers)]
        self.group = limited(dist.new_subgroups_by_enumeration(alike)[0])

    @override
    def whole(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {
            name: self._joined(array) if name in self._divided else array
            for name, array in arrays.items()
        }

    @override
    def own(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {
            name: part(array, self._tower, self.towers) if name in self._divided else array
            for name, array in arrays.items()
        }

    @override
    def whole_shape(self, name: str, shape: Shape) -> Shape:
        return (shape[0] * self.towers, *shape[1:]) if name in self._divided else shape

    def _joined(self, array: np.ndarray) -> np.ndarray:
        """The towers' arrays along their first axis."""
        every = gathered(torch.from_numpy(array), self._net)
        return every.flatten(0, 1).numpy()
