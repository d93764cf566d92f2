"""What layers compute in: float32, or a half precision under autocast."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from torch import Tensor, nn

from archc.computing import Computing
from archc.loss_scale import ScaledSteps

_HALVES = {"bf16": torch.bfloat16, "fp16": torch.float16}


class Arithmetic(ScaledSteps):
    """The precision of an engine's steps; weights are float32 whatever it is.

    PyTorch's autocast casts what goes into convolutions and fully connected layers; batch
    normalisation takes halves and keeps its statistics in float32. What else must not be computed
    in halves says so in the program.
    """

    def __init__(self, computing: Computing, device: torch.device) -> None:
        super().__init__(computing)
        self._device = device
        self._half = _HALVES.get(computing.precision)
        # Halves are computed by tensor cores, which read channels last: without it cuDNN turns
        # every map around. In float32 it does not pay.
        last = self._half is not None and device.type == "cuda"
        self._format = torch.channels_last if last else torch.contiguous_format

    def prepared(self, model: nn.Module) -> nn.Module:
        """A net with its kernels in the order of memory that suits the precision."""
        # PyTorch's stubs lack the call with a format alone.
        return model.to(memory_format=self._format)  # pyright: ignore[reportCallIssue]

    def images(self, images: np.ndarray) -> Tensor:
        """(N, C, H, W) on the device."""
        return torch.from_numpy(images).to(self._device).to(memory_format=self._format)

    def cast(self) -> AbstractContextManager[object]:
        """Around whatever the net computes."""
        if self._half is None:
            return nullcontext()
        return torch.autocast(self._device.type, dtype=self._half)

    def probabilities(self, model: nn.Module, images: np.ndarray) -> Tensor:
        """What a net predicts, (N, classes)."""
        x = self.images(images)
        if self._half is None:
            # `predict` is a method of every program that ends in softmax.
            found: Tensor = model.predict(x)  # pyright: ignore[reportCallIssue, reportAssignmentType]
            return found
        # As the program's own `predict`, but for the softmax, which is float32's.
        with torch.no_grad(), self.cast():
            outputs: Tensor = model(x)
        return torch.softmax(widened(outputs), dim=1)

    def scaled(self, loss: Tensor) -> Tensor:
        """The loss whose gradients are computed."""
        return loss if self._scale is None else loss * self._scale.factor

    def unscale(self, parameters: Iterable[nn.Parameter]) -> bool:
        """Bring gradients back to the loss's own; whether all of them are finite."""
        gradients = [p.grad for p in parameters if p.grad is not None]
        if self._scale is not None:
            for gradient in gradients:
                gradient.div_(self._scale.factor)
        return are_finite(gradients)


def widened(logits: Tensor) -> Tensor:
    """In float32 at least, which the loss is computed in."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def are_finite(tensors: list[Tensor]) -> bool:
    """Whether every number is finite: one question to the device, however many tensors.

    No number and infinity come through a sum, which is the cheapest that reads all; sums of what
    is finite are infinite only where it is of no more use.
    """
    return not tensors or bool(torch.stack([each.sum() for each in tensors]).sum().isfinite())
