"""Images a second from a folder of JPEG files: simplejpeg against Pillow, threads and processes.

    python tools/bench_data.py [--images 600] [--epochs 3] [--workers 2]

A folder of 500x375 pictures, smooth colours under noise, is made anew and read by a recipe of
`resize(256) random_crop(224) flip`, as batches of 32. The ways take turns, each once an epoch, and
what is printed are medians: images a second, and milliseconds of the processor an image, which say
more on a machine that has other work. A process that reads has to start first, which counts.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from unittest import mock

import numpy as np
from PIL import Image

from archc.data import folder
from archc.data.prepare import prepare
from archc.data.transforms import Flip, RandomCrop, Resize

SIZE = (500, 375)


def write_pictures(root: Path, images: int) -> None:
    """A folder of two classes, each picture from its number."""
    for number in range(images):
        rng = np.random.default_rng(number)
        coarse = Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize(SIZE, Image.Resampling.BICUBIC), np.int16)
        noisy = np.clip(smooth + rng.integers(-12, 13, smooth.shape), 0, 255).astype(np.uint8)
        for split in ("train", "val") if number < 2 else ("train",):
            path = root / split / f"class{number % 2}" / f"{number:05}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(noisy).save(path, quality=90)


def decoding(root: Path) -> Callable[[], int]:
    """Reading each file in one thread, and nothing else."""
    files = sorted(map(str, (root / "train").rglob("*.jpg")))

    def run() -> int:
        return sum(1 for path in files if folder.read_image(path, 3).shape[-1] == 3)

    return run


def epoch(root: Path, workers: int) -> Callable[[], int]:
    """An epoch of the recipe."""
    steps = (Resize(size=256), RandomCrop(size=224), Flip())
    data = prepare(
        str(root),
        shape=(3, 224, 224),
        classes=2,
        augment=steps,
        evaluate=(Resize(size=(224, 224)),),
        batch=32,
        seed=0,
        workers=workers,
    )
    return lambda: sum(len(batch.labels) for batch in data.train.epoch(1))


def by_pillow(run: Callable[[], int]) -> Callable[[], int]:
    def patched() -> int:
        with mock.patch.object(folder, "_plain_jpeg", return_value=None):
            return run()

    return patched


def processor() -> float:
    """Seconds that this process and those it has started and waited for have computed."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--images", type=int, default=600)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        write_pictures(root, arguments.images)
        decode, threads = decoding(root), epoch(root, 0)
        ways = {
            "decoding, Pillow": by_pillow(decode),
            "decoding, simplejpeg": decode,
            "epoch, threads, Pillow": by_pillow(threads),
            "epoch, threads, simplejpeg": threads,
            f"epoch, {arguments.workers} processes, simplejpeg": epoch(root, arguments.workers),
        }
        rates: dict[str, list[float]] = {way: [] for way in ways}
        costs: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(arguments.epochs):
            for way, run in ways.items():
                begin, busy = time.perf_counter(), processor()
                count = run()
                rates[way].append(count / (time.perf_counter() - begin))
                costs[way].append(1000 * (processor() - busy) / count)
                if count != arguments.images:
                    raise SystemExit(f"{way}: {count} images instead of {arguments.images}")
    for way in ways:
        rate, cost = median(rates[way]), median(costs[way])
        print(f"{way:34} {rate:6.0f} images/s {cost:8.2f} ms of the processor")


if __name__ == "__main__":
    main()
