"""AlexNet (Krizhevsky, Sutskever & Hinton 2012, Figure 2)

Compiled by archc 0.1.0 from alexnet.arch (sha256 adabf5520c2c0a6e).
60,965,224 parameters;
724.4 M multiply-adds at 3x227x227.

    python alexnet.py DATA
    torchrun --nproc-per-node 4 alexnet.py DATA

trains it by its recipe on DATA/train/CLASS/*.jpg, measures it on
DATA/val/CLASS/*.jpg, and goes on where it was stopped.
"""

import argparse
import json
import math
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image, ImageOps
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

# The recipe ---------------------------------------------------------------------------

SHAPE = (227, 227, 3)
"""Height, width and channels of the net's input."""

CLASSES = 1000
BATCH = 128
EPOCHS = 90
LEARNING_RATE = 0.01
MOMENTUM = 0.9
WEIGHT_DECAY = 0.0005
FACTOR = 0.1
TIMES = 3
PATIENCE = 5
VIEWS = 10
"""Of an image, when the net is measured; its answers to them are averaged."""


# The net ------------------------------------------------------------------------------


def tower_lrn(
    x: Tensor, n: int, k: float, alpha: float, beta: float, towers: int
) -> Tensor:
    """Local response normalisation within each tower's own channels.

    (N, C, H, W) -> the same; a tower has C / towers channels. The paper's alpha weighs
    the sum of n squares, PyTorch's their mean: hence alpha * n. In float32 at least:
    squares overflow in float16.
    """
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    apart = wide.reshape(-1, x.shape[1] // towers, *x.shape[2:])
    apart = F.local_response_norm(apart, n, alpha=alpha * n, beta=beta, k=k)
    return apart.reshape(x.shape).to(x.dtype)


class AlexNet(nn.Module):
    """AlexNet (Krizhevsky, Sutskever & Hinton 2012, Figure 2)

    (N, 3, 227, 227) -> (N, classes)
    """

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 96, 11, stride=4)  # line 11
        self.conv2 = nn.Conv2d(96, 256, 5, padding=2, groups=2)  # line 12
        self.conv3 = nn.Conv2d(256, 384, 3, padding=1)  # line 15
        self.conv4 = nn.Conv2d(384, 384, 3, padding=1, groups=2)  # line 16
        self.conv5 = nn.Conv2d(384, 256, 3, padding=1, groups=2)  # line 17
        self.fc6 = nn.Linear(256 * 6 * 6, 4096)  # line 19
        self.fc7 = nn.Linear(4096, 4096)  # line 20
        self.fc8 = nn.Linear(4096, classes)  # line 21
        self.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv1(x))  # 96x55x55
        x = tower_lrn(x, n=5, k=2.0, alpha=0.0001, beta=0.75, towers=2)  # 96x55x55
        x = F.max_pool2d(x, 3, stride=2)  # 96x27x27
        x = F.relu(self.conv2(x))  # 256x27x27
        x = tower_lrn(x, n=5, k=2.0, alpha=0.0001, beta=0.75, towers=2)  # 256x27x27
        x = F.max_pool2d(x, 3, stride=2)  # 256x13x13
        x = F.relu(self.conv3(x))  # 384x13x13
        x = F.relu(self.conv4(x))  # 384x13x13
        x = F.relu(self.conv5(x))  # 256x13x13
        x = F.max_pool2d(x, 3, stride=2)  # 256x6x6
        x = F.dropout(F.relu(self.fc6(x.flatten(1))), 0.5, self.training)  # 4096
        x = F.dropout(F.relu(self.fc7(x)), 0.5, self.training)  # 4096
        return self.fc8(x)

    @torch.no_grad()
    def predict(self, x: Tensor) -> Tensor:
        """(N, 3, 227, 227) -> class probabilities (N, classes); call eval() first."""
        return torch.softmax(self(x), dim=1)

    def reset_parameters(self) -> None:
        """Initialise by the recipe.

        conv, fc: normal(mean = 0.0, std = 0.01), bias 0;
        conv2, conv4, conv5, fc6, fc7: bias 1.
        """
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                nn.init.normal_(layer.weight, 0.0, 0.01)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
        for name in ("conv2", "conv4", "conv5", "fc6", "fc7"):
            nn.init.ones_(self.get_parameter(f"{name}.bias"))


# The images ---------------------------------------------------------------------------

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".webp")
FORMATS = ("BMP", "JPEG", "PNG", "PPM", "WEBP")
WORKERS = min(8, os.cpu_count() or 1)
"""Threads that decode."""

Learned = dict[str, NDArray[Any]]
"""What the steps below must know of the training images, by name."""

T = TypeVar("T")


class DoesNotFitError(Exception):
    """An image that a step cannot take; the text says why, its reader adds the file."""


Pixels = NDArray[np.float32]
"""An image (H, W, C), its values 0..255 as the file has them; or several."""


MAX_PIXELS = 89_478_485
"""The largest image handled, in pixels: Pillow's limit against decompression bombs."""


def pair(size: int | tuple[int, int]) -> tuple[int, int]:
    """A size as (height, width)."""
    return (size, size) if isinstance(size, int) else size


def resize(image: Pixels, size: int | tuple[int, int]) -> Pixels:
    """Bilinear, antialiased when shrinking. One number is the shorter side's length."""
    height, width = image.shape[-3:-1]
    if isinstance(size, int):
        short = min(height, width)
        # The longer side, rounded half up in whole numbers: the same on every machine.
        new = (
            (2 * height * size + short) // (2 * short),
            (2 * width * size + short) // (2 * short),
        )
    else:
        new = size
    if new == (height, width):
        return image
    if new[0] * new[1] > MAX_PIXELS:
        raise DoesNotFitError(
            f"the result would be {new[0]}x{new[1]}, more than {MAX_PIXELS:,} pixels"
        )
    return resampled(image, new, Image.Resampling.BILINEAR)


def resampled(image: Pixels, new: tuple[int, int], method: Image.Resampling) -> Pixels:
    """Resampled by a method of Pillow's to (height, width)."""
    height, width = image.shape[-3:-1]
    # A channel at a time: Pillow's float images have one, and 8 bits would round.
    planes = np.moveaxis(image, -1, -3).reshape(-1, height, width)
    out = np.empty((len(planes), *new), np.float32)
    for plane, target in zip(planes, out, strict=True):
        grey = Image.fromarray(np.ascontiguousarray(plane))
        target[...] = np.asarray(grey.resize((new[1], new[0]), method))
    stacked = out.reshape(*image.shape[:-3], image.shape[-1], *new)
    return np.ascontiguousarray(np.moveaxis(stacked, -3, -1))


def cut(image: Pixels, top: int, left: int, size: tuple[int, int]) -> Pixels:
    """The piece whose upper left corner is there."""
    return image[..., top : top + size[0], left : left + size[1], :]


def leftover(image: Pixels, size: tuple[int, int], pad: int = 0) -> tuple[int, int]:
    """How many rows and columns a crop of that size leaves over."""
    height, width = image.shape[-3] + 2 * pad, image.shape[-2] + 2 * pad
    down, right = height - size[0], width - size[1]
    if down < 0 or right < 0:
        padded = " with its padding" if pad else ""
        raise DoesNotFitError(
            f"it is {height}x{width}{padded}, smaller than the crop {size[0]}x{size[1]}"
        )
    return down, right


def center_crop(image: Pixels, size: int | tuple[int, int]) -> Pixels:
    """The middle of the image; an odd remainder goes right and down."""
    size = pair(size)
    down, right = leftover(image, size)
    return cut(image, down // 2, right // 2, size)


def random_crop(
    image: Pixels, size: int | tuple[int, int], rng: np.random.Generator
) -> Pixels:
    """A piece from anywhere, every place equally likely."""
    size = pair(size)
    down, right = leftover(image, size)
    return cut(image, int(rng.integers(down + 1)), int(rng.integers(right + 1)), size)


def ten_crop(image: Pixels, size: int | tuple[int, int]) -> Pixels:
    """`(H, W, C)` to `(10, h, w, C)`; views that are there already become ten each."""
    five = np.stack(corners_and_centre(image, pair(size)))
    ten = np.concatenate([five, five[..., ::-1, :]])
    return ten.reshape(-1, *ten.shape[-3:])


def corners_and_centre(image: Pixels, size: tuple[int, int]) -> list[Pixels]:
    """The four corners and the centre."""
    down, right = leftover(image, size)
    corners = [(0, 0), (0, right), (down, 0), (down, right), (down // 2, right // 2)]
    return [cut(image, top, left, size) for top, left in corners]


def pca_color(
    image: Pixels,
    std: float,
    values: NDArray[np.float64],
    vectors: NDArray[np.float64],
    white: float | Sequence[float],
    rng: np.random.Generator,
) -> Pixels:
    """Shifted along the axes of `colour_axes`, each by N(0, std) times its eigenvalue.

    The eigenvalues are in units of `white`, how far black is from white in the image.
    """
    alpha = rng.normal(0.0, std, 3)
    shift = vectors @ (alpha * values) * white
    return image + shift.astype(np.float32)


def each_view(images: Iterable[Pixels]) -> Generator[Pixels]:
    """Every view `(H, W, C)` of every image."""
    for image in images:
        yield from image.reshape(-1, *image.shape[-3:])


def mean_pixel(images: Iterable[Pixels]) -> NDArray[np.float64]:
    """The mean image `(H, W, C)`; all must have one size. Views count as images."""
    total: NDArray[np.float64] | None = None
    count = 0
    for image in each_view(images):
        if total is None:
            total = np.zeros(image.shape)
        if image.shape != total.shape:
            raise DoesNotFitError(
                f"it is {sizes(image.shape)}, those before it {sizes(total.shape)}, so "
                "there is no mean of every pixel; put center_crop or resize to a "
                "height and width before it, or take it per = channel"
            )
        total += image
        count += 1
    if total is None:
        raise DoesNotFitError("there are no training images")
    return total / count


def colour_axes(
    images: Iterable[Pixels], white: float | Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The principal axes of the images' colours: eigenvalues `(3,)`, the largest first,
    and eigenvectors `(3, 3)`, one a column, of the covariance of pixels in units of
    `white`.
    """
    total = np.zeros(3)
    products = np.zeros((3, 3))
    count = 0
    for image in images:
        if image.shape[-1] != 3:
            raise DoesNotFitError(
                "it is grey; principal axes of colour need red, green and blue"
            )
        colours = image.reshape(-1, 3).astype(np.float64) / white
        total += colours.sum(axis=0)
        products += colours.T @ colours
        count += len(colours)
    if not count:
        raise DoesNotFitError("there are no training images")
    mean = total / count
    values, vectors = np.linalg.eigh(products / count - np.outer(mean, mean))
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    # An eigenvector's sign is arbitrary; fixed, a run is the same on every machine.
    largest = np.abs(vectors).argmax(axis=0)
    return values, vectors * np.sign(vectors[largest, range(3)])


def sizes(shape: Sequence[int]) -> str:
    """A shape as the language writes it: `C x H x W`."""
    height, width, channels = shape[-3:]
    return f"{channels}x{height}x{width}"


def decoded(image: Image.Image, channels: int) -> Pixels:
    """An image as `(H, W, channels)`, 0..255: grey or colour; transparency is dropped.

    16-bit grey is brought to 0..255 without rounding.
    """
    if image.mode.startswith("I;16"):
        grey = np.asarray(image, np.float32) / 257.0
        return np.repeat(grey[..., np.newaxis], channels, axis=-1)
    if image.mode in ("I", "F"):
        raise ValueError(
            f"its pixels are of a kind that has no fixed white (mode {image.mode})"
        )
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"), np.float32)
    return pixels[..., np.newaxis] if channels == 1 else pixels


def augment(image: Pixels, learned: Learned, rng: np.random.Generator) -> Pixels:
    """A training image as the net sees it."""
    image = resize(image, 256)
    image = center_crop(image, 256)
    image = image - learned["mean"]
    image = random_crop(image, 227, rng)
    image = image[..., ::-1, :] if rng.random() < 0.5 else image
    return pca_color(
        image, 0.1, learned["eigenvalues"], learned["eigenvectors"], 255.0, rng
    )


def prepare(image: Pixels, learned: Learned) -> Pixels:
    """An image as the net is measured by it: (VIEWS, H, W, C)."""
    image = resize(image, 256)
    image = center_crop(image, 256)
    image = image - learned["mean"]
    return ten_crop(image, 227)


def learn(images: Callable[..., Iterable[Pixels]]) -> Learned:
    """What the steps must know of the training set; `images` gives it after some steps.

    A step that learns sees what those before it leave, random ones left out.
    """
    learned: Learned = {}

    def before_mean(image: Pixels) -> Pixels:
        image = resize(image, 256)
        return center_crop(image, 256)

    learned["mean"] = mean_pixel(images(before_mean)).astype(np.float32)

    def before_eigen(image: Pixels) -> Pixels:
        image = resize(image, 256)
        image = center_crop(image, 256)
        return image - learned["mean"]

    values, vectors = colour_axes(images(before_eigen), 255.0)
    learned["eigenvalues"], learned["eigenvectors"] = values, vectors
    return learned


@dataclass(frozen=True)
class Split:
    """Image files, and their labels (N,)."""

    files: list[Path]
    labels: NDArray[np.int64]

    def sample(self, index: int, steps: Callable[[Pixels], Pixels]) -> Pixels:
        """An image after these steps."""
        file = self.files[index]
        try:
            with Image.open(file, formats=FORMATS) as opened:
                return steps(decoded(ImageOps.exif_transpose(opened), SHAPE[2]))
        except Exception as error:  # decoders raise whatever a file leads them to
            sys.exit(f"error: {file}: {error}")

    def images(
        self, steps: Callable[[Pixels], Pixels] = lambda image: image
    ) -> Iterator[Pixels]:
        """Every image after these steps, in order."""
        work = (partial(self.sample, i, steps) for i in range(len(self.files)))
        return ahead(work, depth=2 * WORKERS)


def open_folder(root: Path) -> tuple[Split, Split]:
    """The images to train on and those to measure by: train/CLASS/* and val/CLASS/*."""
    classes = folders(root / "train")
    if len(classes) != CLASSES:
        found = f"{root / 'train'} has {len(classes)} classes"
        sys.exit(f"error: {found}, the net tells {CLASSES} apart")
    return open_split(root / "train", classes), open_split(root / "val", classes)


def open_split(root: Path, classes: list[str]) -> Split:
    """The images of one folder; their labels are the places of their classes."""
    files: list[Path] = []
    labels: list[int] = []
    for name in folders(root):
        if name not in classes:
            sys.exit(f"error: {root / name} is of a class that is not in train")
        here = sorted(
            file
            for file in (root / name).iterdir()
            if file.name.lower().endswith(SUFFIXES) and file.is_file()
        )
        if not here:
            sys.exit(f"error: {root / name} has no images")
        files += here
        labels += [classes.index(name)] * len(here)
    return Split(files, np.array(labels, np.int64))


def folders(path: Path) -> list[str]:
    """The folders in a folder; what systems and tools leave behind is none of them."""
    if not path.is_dir():
        sys.exit(f"error: there is no folder {path}")
    names = [entry.name for entry in path.iterdir() if entry.is_dir()]
    found = [name for name in names if not name.startswith((".", "__MACOSX", "@eaDir"))]
    if not found:
        sys.exit(f"error: {path} has no folders of classes")
    return sorted(found)


def ahead(work: Iterable[Callable[[], T]], depth: int) -> Iterator[T]:
    """The results of pieces of work, in order; threads begin `depth` of them early."""
    waiting: deque[Future[T]] = deque()
    with ThreadPoolExecutor(WORKERS) as pool:
        try:
            for piece in work:
                waiting.append(pool.submit(piece))
                if len(waiting) > depth:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def batches(
    split: Split, pieces: Sequence[NDArray[np.intp]], sample: Callable[[int], Pixels]
) -> Iterator[tuple[Pixels, NDArray[np.int64]]]:
    """Images (n, H, W, C) and labels (n,), a batch for each piece of the indices."""
    work = (partial(sample, int(index)) for piece in pieces for index in piece)
    samples = ahead(work, depth=2 * max(map(len, pieces), default=0))
    for piece in pieces:
        found = [next(samples) for _ in piece]
        images = np.stack(found) if found else np.empty((0, *SHAPE), np.float32)
        yield images, split.labels[piece]


def training_batches(
    split: Split, learned: Learned, seed: int, epoch: int
) -> Iterator[tuple[Pixels, NDArray[np.int64]]]:
    """The batches of an epoch, shuffled; the last one may be smaller."""
    order = np.random.default_rng((seed, epoch, 1)).permutation(len(split.files))

    def sample(index: int) -> Pixels:
        # Chance of its own: threads and the order of images change nothing about it.
        rng = np.random.default_rng((seed, epoch, 2, index))
        return split.sample(index, lambda image: augment(image, learned, rng))

    pieces = [share(order[i : i + BATCH]) for i in range(0, len(order), BATCH)]
    return batches(split, pieces, sample)


def evaluation_batches(
    split: Split, learned: Learned
) -> Iterator[tuple[Pixels, NDArray[np.int64]]]:
    """Every image once, on one of the processes."""
    order = np.arange(len(split.files))[RANK::PROCESSES]
    size = max(1, BATCH // VIEWS)

    def sample(index: int) -> Pixels:
        return split.sample(index, lambda image: prepare(image, learned))

    pieces = [order[i : i + size] for i in range(0, len(order), size)]
    return batches(split, pieces, sample)


# Training -----------------------------------------------------------------------------


def plateau(
    lr: float, errors: Sequence[float], factor: float, times: int, patience: int
) -> float | None:
    """The rate after epochs with these validation errors; None where training ends.

    It is multiplied by `factor` when `patience` epochs in a row were no better than the
    best before them, `times` times; where that happens once more, training ends.
    """
    best, waited, reductions = math.inf, 0, 0
    for error in errors:
        waited = 0 if error < best else waited + 1
        best = min(best, error)
        if waited == patience:
            reductions, waited = reductions + 1, 0
    return None if reductions > times else lr * factor**reductions


def write(path: Path, arrays: Mapping[str, NDArray[Any]], about: str = "") -> None:
    """A file of arrays, whole or not there: written beside, synced, renamed."""
    beside = path.with_suffix(".part")
    laid_out = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    save_file(laid_out, beside, {"about": about})
    with beside.open("rb") as file:
        os.fsync(file.fileno())
    beside.replace(path)


def read(path: Path) -> tuple[dict[str, NDArray[Any]], str]:
    """The arrays of a file, and what was said about them."""
    try:
        with safe_open(path, "numpy") as file:
            about = (file.metadata() or {}).get("about", "")
            return {name: file.get_tensor(name) for name in list(file.keys())}, about
    except (OSError, SafetensorError, TypeError) as error:
        # The last one: NumPy has no bfloat16.
        sys.exit(f"error: {path} cannot be read: {error}")


RANK = int(os.environ.get("RANK", "0"))
PROCESSES = int(os.environ.get("WORLD_SIZE", "1"))
"""As torchrun sets them: which process this is, and of how many."""


def share(batch: NDArray[np.intp]) -> NDArray[np.intp]:
    """This process's part of a batch; none of one that is too small for all."""
    return np.array_split(batch, PROCESSES)[RANK]


def join() -> None:
    """Take a GPU of this process's own, where there are any, and meet the others."""
    if torch.cuda.is_available():
        own, there = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if own >= there:
            sys.exit(f"error: process {own} has no GPU of its own: there are {there}")
        torch.cuda.set_device(own)
    # The others wait while the first learns what it must of the images.
    dist.init_process_group(timeout=timedelta(days=1))


class Training:
    """All that a run changes: the net, what its update remembers, the epochs so far."""

    def __init__(self, seed: int) -> None:
        self.device = torch.device("cpu")
        if torch.cuda.is_available():
            self.device = torch.device("cuda", torch.cuda.current_device())
            # float32 means float32: cuDNN would take TF32 for convolutions.
            torch.backends.cudnn.allow_tf32 = False
        self.seed = seed
        torch.manual_seed(seed)
        self.model = AlexNet().to(self.device)
        parameters = self.model.named_parameters()
        self.velocity = {name: torch.zeros_like(weight) for name, weight in parameters}
        self.parallel: nn.Module = self.model
        if PROCESSES > 1:
            self.parallel = DistributedDataParallel(self.model)
            torch.manual_seed(seed + RANK)  # dropout differs from process to process
        self.history: list[dict[str, float]] = []

    def step(
        self, images: Pixels, labels: NDArray[np.int64], lr: float, size: int
    ) -> list[float]:
        """One step on this process's part, (N, H, W, C) and (N,), of a batch of `size`:
        the sum of all its losses before it, and how many answers were wrong.
        """
        self.parallel.train()
        y = torch.from_numpy(labels).to(self.device)
        logits = self.parallel(self.maps(images))
        loss = F.cross_entropy(logits, y, reduction="sum") / size
        wrong = (logits.argmax(dim=1) != y).sum()
        seen = torch.stack([loss.detach().double() * size, wrong])
        if PROCESSES > 1:
            dist.all_reduce(seen)
        # The processes' gradients are averaged, and are to be summed up.
        (loss * PROCESSES).backward()
        self.update(lr)
        return seen.tolist()

    @torch.no_grad()
    def update(self, lr: float) -> None:
        """v := MOMENTUM v - WEIGHT_DECAY lr w - lr g;  w := w + v (AlexNet, section 5).

        The rate is inside the velocity; torch.optim.SGD has it outside.
        """
        for name, weight in self.model.named_parameters():
            if weight.grad is None:
                continue
            change = lr * weight.grad
            change.add_(weight, alpha=WEIGHT_DECAY * lr)
            self.velocity[name].mul_(MOMENTUM).sub_(change)
            weight.add_(self.velocity[name])
        self.model.zero_grad()

    def maps(self, images: Pixels) -> Tensor:
        """(N, H, W, C) -> (N, C, H, W) on the device."""
        maps = torch.from_numpy(images).to(self.device).permute(0, 3, 1, 2)
        return maps.clone(memory_format=torch.contiguous_format)

    @torch.no_grad()
    def evaluate(self, split: Split, learned: Learned) -> dict[str, float]:
        """The share of wrong answers, and of those wrong with five guesses."""
        self.model.eval()
        wrong = torch.zeros(2, dtype=torch.int64, device=self.device)
        for images, labels in evaluation_batches(split, learned):
            y = torch.from_numpy(labels).to(self.device)
            views = self.maps(images.reshape(-1, *SHAPE)).split(BATCH)
            answers = torch.cat([self.model.predict(some) for some in views])
            probabilities = answers.reshape(len(y), VIEWS, CLASSES).mean(dim=1)
            ranked = probabilities.argsort(dim=1, descending=True, stable=True)
            hits = ranked == y[:, None]
            wrong[0] += (~hits[:, 0]).sum()
            wrong[1] += (~hits[:, :5].any(dim=1)).sum()
        if PROCESSES > 1:
            dist.all_reduce(wrong)
        first, five = (wrong / len(split.files)).tolist()
        return {"error": first, "top5_error": five}

    def weights(self) -> dict[str, NDArray[Any]]:
        """The weights and statistics that are measured."""
        return arrays_of(self.model)

    def start_from(self, file: Path) -> None:
        """Begin with the weights of a file."""
        arrays, _ = read(file)
        fill(self.model, arrays)

    def save(self, file: Path) -> None:
        """Keep all that is needed to go on; the first process writes."""
        chance = self.chance()
        if RANK > 0:
            return
        arrays = {"chance": chance.numpy()}
        arrays |= {f"model/{name}": a for name, a in arrays_of(self.model).items()}
        for name, tensor in self.velocity.items():
            arrays[f"velocity/{name}"] = tensor.cpu().numpy()
        write(file, arrays, json.dumps({"seed": self.seed, "history": self.history}))

    def load(self, file: Path) -> None:
        """Go on from a checkpoint."""
        arrays, about = read(file)
        parts: dict[str, dict[str, NDArray[Any]]] = {}
        for path, array in arrays.items():
            part, _, name = path.partition("/")
            parts.setdefault(part, {})[name] = array
        said = json.loads(about)
        if said["seed"] != self.seed:
            sys.exit(f"error: {file} is of a run with --seed {said['seed']}")
        self.history = said["history"]
        fill(self.model, parts["model"])
        for name, array in parts["velocity"].items():
            self.velocity[name].copy_(torch.from_numpy(array))
        if len(arrays["chance"]) == PROCESSES:
            self.set_chance(torch.from_numpy(arrays["chance"][RANK]))

    def chance(self) -> Tensor:
        """Where the streams stand that dropout draws from, a row for each process."""
        state = torch.get_rng_state()
        if self.device.type == "cuda":
            state = torch.cuda.get_rng_state(self.device)
        rows = torch.zeros(PROCESSES, len(state), dtype=torch.uint8, device=self.device)
        rows[RANK] = state.to(self.device)
        if PROCESSES > 1:
            dist.all_reduce(rows)
        return rows.cpu()

    def set_chance(self, state: Tensor) -> None:
        """Let this process's stream go on from there."""
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(state, self.device)
        else:
            torch.set_rng_state(state)


def arrays_of(model: nn.Module) -> dict[str, NDArray[Any]]:
    """The weights and statistics of a net by their names."""
    return {name: tensor.cpu().numpy() for name, tensor in model.state_dict().items()}


def fill(model: nn.Module, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Give a net these weights and statistics."""
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        sys.exit(f"error: {error}")


def say(text: str) -> None:
    """One line, from one of the processes."""
    if RANK == 0:
        print(text, flush=True)


def known(file: Path, split: Split) -> Learned:
    """What the steps must know of the training images: learned once, then kept."""
    if RANK == 0 and not file.exists():
        try:
            write(file, learn(split.images))
        except DoesNotFitError as error:
            sys.exit(f"error: {error}")
    if PROCESSES > 1:
        dist.barrier()
    return read(file)[0]


def in_words(row: Mapping[str, float]) -> str:
    """What was measured, for a line."""
    return f"validation error {row['error']:.2%} (top-5 {row['top5_error']:.2%})"


def train_epoch(
    training: Training, split: Split, learned: Learned, epoch: int, lr: float
) -> dict[str, float]:
    """One epoch: the last rate, the mean loss, and the share of wrong answers."""
    totals = np.zeros(2)
    batches_of_epoch = training_batches(split, learned, training.seed, epoch)
    for step, (images, labels) in enumerate(batches_of_epoch, 1):
        size = min(BATCH, len(split.files) - (step - 1) * BATCH)
        totals += training.step(images, labels, lr, size)
        if not math.isfinite(totals[0]):
            sys.exit(f"error: the loss is no number in step {step} of epoch {epoch}")
    loss, error = totals / len(split.files)
    return {"lr": lr, "loss": float(loss), "training_error": float(error)}


def run(
    data: Path, output: Path, seed: int, weights: Path | None, evaluate: bool
) -> None:
    """Train, or go on with what is in the folder; or only measure."""
    train, held_out = open_folder(data)
    output.mkdir(parents=True, exist_ok=True)
    learned = known(output / "learned.safetensors", train)
    training = Training(seed)
    if weights:
        training.start_from(weights)
    if evaluate:
        say(in_words(training.evaluate(held_out, learned)))
        return
    checkpoint = output / "checkpoint.safetensors"
    if checkpoint.exists():
        training.load(checkpoint)
        say(f"going on after epoch {len(training.history)}")
    for epoch in range(len(training.history) + 1, EPOCHS + 1):
        errors = [row["error"] for row in training.history]
        lr = plateau(LEARNING_RATE, errors, FACTOR, TIMES, PATIENCE)
        if lr is None:
            say("the error no longer improves: training ends")
            break
        started = time.perf_counter()
        row = train_epoch(training, train, learned, epoch, lr)
        speed = len(train.files) / (time.perf_counter() - started)
        row |= training.evaluate(held_out, learned)
        say(
            f"epoch {epoch}/{EPOCHS}  loss {row['loss']:.4f}  "
            f"training error {row['training_error']:.2%}  {in_words(row)}  "
            f"lr {row['lr']:g}  {speed:,.0f} images/s"
        )
        best = all(row["error"] < before["error"] for before in training.history)
        training.history.append(row)
        if best and RANK == 0:
            write(output / "best.safetensors", training.weights())
        training.save(checkpoint)
    if RANK == 0:
        write(output / "weights.safetensors", training.weights())
    say(f"weights saved in {output / 'weights.safetensors'}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Trains AlexNet.")
    parser.add_argument("data", type=Path, help="a folder: train/CLASS/*, val/CLASS/*")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("runs/alexnet"),
        help="where weights and checkpoint are kept; a run that is there goes on",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weights", type=Path, help="begin with the weights of a file")
    parser.add_argument("--evaluate", action="store_true", help="measure, do not train")
    arguments = parser.parse_args()
    if not 0 <= arguments.seed < 2**32:
        parser.error(f"argument --seed: it is from 0 to {2**32 - 1}")
    if arguments.evaluate and arguments.weights is None:
        parser.error("argument --evaluate: of which weights? --weights FILE")
    if PROCESSES > 1:
        join()
    try:
        run(**vars(arguments))
    except (OSError, SafetensorError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    if PROCESSES > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
