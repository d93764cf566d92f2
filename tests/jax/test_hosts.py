"""Several machines give what one device gives: here processes that meet on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from archc_jax.devices import find_mesh

from archc.diagnostics import DiagnosticError

from .hosts_script import come_to

ROOT = Path(__file__).parent.parent.parent


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def trained(net: str, pieces: int, folder: Path) -> list[dict[str, np.ndarray]]:
    """What each of two machines with two devices came to."""
    port = free_port()
    files = [folder / f"{host}.npz" for host in range(2)]
    started = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.jax.hosts_script",
                *map(str, (host, port, pieces, net, file)),
            ],
            cwd=ROOT,
            env={**os.environ, "JAX_PLATFORMS": "cpu"},
            stderr=subprocess.PIPE,
            text=True,
        )
        for host, file in enumerate(files)
    ]
    for process in started:
        said = process.communicate(timeout=300)[1]
        assert process.returncode == 0, said
    return [dict(np.load(file)) for file in files]


@pytest.mark.parametrize(
    ("net", "pieces"),
    [
        ("mixed", 1),
        pytest.param("mixed", 3, marks=pytest.mark.slow),
        pytest.param("towers", 1, marks=pytest.mark.slow),
        pytest.param("towers", 3, marks=pytest.mark.slow),
    ],
)
@pytest.mark.usefixtures("x64")
def test_two_machines_with_two_devices_are_one_device(
    net: str, pieces: int, tmp_path: Path
) -> None:
    """Losses, statistics, weights, velocity and dropout's masks, also where it comes out uneven;
    and where the devices of each have a tower each."""
    two = trained(net, pieces, tmp_path)
    one = come_to(net, pieces, "cpu")
    for rank, each in enumerate(two):
        assert each.pop("rank").tolist() == [rank, 2]
        # The greatest flag; sums of 64 bits.
        assert each.pop("agreed").tolist() == [7, 0.1 + 1.1, 2.0**41]
        assert each.keys() == one.keys()
        for name, array in each.items():
            np.testing.assert_array_equal(array, two[0][name], err_msg=name)
            apart = np.abs(array.astype(np.float64) - one[name].astype(np.float64)).max()
            # Sums in another order, in float64; probabilities are handed out in float32.
            assert apart < (1e-6 if name == "probabilities" else 1e-12), name


def test_towers_stay_on_one_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    with pytest.raises(DiagnosticError, match="on one machine; here each has 1 device") as caught:
        find_mesh("cpu", 2)
    assert caught.value.diagnostics[0].code == "E0610"
