"""What the engine asks of a rule, whichever it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor, nn

Slots = dict[str, dict[str, Tensor]]
"""What a rule remembers: a tensor by parameter, for each slot of `archc.optimizer_state`."""


class Optimizer(Protocol):
    """A rule and what it remembers of the parameters it was made for."""

    def step(self, lr: float) -> None:
        """Update every parameter from its gradient, and drop the gradients."""
        ...

    @property
    def steps(self) -> int | None:
        """Steps taken; None where the rule does not depend on their number."""
        ...

    def slots(self) -> Slots:
        """What it remembers, zeros before the first step."""
        ...

    def load(self, slots: Mapping[str, Mapping[str, Tensor]], steps: int | None) -> None:
        """Replace it; names and shapes are those of `slots()`."""
        ...


def by_decay(
    named: Mapping[str, nn.Parameter], weight_decay: float, *, decay_bias: bool
) -> list[tuple[list[nn.Parameter], float]]:
    """The parameters with their weight decay, those of one decay together."""
    decayed: list[nn.Parameter] = []
    undecayed: list[nn.Parameter] = []
    for name, parameter in named.items():
        keeps = decay_bias or not name.endswith("bias")
        (decayed if keeps else undecayed).append(parameter)
    return [(group, decay) for group, decay in ((decayed, weight_decay), (undecayed, 0.0)) if group]
