"""Looking for the first number that is none, or is infinite, by computing a step again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from archc.not_finite import Seen

Chance = tuple[Tensor, ...]
"""Where PyTorch's sources of chance stand: the CPU's, and a GPU's."""


def chance(device: torch.device) -> Chance:
    """Before a step, for `go_back`."""
    if device.type != "cuda":
        return (torch.get_rng_state(),)
    return (torch.get_rng_state(), torch.cuda.get_rng_state(device))


def go_back(stand: Chance, device: torch.device) -> None:
    """Draw the same once more."""
    torch.set_rng_state(stand[0])
    if device.type == "cuda":
        torch.cuda.set_rng_state(stand[1], device)


class Look:
    """What one run forward and back through a net shows of its layers.

    Hooks see what goes into a module and what comes out; they are there while this is looked for
    and no longer, so that a healthy step has none.
    """

    def __init__(self, model: nn.Module, keys: Mapping[str, str], layers: Collection[str]) -> None:
        self.seen = {layer: Seen() for layer in layers}
        self.outputs: list[int] = []
        """How often the logits of the net and of each head were not finite."""
        self._left: dict[str, Tensor] = {}
        self._weights = {layer: dict[str, nn.Parameter]() for layer in layers}
        parameters = dict(model.named_parameters())
        self._modules: dict[str, nn.Module] = {}
        for name, key in keys.items():
            layer = name.rpartition(".")[0]
            self._modules[layer] = model.get_submodule(key.rpartition(".")[0])
            if key in parameters:
                self._weights[layer][name] = parameters[key]

    def over(self, loss: Callable[[], tuple[Tensor, tuple[Tensor, ...]]]) -> None:
        """Take in a piece of a batch: `loss` applies the net, and gives the loss whose gradients
        are taken, and the logits."""
        handles = [
            module.register_forward_hook(self._hook(layer))
            for layer, module in self._modules.items()
        ]
        try:
            value, every = loss()
            self.outputs = self.outputs or [0] * len(every)
            for i, logits in enumerate(every):
                self.outputs[i] += odd(logits)
            self._slopes(value)
        finally:
            handle: RemovableHandle
            for handle in handles:
                handle.remove()
            self._left.clear()

    def _hook(self, layer: str) -> Callable[[nn.Module, tuple[Any, ...], Tensor], None]:
        def see(module: nn.Module, given: tuple[Any, ...], output: Tensor) -> None:
            if layer in self._left:
                # The block is computed again.
                return
            here = self.seen[layer]
            here.weights += sum(odd(w) for w in self._weights[layer].values())
            here.arrives += sum(odd(x) for x in given)
            here.leaves += odd(output)
            self._left[layer] = output

        return see

    def _slopes(self, loss: Tensor) -> None:
        """Gradients of outputs and weights; what synchronises ranks as weights' are added up is
        not set off."""
        outputs = [(self.seen[layer], "slope", output) for layer, output in self._left.items()]
        weights = [
            (self.seen[layer], "slopes", weight)
            for layer, each in self._weights.items()
            for weight in each.values()
        ]
        wanted = [each for each in (*outputs, *weights) if each[2].requires_grad]
        found = torch.autograd.grad(loss, [each[2] for each in wanted], allow_unused=True)
        for (seen, what, _), gradient in zip(wanted, found, strict=True):
            setattr(seen, what, getattr(seen, what) + (0 if gradient is None else odd(gradient)))


def odd(tensor: Tensor) -> int:
    """1 where a number is none, or infinite."""
    return int(not bool(tensor.detach().isfinite().all()))
