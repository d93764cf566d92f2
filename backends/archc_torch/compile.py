"""torch.compile of a net, its failures in our words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from archc.diagnostics import fail
from archc.errors.backends import CannotCompile


def compiled(model: nn.Module) -> Callable[[Any], Any]:
    """A net as PyTorch compiles it, at its first call. Raises `DiagnosticError` (E0621) there."""
    # Any: images, and logits as the net gives them.
    made: Callable[[Any], Any] = torch.compile(model)

    def applied(images: Any) -> Any:
        try:
            return made(images)
        except torch._dynamo.exc.TorchDynamoException as error:  # noqa: SLF001
            fail(CannotCompile(backend="torch", reason=str(error).strip().partition("\n")[0]))

    return applied
