"""Several PyTorch processes are one: the same losses, weights and statistics."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.parallel.cases import CASES, Arrays

ALIKE = ("plain", "pieces", "smoothed", "adamw", "averaged", "one_value")

In = Callable[[int], Callable[[str], list[Arrays]]]


@pytest.fixture(scope="module")
def in_group(tmp_path_factory: pytest.TempPathFactory) -> In:
    """What each process of a group of some size found in a case; a size is run once."""
    folders: dict[int, Path] = {}

    def made(size: int) -> Callable[[str], list[Arrays]]:
        if size not in folders:
            folders[size] = tmp_path_factory.mktemp(f"group-{size}")
            words = [sys.executable, "-W", "error", "-m", "tests.parallel.group"]
            subprocess.run([*words, str(size), str(folders[size]), *CASES], timeout=120)

        def found(name: str) -> list[Arrays]:
            return [load_file(folders[size] / f"{name}-{r}.safetensors") for r in range(size)]

        return found

    return made


def group_sizes(*quick: int, slow: tuple[int, ...] = ()) -> list[object]:
    return [*quick, *(pytest.param(size, marks=pytest.mark.slow) for size in slow)]


@pytest.mark.parametrize("size", group_sizes(3, slow=(2, 4)))
@pytest.mark.parametrize("name", ALIKE)
def test_several_processes_are_one(in_group: In, size: int, name: str) -> None:
    """float64, so that an error in the sums cannot hide in their rounding: that is 1e-16, some
    hundred of which a step adds up, and a few steps magnify. With batches of 7 shares differ,
    with 2 two processes of four have nothing."""
    work, case = CASES[name]
    alone = work(case)
    for found in in_group(size)(name):
        assert found.keys() == alone.keys()
        for key, array in alone.items():
            assert np.allclose(found[key], array, rtol=1e-11, atol=1e-12), key


@pytest.mark.parametrize("size", group_sizes(3, slow=(2, 4)))
def test_all_processes_have_the_same_to_the_bit(in_group: In, size: int) -> None:
    for name in CASES:
        first, *others = in_group(size)(name)
        for other in others:
            assert all(np.array_equal(other[key], array) for key, array in first.items()), name


@pytest.mark.parametrize("size", group_sizes(3, slow=(4,)))
def test_a_run_that_goes_on_is_the_same_to_the_bit(in_group: In, size: int) -> None:
    """Three steps, and three in another engine, as six. From three processes on the order of a
    sum decides its rounding, and PyTorch sorts its buckets after the first backward."""
    found = in_group(size)("gone_on")[0]
    assert np.array_equal(found["once"], found["twice"])
    names = [name.partition("/")[2] for name in found if name.startswith("once/")]
    assert len(names) > 10
    for name in names:
        assert np.array_equal(found[f"once/{name}"], found[f"twice/{name}"]), name


def test_each_process_has_a_dropout_of_its_own(in_group: In) -> None:
    found = in_group(3)("gone_on")[0]
    states = [found[f"rng/{rank}/cpu"] for rank in range(3)]
    assert "rng/3/cpu" not in found
    assert not np.array_equal(states[0], states[1])
    assert not np.array_equal(states[1], states[2])
