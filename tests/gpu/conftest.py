"""Where the tests that need a GPU run."""

from __future__ import annotations

import pytest


@pytest.fixture
def device(request: pytest.FixtureRequest) -> str:
    """`cuda`, or `cpu` where that was asked for; without a GPU the test is left out."""
    asked = str(request.config.getoption("--gpu-tests-on"))
    if asked == "cuda":
        import torch

        if not torch.cuda.is_available():
            pytest.skip("there is no GPU")
    return asked


@pytest.fixture
def jax_device(device: str) -> str:
    """The same for JAX, which may see no GPU where PyTorch sees one."""
    if device == "cuda":
        import jax

        try:
            jax.devices("gpu")
        except RuntimeError as error:
            pytest.fail(f"PyTorch sees a GPU, JAX does not: {error}")
    return device
