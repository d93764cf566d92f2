"""Who of a run's processes has what: a share of each batch, and the net or a part of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from archc.train.crew import Crew
from archc_torch.processes import gathered

Shape = tuple[int, ...]


class Spread:
    """Every process has the whole net, and a share of each batch: it is a replica."""

    towers = 1
    counts = True
    """Whether what this process measures of its share is to be counted."""

    def __init__(self, crew: Crew) -> None:
        self.replica = crew.rank
        self.replicas = crew.size
        # Any: what groups are is private to PyTorch.
        self.group: Any = None
        """The processes that have the same weights, one of each replica; None: all."""

    def gathered(self, mine: Tensor) -> Tensor:
        """A tensor of each replica, `(replicas, *shape)`."""
        return mine.unsqueeze(0) if self.replicas == 1 else gathered(mine, self.group)

    def whole(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The net's arrays by canonical name, of those that this process has."""
        return dict(arrays)

    def own(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What this process has of the net's arrays."""
        return dict(arrays)

    def whole_shape(self, name: str, shape: Shape) -> Shape:
        """The shape of an array of the net, by that of what this process has."""
        return shape
