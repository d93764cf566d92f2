"""The PyTorch backend: programs and the engine that trains them."""

from __future__ import annotations

from archc_torch.backend import TorchBackend

backend = TorchBackend()

__all__ = ["backend"]
