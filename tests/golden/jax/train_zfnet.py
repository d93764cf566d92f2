"""ZFNet (Zeiler & Fergus 2013, Figure 3)

Compiled by archc 0.1.0 from zfnet.arch (sha256 64097235426a25f0).
62,357,608 parameters;
1.168 G multiply-adds at 3x224x224.

    python zfnet.py DATA

trains it by its recipe on DATA/train/CLASS/*.jpg, measures it on
DATA/val/CLASS/*.jpg, and goes on where it was stopped.
"""

import argparse
import json
import math
import os
import re
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax import Array, lax
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from numpy.typing import NDArray
from PIL import Image, ImageOps
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

# The recipe ---------------------------------------------------------------------------

SHAPE = (224, 224, 3)
"""Height, width and channels of the net's input."""

CLASSES = 1000
BATCH = 128
EPOCHS = 70
LEARNING_RATE = 0.01
MOMENTUM = 0.9
WEIGHT_DECAY = 0.0005
FILTER_RMS = 0.1
FACTOR = 0.1
TIMES = 3
PATIENCE = 5
VIEWS = 10
"""Of an image, when the net is measured; its answers to them are averaged."""

# Not in the paper: conv pad (110x110 in Figure 3), lrn 5 (AlexNet), lrn 5 (AlexNet),
# ten_crop(input) (AlexNet), normal 0.01 (AlexNet), sgd weight_decay 0.0005 (AlexNet),
# plateau factor 0.1 (AlexNet), plateau times 3 (AlexNet).


# The net ------------------------------------------------------------------------------


def flatten(x: Array) -> Array:
    """(N, H, W, C) -> (N, C * H * W), in the order of the weight file: C, H, W."""
    return x.transpose(0, 3, 1, 2).reshape(x.shape[0], -1)


def lrn(x: Array, n: int, k: float, alpha: float, beta: float) -> Array:
    """Local response normalisation (Krizhevsky et al. 2012, Section 3.3).

    (N, ..., C) -> the same. In float32 at least: squares overflow in float16.
    """
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    channels = x.shape[-1]
    padding = [*[(0, 0)] * (x.ndim - 1), (n // 2, n // 2)]
    squares = jnp.pad(wide * wide, padding)
    total = sum(squares[..., i : i + channels] for i in range(n))
    return (wide / (k + alpha * total) ** beta).astype(x.dtype)


def overhang(
    x: Array,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int] = (0, 0),
) -> list[tuple[int, int]]:
    """The padding (before, after) of H and W that rounds a pooled map's size up.

    A window that would begin behind the map and its padding before is left out.
    """
    pairs: list[tuple[int, int]] = []
    for size, k, s, p in zip(x.shape[1:3], kernel, stride, padding, strict=True):
        last = min(-(-(size + 2 * p - k) // s), (size + p - 1) // s)
        pairs.append((p, max(0, last * s + k - size - p)))
    return pairs


def max_pool_up(
    x: Array,
    kernel: tuple[int, int],
    strides: tuple[int, int],
    padding: tuple[int, int] = (0, 0),
) -> Array:
    """Max pooling whose size is rounded up, (N, H, W, C) -> (N, H_out, W_out, C)."""
    pairs = overhang(x, kernel, strides, padding)
    return nnx.pool(x, -jnp.inf, lax.max, kernel, strides, pairs)


# conv, fc: normal(mean = 0.0, std = 0.01), bias 0.
Conv = partial(nnx.Conv, kernel_init=nnx.initializers.normal(0.01))
Linear = partial(nnx.Linear, kernel_init=nnx.initializers.normal(0.01))


class ZFNet(nnx.Module):
    """ZFNet (Zeiler & Fergus 2013, Figure 3)

    (N, 224, 224, 3) -> (N, classes)
    """

    def __init__(self, classes: int = 1000, *, rngs: nnx.Rngs) -> None:
        self.conv1 = Conv(3, 96, (7, 7), strides=2, padding=1, rngs=rngs)  # line 11
        # line 12
        self.conv2 = Conv(96, 256, (5, 5), strides=2, padding="VALID", rngs=rngs)
        self.conv3 = Conv(256, 384, (3, 3), rngs=rngs)  # line 13
        self.conv4 = Conv(384, 384, (3, 3), rngs=rngs)  # line 14
        self.conv5 = Conv(384, 256, (3, 3), rngs=rngs)  # line 15
        self.fc6 = Linear(256 * 6 * 6, 4096, rngs=rngs)  # line 16
        self.dropout1 = nnx.Dropout(0.5, rngs=rngs)  # line 16
        self.fc7 = Linear(4096, 4096, rngs=rngs)  # line 17
        self.dropout2 = nnx.Dropout(0.5, rngs=rngs)  # line 17
        self.fc8 = Linear(4096, classes, rngs=rngs)  # line 18

    def __call__(self, x: Array) -> Array:
        x = nnx.relu(self.conv1(x))  # 110x110x96
        x = max_pool_up(x, (3, 3), strides=(2, 2))  # 55x55x96
        x = lrn(x, n=5, k=2.0, alpha=0.0001, beta=0.75)  # 55x55x96
        x = nnx.relu(self.conv2(x))  # 26x26x256
        x = max_pool_up(x, (3, 3), strides=(2, 2))  # 13x13x256
        x = lrn(x, n=5, k=2.0, alpha=0.0001, beta=0.75)  # 13x13x256
        x = nnx.relu(self.conv3(x))  # 13x13x384
        x = nnx.relu(self.conv4(x))  # 13x13x384
        x = nnx.relu(self.conv5(x))  # 13x13x256
        x = max_pool_up(x, (3, 3), strides=(2, 2))  # 6x6x256
        x = self.dropout1(nnx.relu(self.fc6(flatten(x))))  # 4096
        x = self.dropout2(nnx.relu(self.fc7(x)))  # 4096
        return self.fc8(x)

    def predict(self, x: Array) -> Array:
        """(N, 224, 224, 3) -> class probabilities (N, classes); call eval() first."""
        return nnx.softmax(self(x))


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
    return ten_crop(image, 224)[int(rng.integers(10))]


def prepare(image: Pixels, learned: Learned) -> Pixels:
    """An image as the net is measured by it: (VIEWS, H, W, C)."""
    image = resize(image, 256)
    image = center_crop(image, 256)
    image = image - learned["mean"]
    return ten_crop(image, 224)


def learn(images: Callable[..., Iterable[Pixels]]) -> Learned:
    """What the steps must know of the training set; `images` gives it after some steps.

    A step that learns sees what those before it leave, random ones left out.
    """
    learned: Learned = {}

    def before_mean(image: Pixels) -> Pixels:
        image = resize(image, 256)
        return center_crop(image, 256)

    learned["mean"] = mean_pixel(images(before_mean)).astype(np.float32)
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
        yield np.stack([next(samples) for _ in piece]), split.labels[piece]


def training_batches(
    split: Split, learned: Learned, seed: int, epoch: int
) -> Iterator[tuple[Pixels, NDArray[np.int64]]]:
    """The batches of an epoch, shuffled; the last one may be smaller."""
    order = np.random.default_rng((seed, epoch, 1)).permutation(len(split.files))

    def sample(index: int) -> Pixels:
        # Chance of its own: threads and the order of images change nothing about it.
        rng = np.random.default_rng((seed, epoch, 2, index))
        return split.sample(index, lambda image: augment(image, learned, rng))

    pieces = [order[i : i + BATCH] for i in range(0, len(order), BATCH)]
    return batches(split, pieces, sample)


def evaluation_batches(
    split: Split, learned: Learned
) -> Iterator[tuple[Pixels, NDArray[np.int64]]]:
    """Every image once."""
    order = np.arange(len(split.files))
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


jax.config.update("jax_default_matmul_precision", "highest")  # no TF32

MESH = jax.make_mesh((jax.device_count(),), ("data",), axis_types=(AxisType.Auto,))
SHARED = NamedSharding(MESH, PartitionSpec("data"))
EVERYWHERE = NamedSharding(MESH, PartitionSpec())
"""A batch is shared out over all devices; weights are on every one of them."""


class State(NamedTuple):
    """All that a step changes."""

    net: nnx.State
    velocity: nnx.State


@partial(jax.jit, static_argnums=0, donate_argnums=1, out_shardings=EVERYWHERE)
def train_step(
    graph: nnx.GraphDef[ZFNet], state: State, images: Array, labels: Array, lr: float
) -> tuple[State, tuple[Array, Array]]:
    """One step on (N, H, W, C) and (N,): what it changes; the mean loss before it, and
    how many answers were wrong.
    """
    images, labels = lax.with_sharding_constraint((images, labels), SHARED)
    before, others = nnx.split_state(state.net, nnx.Param, ...)

    def loss_of(parameters: nnx.State) -> tuple[Array, tuple[Array, nnx.State]]:
        model = nnx.merge(graph, parameters, others, copy=True)
        logits = model(images)
        loss = cross_entropy(logits, labels)
        wrong = (logits.argmax(axis=1) != labels).sum()
        return loss, (wrong, nnx.state(model, nnx.Not(nnx.Param)))

    measured = jax.value_and_grad(loss_of, has_aux=True)
    (loss, (wrong, others)), gradients = measured(before)
    gradients = jax.tree.map(lambda g, w: g + WEIGHT_DECAY * w, gradients, before)
    # AlexNet, section 5: the rate is inside the velocity; optax.sgd has it outside.
    velocity = jax.tree.map(
        lambda v, g: MOMENTUM * v - lr * g, state.velocity, gradients
    )
    parameters = jax.tree.map(jnp.add, before, velocity)
    parameters = limited(graph, parameters, others)
    net = nnx.merge_state(parameters, others)
    return State(net, velocity), (loss, wrong)


def cross_entropy(logits: Array, labels: Array) -> Array:
    """The mean over the batch, of logits (N, CLASSES) and labels (N,)."""
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


def limited(
    graph: nnx.GraphDef[ZFNet], parameters: nnx.State, others: nnx.State
) -> nnx.State:
    """Each filter is scaled back whose root mean square is above FILTER_RMS."""
    model = nnx.merge(graph, parameters, others, copy=True)
    for _, layer in nnx.iter_modules(model):
        if isinstance(layer, nnx.Conv):
            kernel = layer.kernel[...]
            rms = jnp.sqrt(jnp.square(kernel).mean(axis=(0, 1, 2), keepdims=True))
            kernel *= jnp.where(rms > FILTER_RMS, FILTER_RMS / rms, 1.0)
            layer.kernel[...] = kernel
    return nnx.state(model, nnx.Param)


@partial(jax.jit, static_argnums=0, out_shardings=EVERYWHERE)
def predict(graph: nnx.GraphDef[ZFNet], net: nnx.State, images: Array) -> Array:
    """Class probabilities (N, CLASSES) of (N, H, W, C)."""
    images = lax.with_sharding_constraint(images, SHARED)
    return nnx.merge(graph, net, copy=True).predict(images)


def on_devices(array: NDArray[Any]) -> Array:
    """A share on each device; all of it, where it does not come out even."""
    even = len(array) % MESH.size == 0
    return jax.device_put(array, SHARED if even else EVERYWHERE)


class Training:
    """A run: the net's arrays, what its update remembers, the epochs so far."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        # Compiled as one: made array by array, each shape would be compiled by itself.
        model = nnx.jit(lambda: ZFNet(rngs=nnx.Rngs(seed)))()
        model.eval()
        self.measuring = nnx.graphdef(model)
        model.train()
        self.training, net = nnx.split(model)
        parameters = nnx.filter_state(net, nnx.Param)
        state = State(
            net,
            jax.tree.map(jnp.zeros_like, parameters),
        )
        self.state: State = jax.device_put(state, EVERYWHERE)
        self.history: list[dict[str, float]] = []

    def step(self, images: Pixels, labels: NDArray[np.int64], lr: float) -> list[float]:
        """One step on (N, H, W, C) and (N,): the sum of the losses before it, and how
        many answers were wrong.
        """
        self.state, seen = train_step(
            self.training, self.state, on_devices(images), on_devices(labels), lr
        )
        loss, wrong = jax.device_get(seen)
        return [float(loss) * len(labels), float(wrong)]

    @property
    def measured(self) -> nnx.State:
        """The net's arrays that are measured."""
        return self.state.net

    def evaluate(self, split: Split, learned: Learned) -> dict[str, float]:
        """The share of wrong answers, and of those wrong with five guesses."""
        net = self.measured
        wrong = np.zeros(2)
        for images, labels in evaluation_batches(split, learned):
            views = images.reshape(-1, *SHAPE)
            pieces = [views[i : i + BATCH] for i in range(0, len(views), BATCH)]
            answers = [predict(self.measuring, net, on_devices(p)) for p in pieces]
            apart = np.concatenate([np.asarray(answer) for answer in answers])
            probabilities = apart.reshape(len(labels), VIEWS, CLASSES).mean(axis=1)
            hits = np.argsort(-probabilities, axis=1, kind="stable") == labels[:, None]
            wrong += [(~hits[:, 0]).sum(), (~hits[:, :5].any(axis=1)).sum()]
        first, five = wrong / len(split.files)
        return {"error": float(first), "top5_error": float(five)}

    def weights(self) -> dict[str, NDArray[Any]]:
        """The weights and statistics that are measured, in PyTorch's layout."""
        variables = nnx.to_flat_state(nnx.filter_state(self.measured, nnx.Param))
        found: dict[str, NDArray[Any]] = {}
        for path, variable in variables:
            array = np.asarray(variable.get_value())
            found[file_name(path)] = array.transpose(FROM_FLAX[array.ndim])
        return found

    def start_from(self, file: Path) -> None:
        """Begin with the weights of a file."""
        arrays, _ = read(file)
        variables = list(nnx.to_flat_state(nnx.filter_state(self.state.net, nnx.Param)))
        if differing := arrays.keys() ^ {file_name(path) for path, _ in variables}:
            sys.exit(f"error: {file} is of another net: {', '.join(sorted(differing))}")
        filled: list[tuple[Any, Any]] = []
        for path, variable in variables:
            array = arrays[file_name(path)]
            array = array.transpose(TO_FLAX[array.ndim])
            if array.shape != variable.get_value().shape:
                sys.exit(f"error: {file} is of another net: {file_name(path)}")
            filled.append((path, variable.replace(jnp.asarray(array))))
        started = nnx.from_flat_state(filled)
        state = self.state._replace(net=nnx.merge_state(self.state.net, started))
        self.state = jax.device_put(state, EVERYWHERE)

    def save(self, file: Path) -> None:
        """Keep all that is needed to go on."""
        leaves = jax.tree_util.tree_leaves_with_path(self.state)
        arrays = {name_of(path): plain(leaf) for path, leaf in leaves}
        write(file, arrays, json.dumps({"seed": self.seed, "history": self.history}))

    def load(self, file: Path) -> None:
        """Go on from a checkpoint."""
        arrays, about = read(file)
        said = json.loads(about)
        if said["seed"] != self.seed:
            sys.exit(f"error: {file} is of a run with --seed {said['seed']}")
        self.history = said["history"]
        leaves = jax.tree_util.tree_leaves_with_path(self.state)
        if arrays.keys() != {name_of(path) for path, _ in leaves}:
            sys.exit(f"error: {file} is of another net")
        state = jax.tree_util.tree_map_with_path(
            lambda path, leaf: like(leaf, arrays[name_of(path)]), self.state
        )
        self.state = jax.device_put(state, EVERYWHERE)


FROM_FLAX = {1: (0,), 2: (1, 0), 4: (3, 2, 0, 1)}
TO_FLAX = {1: (0,), 2: (1, 0), 4: (2, 3, 1, 0)}
"""Kernels are (H, W, in, out) and (in, out) in Flax, in files (out, in, H, W)."""


def file_name(path: Sequence[Any]) -> str:
    """The name of an array in a file: conv1.kernel is conv1.weight there."""
    numbered = r"\blayers\.(\d+)"
    name = re.sub(numbered, r"\1", ".".join(map(str, path)))
    layer, dot, array = name.rpartition(".")
    names = {
        "kernel": "weight",
        "scale": "weight",
        "mean": "running_mean",
        "var": "running_var",
    }
    return layer + dot + names.get(array, array)


def name_of(path: Any) -> str:
    """A path in a tree of arrays as one word."""
    return jax.tree_util.keystr(path, simple=True, separator="/").removesuffix("/value")


def plain(array: Array) -> NDArray[Any]:
    """An array for a file; the state of a random stream as numbers."""
    if jnp.issubdtype(array.dtype, jax.dtypes.prng_key):
        array = jax.random.key_data(array)
    return np.asarray(array)


def like(array: Array, stored: NDArray[Any]) -> Array:
    """The inverse of `plain`, of the kind of an array."""
    if jnp.issubdtype(array.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(jnp.asarray(stored))
    return jnp.asarray(stored).reshape(array.shape)


def say(text: str) -> None:
    """One line, at once."""
    print(text, flush=True)


def known(file: Path, split: Split) -> Learned:
    """What the steps must know of the training images: learned once, then kept."""
    if not file.exists():
        try:
            write(file, learn(split.images))
        except DoesNotFitError as error:
            sys.exit(f"error: {error}")
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
        totals += training.step(images, labels, lr)
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
        if best:
            write(output / "best.safetensors", training.weights())
        training.save(checkpoint)
    write(output / "weights.safetensors", training.weights())
    say(f"weights saved in {output / 'weights.safetensors'}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Trains ZFNet.")
    parser.add_argument("data", type=Path, help="a folder: train/CLASS/*, val/CLASS/*")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("runs/zfnet"),
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
    try:
        run(**vars(arguments))
    except (OSError, SafetensorError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
