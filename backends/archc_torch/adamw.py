"""Adam with decoupled weight decay, PyTorch's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from archc.optimizer_state import MOMENT1, MOMENT2
from archc.recipe import AdamW
from archc_torch.optimizer import Slots, by_decay

_BUFFERS = {MOMENT1: "exp_avg", MOMENT2: "exp_avg_sq"}
"""PyTorch's words for the slots."""


class DecoupledAdam:
    """The rule of `archc.recipe.AdamW`."""

    def __init__(self, named: Iterable[tuple[str, nn.Parameter]], form: AdamW) -> None:
        self._named = dict(named)
        self._steps = 0
        self._adam = torch.optim.AdamW(
            [
                {"params": group, "weight_decay": decay}
                for group, decay in by_decay(
                    self._named, form.weight_decay, decay_bias=form.decay_bias
                )
            ],
            betas=(form.beta1, form.beta2),
            eps=form.eps,
        )

    def step(self, lr: float) -> None:
        """Update every parameter from its gradient, and drop the gradients."""
        for group in self._adam.param_groups:
            group["lr"] = lr
        self._adam.step()
        self._adam.zero_grad()
        self._steps += 1

    @property
    def steps(self) -> int:
        return self._steps

    def slots(self) -> Slots:
        """Both moments by the parameter's name, zero before the first step."""
        return {
            slot: {
                name: self._adam.state[parameter].get(buffer, torch.zeros_like(parameter))
                for name, parameter in self._named.items()
            }
            for slot, buffer in _BUFFERS.items()
        }

    def load(self, slots: Mapping[str, Mapping[str, Tensor]], steps: int | None) -> None:
        """Replace both moments and the number of steps."""
        self._steps = steps or 0
        for name, parameter in self._named.items():
            self._adam.state[parameter] = {
                # As PyTorch keeps it: a tensor on the CPU.
                "step": torch.tensor(float(self._steps)),
                **{buffer: slots[slot][name].to(parameter) for slot, buffer in _BUFFERS.items()},
            }
