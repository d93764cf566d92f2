"""The papers' stochastic gradient descent, on PyTorch's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from archc.optimizer_state import VELOCITY
from archc_torch.optimizer import Slots, by_decay


class PaperSgd:
    """`v := momentum v - weight_decay lr w - lr g;  w := w + v` (AlexNet, Section 5).

    The learning rate is inside the velocity: what has been gathered keeps the rate it was
    gathered at. `torch.optim.SGD` keeps the rate outside, `w := w - lr b`. Here its own rate is
    1, and the gradient and the decay are multiplied by ours before it sees them: then b is -v.
    """

    def __init__(
        self,
        named: Iterable[tuple[str, nn.Parameter]],
        *,
        momentum: float,
        weight_decay: float,
        decay_bias: bool,
    ) -> None:
        self._named = dict(named)
        self._momentum = momentum
        groups = by_decay(self._named, weight_decay, decay_bias=decay_bias)
        self._decays = [decay for _, decay in groups]
        self._sgd = torch.optim.SGD(
            [{"params": group} for group, _ in groups], lr=1.0, momentum=momentum
        )

    def step(self, lr: float) -> None:
        """Update every parameter from its gradient, and drop the gradients."""
        for parameter in self._named.values():
            if parameter.grad is not None:
                parameter.grad.mul_(lr)
        for group, decay in zip(self._sgd.param_groups, self._decays, strict=True):
            group["weight_decay"] = decay * lr
        self._sgd.step()
        self._sgd.zero_grad()

    @property
    def steps(self) -> None:
        """The rule knows no number of steps."""

    def slots(self) -> Slots:
        """v by the parameter's name, zero before the first step; nothing without momentum."""
        if not self._momentum:
            return {}
        found: dict[str, Tensor] = {}
        for name, parameter in self._named.items():
            buffer = self._sgd.state[parameter].get("momentum_buffer")
            found[name] = torch.zeros_like(parameter) if buffer is None else -buffer
        return {VELOCITY: found}

    def load(self, slots: Mapping[str, Mapping[str, Tensor]], steps: int | None) -> None:
        """Replace v. Names and shapes are those of `slots()`."""
        for name, v in slots.get(VELOCITY, {}).items():
            parameter = self._named[name]
            self._sgd.state[parameter]["momentum_buffer"] = (-v).to(parameter)
