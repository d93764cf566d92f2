"""Two machines train one net: with addresses of their own where the system lets us make some."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.parallel.test_launcher import ARCHC, NET, rows, run, workers

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Machines:
    """How a command is run on each of two, and where they meet."""

    on: tuple[tuple[str, ...], tuple[str, ...]]
    meet: str


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture
def machines() -> Iterator[Machines]:
    """Two network namespaces with a cable between; on loopback where we may not make them."""
    names = [f"archc{os.getpid()}{end}" for end in "ab"]
    try:
        for name in names:
            ip("netns", "add", name)
        ip("link", "add", names[0], "netns", names[0], "type", "veth", "peer", "name", names[1],
           "netns", names[1])  # fmt: skip
        for number, name in enumerate(names, 1):
            ip("-n", name, "address", "add", f"10.213.7.{number}/24", "dev", name)
            ip("-n", name, "link", "set", name, "up")
            ip("-n", name, "link", "set", "lo", "up")
        first, second = (("ip", "netns", "exec", name) for name in names)
        yield Machines((first, second), "10.213.7.1:29400")
    except (OSError, subprocess.CalledProcessError):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        yield Machines(((), ()), f"127.0.0.1:{port}")
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


@pytest.mark.parametrize("lost", [False, True])
def test_two_machines_are_one(tmp_path: Path, machines: Machines, *, lost: bool) -> None:
    """Two workers each; where one on the second machine is killed, all start again."""
    (tmp_path / "nano.arch").write_text(NET)
    words = ["train", "nano.arch", "--device", "cpu:2", "--epochs", "12", "--save-every", "10"]
    many = ["-o", "many", "--hosts", "2", "--meet", machines.meet]
    both = [
        subprocess.Popen(
            [*on, *ARCHC, *words, *many, "--host", str(host)],
            cwd=tmp_path,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for host, on in enumerate(machines.on)
    ]
    if lost:
        while not (tmp_path / "many" / "checkpoints" / "epoch-00002").exists():
            assert both[0].poll() is None
            time.sleep(0.05)
        os.kill(workers(tmp_path, "--host 1")[0], signal.SIGKILL)
    said = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert "2 x cpu:2; many" in said[0][0]
    assert "going on" in said[0][0] or not lost
    # The second machine says nothing but why it started again.
    assert said[1][0] == ""
    assert said[1][1].count("was killed by SIGKILL; restart 1 of 3") == lost
    assert run(tmp_path, *words[:2], "--epochs", "12", "-o", "one").returncode == 0
    for one, two in zip(rows(tmp_path / "one"), rows(tmp_path / "many"), strict=True):
        # float32: sums of gradients in another order, over some hundred steps.
        assert two["loss"] == pytest.approx(one["loss"], rel=0.05)
