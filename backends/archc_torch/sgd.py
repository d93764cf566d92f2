"""The papers' stochastic gradient descent, on PyTorch's."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn


class PaperSgd:
    """`v := momentum v - weight_decay lr w - lr g;  w := w + v` (AlexNet, Section 5).

    The learning rate is inside the velocity: what has been gathered keeps the rate it was
    gathered at. `torch.optim.SGD` keeps the rate outside, `w := w - lr b`, so that `v` is
    `-lr b`: the same rule as long as the rate is constant. When it changes, the buffer is
    rescaled by the old rate over the new, which leaves `v` as it was.
    """

    def __init__(
        self,
        named: Iterable[tuple[str, nn.Parameter]],
        *,
        lr: float,
        momentum: float,
        weight_decay: float,
        decay_bias: bool,
    ) -> None:
        decayed: list[nn.Parameter] = []
        undecayed: list[nn.Parameter] = []
        for name, parameter in named:
            keeps = decay_bias or not name.endswith("bias")
            (decayed if keeps else undecayed).append(parameter)
        groups = [{"params": decayed}, {"params": undecayed, "weight_decay": 0.0}]
        self._lr = lr
        self._sgd = torch.optim.SGD(
            [group for group in groups if group["params"]],
            lr=lr,
            momentum=momentum,
            weight_decay=weight_decay,
        )

    def step(self, lr: float) -> None:
        """Update every parameter from its gradient, and drop the gradients."""
        if lr != self._lr:
            self._change_rate(lr)
        self._sgd.step()
        self._sgd.zero_grad()

    def _change_rate(self, lr: float) -> None:
        for group in self._sgd.param_groups:
            group["lr"] = lr
        for state in self._sgd.state.values():
            buffer = state.get("momentum_buffer")
            if buffer is not None:
                buffer.mul_(self._lr / lr)
        self._lr = lr
