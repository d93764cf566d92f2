"""Options and fixtures that all tests share."""

from __future__ import annotations

import os
from contextlib import suppress

import pytest

# Two workers with two threads each on two cores would wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Small nets are computed in no time; what takes long is to compile them well.
os.environ.setdefault(
    "XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
)
# How long an example takes says more about the machine than about the test. The gate tries the
# same examples every time; `--hypothesis-profile explore` tries others.
with suppress(ImportError):  # `make gpu` needs pytest alone
    from hypothesis import HealthCheck, settings

    settings.register_profile(
        "explore", deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.register_profile("gate", settings.get_profile("explore"), derandomize=True)
    settings.load_profile("gate")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="rewrite golden files; read the difference before committing it",
    )
    parser.addoption(
        "--gpu-tests-on",
        choices=["cuda", "cpu"],
        default="cuda",
        help="cpu: run the tests marked gpu on the CPU, to see that they work",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--update-golden") and os.environ.get("CI"):
        raise pytest.UsageError("--update-golden is for a person, not for CI")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be rewritten."""
    return bool(request.config.getoption("--update-golden"))
