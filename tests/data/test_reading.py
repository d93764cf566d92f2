"""Pieces made ahead, in threads and in processes: the same, in order, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Generator
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

from archc.cli import main
from archc.data import reading
from archc.data.prepare import Prepared, prepare
from archc.data.reading import AbandonedError, Stop, read
from archc.data.transforms import Flip, RandomCrop, Resize, Scale, SubtractMean
from archc.diagnostics import DiagnosticError, fail
from archc.errors.data import UnreadableImage
from archc.recipe import Dense

SIZE = 8


def double(stop: Stop, number: int) -> int:
    return 2 * number


def broken(stop: Stop, number: int) -> int:
    if number == 3:
        fail(UnreadableImage(path="x.jpg", reason="no reason"))
    return number


def leave(stop: Stop, number: int) -> int:
    if number == 2:
        os._exit(7)
    return number


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_all_pieces_in_order(workers: int) -> None:
    assert list(read(double, 5, workers=workers)) == [0, 2, 4, 6, 8]


def test_no_pieces() -> None:
    assert list(read(double, 0)) == []


def test_a_bounded_number_is_begun_early() -> None:
    started: list[int] = []

    def work(stop: Stop, number: int) -> int:
        started.append(number)
        return number

    pieces = read(work, 50, depth=4)
    assert next(pieces) == 0
    assert len(started) <= 5
    assert list(pieces) == list(range(1, 50))


def test_work_that_nobody_waits_for_is_told_so() -> None:
    told = threading.Event()

    def endless(stop: Stop, number: int) -> int:
        if number == 0:
            return 1
        for _ in range(3000):
            if stop.asked:
                told.set()
                raise AbandonedError
            time.sleep(0.01)
        return 2

    pieces = read(endless, 3, depth=3)
    assert next(pieces) == 1
    pieces.close()
    assert told.wait(timeout=30)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_fault_arrives_whole(workers: int) -> None:
    with pytest.raises(DiagnosticError) as caught:
        list(read(broken, 5, workers=workers))
    assert caught.value.diagnostics == (UnreadableImage(path="x.jpg", reason="no reason"),)


def test_a_process_that_was_killed() -> None:
    with pytest.raises(DiagnosticError, match="E0721") as caught:
        list(read(leave, 5, workers=1))
    assert "exit code 7" in str(caught.value)


def test_without_grain(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> object:
        if name == "grain":
            raise ImportError("No module named 'grain'")
        return import_module(name)

    monkeypatch.setattr(reading, "import_module", missing)
    with pytest.raises(DiagnosticError, match="E0720"):
        next(read(double, 5))
    # What is in memory needs no reader.
    assert digits(0).train.batches == 45


def digits(seed: int) -> Prepared:
    return prepare(
        "digits",
        shape=(1, SIZE, SIZE),
        classes=10,
        augment=(Scale(factor=1 / 255),),
        evaluate=(Scale(factor=1 / 255),),
        batch=32,
        seed=seed,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """11 JPEG images to train on and 5 for validation, of several sizes."""
    root = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for split, count in (("train", 11), ("val", 5)):
        for n in range(count):
            path = root / split / ("a" if n % 2 else "b") / f"{n:02}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            shape = (12 + n, 20 - n % 4, 3)
            Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(path, quality=95)
    return str(root)


def opened(folder: str, workers: int, dense: Dense | None = None) -> Prepared:
    def takes_all(shape: tuple[int, int, int], name: str) -> None:
        assert shape[0] == 3

    augment = (Resize(size=12), SubtractMean(per="channel"), RandomCrop(size=SIZE), Flip())
    evaluate = (SubtractMean(per="channel"),)
    return prepare(
        folder,
        shape=(3, SIZE, SIZE),
        classes=2,
        augment=augment,
        evaluate=evaluate if dense else (Resize(size=(SIZE, SIZE)), *evaluate),
        whole=(dense, takes_all) if dense else None,
        batch=3,
        seed=7,
        workers=workers,
    )


def seen(data: Prepared) -> Generator[np.ndarray]:
    for batch in data.train.epoch(2, start=1):
        yield from (batch.images, batch.labels, batch.indices)
    for batch in data.held_out.in_order():
        arrays = batch.groups if hasattr(batch, "groups") else [batch[:1]]
        yield from (array for group in arrays for array in group)
        yield from (batch.labels, batch.indices)
    for learned in data.statistics.values():
        yield from learned.values()


@pytest.mark.parametrize(
    ("workers", "dense"),
    [(2, None), pytest.param(1, Dense(scales=(8, 12)), marks=pytest.mark.slow)],
)
def test_processes_change_nothing(folder: str, workers: int, dense: Dense | None) -> None:
    """Not a bit of any image, of what was learned, of the order; from the middle either."""
    alone = list(seen(opened(folder, 0, dense)))
    helped = list(seen(opened(folder, workers, dense)))
    assert len(alone) == len(helped) > 10
    for here, there in zip(alone, helped, strict=True):
        np.testing.assert_array_equal(here, there)


SPEC = """net n(classes = 2) {
  input(3x8x8)
  conv(3, 1, 4) relu fc(classes) softmax
  recipe {
    augment { resize(12) subtract_mean(per=channel) random_crop(input) flip scale(1/64) }
    evaluate { resize(8x8) subtract_mean(per=channel) scale(1/64) }
    optimizer sgd(0.01) batch 4 epochs 1
  }
}"""


def test_a_run_ends_with_the_same_weights(folder: str, tmp_path: Path) -> None:
    (tmp_path / "n.arch").write_text(SPEC)
    command = ["train", str(tmp_path / "n.arch"), "--data", folder, "--device", "cpu", "--quiet"]
    for workers in ("0", "1"):
        assert main([*command, "--workers", workers, "-o", str(tmp_path / workers)]) == 0
    # The header of a file may name its words in any order.
    alone, helped = (
        load_file(tmp_path / workers / "weights.safetensors") for workers in ("0", "1")
    )
    assert alone.keys() == helped.keys()
    assert all(np.array_equal(alone[name], helped[name]) for name in alone)


def test_shares_are_the_batch(folder: str) -> None:
    """What several ranks read, put together, is what one alone reads."""
    data = opened(folder, 0)
    whole = list(data.train.epoch(1))
    parts = [
        list(data.train.epoch(1, share=partial(lambda rank, count: slice(rank, count, 3), rank)))
        for rank in range(3)
    ]
    for number, batch in enumerate(whole):
        for rank in range(3):
            part = parts[rank][number]
            assert part.size == len(batch.images)
            np.testing.assert_array_equal(part.images, batch.images[rank::3])


SCRIPT = """
import sys, time
from archc.data.reading import read

def work(stop, number):
    time.sleep(0.05)
    return number

if __name__ == "__main__":
    pieces = read(work, 10_000, workers=2)
    for _ in range(4):
        next(pieces)
    import multiprocessing
    print(*[child.pid for child in multiprocessing.active_children()], flush=True)
    for _ in pieces:
        pass
"""


@pytest.mark.parametrize(
    "how", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_no_process_is_left_behind(how: signal.Signals, tmp_path: Path) -> None:
    script = tmp_path / "reads.py"
    script.write_text(textwrap.dedent(SCRIPT))
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        workers = [int(pid) for pid in process.stdout.readline().split()]
        assert len(workers) == 2
        assert all(map(alive, workers))
        process.send_signal(how)
        process.wait(timeout=60)
    deadline = time.monotonic() + 30
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, workers))


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and whose parent has not looked does not."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def test_workers_outlast_a_signal_to_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole group is told to end: the batches that a last step needs still come."""
    pieces = read(double, 400, workers=1, depth=2)
    assert next(pieces) == 0
    import multiprocessing

    (worker,) = multiprocessing.active_children()
    assert worker.pid is not None
    for how in (signal.SIGINT, signal.SIGTERM):
        os.kill(worker.pid, how)
    assert list(pieces) == [2 * number for number in range(1, 400)]
