"""The running average of a net's weights and statistics."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy

import torch
from torch import nn

from archc.recipe import Average


class Averaged:
    """A second net whose weights and statistics are the averages of the first one's."""

    def __init__(self, form: Average, trained: nn.Module, keys: Iterable[str]) -> None:
        self._form = form
        self._trained = trained
        self._keys = tuple(keys)
        self.model: nn.Module = deepcopy(trained)
        self.steps = 0

    @torch.no_grad()
    def step(self) -> None:
        """Take in the weights as they are now."""
        self.steps += 1
        share = 1.0 - self._form.keep(self.steps)
        there, here = self._trained.state_dict(), self.model.state_dict()
        for key in self._keys:
            here[key].lerp_(there[key], share)
