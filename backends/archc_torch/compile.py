"""torch.compile of a net, its failures in our words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from archc.diagnostics import fail
from archc.errors.backends import CannotCompile


def compiled(model: nn.Module) -> Callable[[Tensor], Any]:
    """A net as PyTorch compiles it, at its first call. Raises `DiagnosticError` (E0621) there."""
    # Any: logits as the net gives them, with heads or without.
    from torch._dynamo.exc import TorchDynamoException

    made: Callable[[Tensor], Any] = torch.compile(model)

    def applied(images: Tensor) -> Any:
        try:
            return made(images)
        except TorchDynamoException as error:
            fail(CannotCompile(backend="torch", reason=str(error).strip().partition("\n")[0]))

    return applied
