"""VGG-A (Simonyan & Zisserman 2014, Table 1, column A)

Compiled by archc 0.1.0 from vgg_a.arch (sha256 41504fa528a9da3a).
132,863,336 parameters;
7.609 G multiply-adds at 3x224x224.

    python vgg_a.py DATA

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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
BATCH = 256
EPOCHS = 74
LEARNING_RATE = 0.01
MOMENTUM = 0.9
WEIGHT_DECAY = 0.0005
FACTOR = 0.1
TIMES = 3
PATIENCE = 5
SCALES = (256,)
"""Shorter sides of an image, which is measured whole (VGG, sections 3.2 and 4.2)."""


# The net ------------------------------------------------------------------------------


def flatten(x: Array) -> Array:
    """(N, H, W, C) -> (N, C * H * W), in the order of the weight file: C, H, W."""
    return x.transpose(0, 3, 1, 2).reshape(x.shape[0], -1)


def slide(layer: nnx.Linear, x: Array, size: tuple[int, int] = (1, 1)) -> Array:
    """A fully connected layer over maps of a size, at every place of a larger one: the
    convolution that has the layer's weights (Simonyan & Zisserman 2014, Section 3.2).

    (N, H, W, C) -> (N, H - height + 1, W - width + 1, out_features)
    """
    if x.shape[1:3] == size:
        return layer(flatten(x))[:, None, None]
    # The kernel's rows are in the order C, H, W, as `flatten` leaves a map.
    kernel = layer.kernel.reshape(-1, *size, layer.out_features).transpose(1, 2, 0, 3)
    order = ("NHWC", "HWIO", "NHWC")
    x = lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=order)
    return x if layer.bias is None else x + layer.bias


# conv, fc: normal(mean = 0.0, std = 0.01), bias 0.
Conv = partial(nnx.Conv, kernel_init=nnx.initializers.normal(0.01))
Linear = partial(nnx.Linear, kernel_init=nnx.initializers.normal(0.01))


class VGGA(nnx.Module):
    """VGG-A (Simonyan & Zisserman 2014, Table 1, column A)

    (N, H, W, 3) -> (N, classes)

    It is trained at 224x224. Over the map of a larger image the fully connected layers
    slide, and the scores of all places are averaged.
    """

    def __init__(self, classes: int = 1000, *, rngs: nnx.Rngs) -> None:
        self.conv1 = Conv(3, 64, (3, 3), rngs=rngs)  # line 11
        self.conv2 = Conv(64, 128, (3, 3), rngs=rngs)  # line 13
        self.conv3 = Conv(128, 256, (3, 3), rngs=rngs)  # line 15
        self.conv4 = Conv(256, 256, (3, 3), rngs=rngs)  # line 15
        self.conv5 = Conv(256, 512, (3, 3), rngs=rngs)  # line 17
        self.conv6 = Conv(512, 512, (3, 3), rngs=rngs)  # line 17
        self.conv7 = Conv(512, 512, (3, 3), rngs=rngs)  # line 19
        self.conv8 = Conv(512, 512, (3, 3), rngs=rngs)  # line 19
        self.fc1 = Linear(512 * 7 * 7, 4096, rngs=rngs)  # line 21
        self.dropout1 = nnx.Dropout(0.5, rngs=rngs)  # line 8
        self.fc2 = Linear(4096, 4096, rngs=rngs)  # line 22
        self.dropout2 = nnx.Dropout(0.5, rngs=rngs)  # line 8
        self.fc3 = Linear(4096, classes, rngs=rngs)  # line 23

    def __call__(self, x: Array) -> Array:
        x = nnx.relu(self.conv1(x))  # 224x224x64
        x = nnx.max_pool(x, (2, 2), strides=(2, 2))  # 112x112x64
        x = nnx.relu(self.conv2(x))  # 112x112x128
        x = nnx.max_pool(x, (2, 2), strides=(2, 2))  # 56x56x128
        x = nnx.relu(self.conv3(x))  # 56x56x256
        x = nnx.relu(self.conv4(x))  # 56x56x256
        x = nnx.max_pool(x, (2, 2), strides=(2, 2))  # 28x28x256
        x = nnx.relu(self.conv5(x))  # 28x28x512
        x = nnx.relu(self.conv6(x))  # 28x28x512
        x = nnx.max_pool(x, (2, 2), strides=(2, 2))  # 14x14x512
        x = nnx.relu(self.conv7(x))  # 14x14x512
        x = nnx.relu(self.conv8(x))  # 14x14x512
        x = nnx.max_pool(x, (2, 2), strides=(2, 2))  # 7x7x512
        x = self.dropout1(nnx.relu(slide(self.fc1, x, (7, 7))))  # 1x1x4096
        x = self.dropout2(nnx.relu(slide(self.fc2, x)))  # 1x1x4096
        x = slide(self.fc3, x)  # 1x1x1000
        return x.mean(axis=(1, 2))

    def predict(self, x: Array) -> Array:
        """(N, H, W, 3) -> class probabilities (N, classes); call eval() first."""
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


def random_crop(
    image: Pixels, size: int | tuple[int, int], rng: np.random.Generator
) -> Pixels:
    """A piece from anywhere, every place equally likely."""
    size = pair(size)
    down, right = leftover(image, size)
    return cut(image, int(rng.integers(down + 1)), int(rng.integers(right + 1)), size)


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


def mean_channel(images: Iterable[Pixels]) -> NDArray[np.float64]:
    """The mean of every channel `(C,)`, over all pixels of all images."""
    total: NDArray[np.float64] | float = 0.0
    count = 0
    for image in images:
        total = total + image.reshape(-1, image.shape[-1]).sum(axis=0, dtype=np.float64)
        count += image.size // image.shape[-1]
    if not count:
        raise DoesNotFitError("there are no training images")
    return np.asarray(total / count)


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
    image = image - learned["mean"]
    image = random_crop(image, 224, rng)
    image = image[..., ::-1, :] if rng.random() < 0.5 else image
    return pca_color(
        image, 0.1, learned["eigenvalues"], learned["eigenvectors"], 255.0, rng
    )


def prepare(image: Pixels, learned: Learned) -> list[Pixels]:
    """An image as the net is measured by it: whole, at every scale, and mirrored."""
    image = image - learned["mean"]
    whole = [resize(image, side) for side in SCALES]
    return [*whole, *(view[:, ::-1] for view in whole)]


def learn(images: Callable[..., Iterable[Pixels]]) -> Learned:
    """What the steps must know of the training set; `images` gives it after some steps.

    A step that learns sees what those before it leave, random ones left out.
    """
    learned: Learned = {}

    def before_mean(image: Pixels) -> Pixels:
        return resize(image, 256)

    learned["mean"] = mean_channel(images(before_mean)).astype(np.float32)

    def before_eigen(image: Pixels) -> Pixels:
        image = resize(image, 256)
        return image - learned["mean"]

    values, vectors = colour_axes(images(before_eigen), 255.0)
    learned["eigenvalues"], learned["eigenvectors"] = values, vectors
    return learned


@dataclass(frozen=True)
class Split:
    """Image files, and their labels (N,)."""

    files: list[Path]
    labels: NDArray[np.int64]

    def sample(self, index: int, steps: Callable[[Pixels], T]) -> T:
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


Views = tuple[NDArray[np.intp], Pixels]
"""Views (n, H, W, C) of one size, behind the images of a batch that they show (n,)."""


def by_size(images: Sequence[Sequence[Pixels]]) -> list[Views]:
    """The views of a batch of images, those of one size together."""
    groups: dict[tuple[int, ...], tuple[list[int], list[Pixels]]] = {}
    for index, views in enumerate(images):
        for view in views:
            shown, same = groups.setdefault(view.shape, ([], []))
            shown.append(index)
            same.append(view)
    return [(np.array(shown), np.stack(same)) for shown, same in groups.values()]


def evaluation_batches(
    split: Split, learned: Learned
) -> Iterator[tuple[list[Views], NDArray[np.int64]]]:
    """The views of every image."""
    order = np.arange(len(split.files))
    # An image and its mirror at the largest scale, where it is up to two squares long.
    pixels = 2 * 2 * max(SCALES) ** 2
    size = max(1, BATCH * SHAPE[0] * SHAPE[1] // pixels)

    def sample(index: int) -> list[Pixels]:
        return split.sample(index, lambda image: prepare(image, learned))

    pieces = [order[i : i + size] for i in range(0, len(order), size)]
    samples = ahead((partial(sample, int(index)) for index in order), depth=2 * size)
    for piece in pieces:
        yield by_size([next(samples) for _ in piece]), split.labels[piece]


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
    graph: nnx.GraphDef[VGGA], state: State, images: Array, labels: Array, lr: float
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
    net = nnx.merge_state(parameters, others)
    return State(net, velocity), (loss, wrong)


def cross_entropy(logits: Array, labels: Array) -> Array:
    """The mean over the batch, of logits (N, CLASSES) and labels (N,)."""
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


@partial(jax.jit, static_argnums=0, out_shardings=EVERYWHERE)
def predict(graph: nnx.GraphDef[VGGA], net: nnx.State, images: Array) -> Array:
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
        model = nnx.jit(lambda: VGGA(rngs=nnx.Rngs(seed)))()
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
        for groups, labels in evaluation_batches(split, learned):
            # Summed over an image's views: the classes rank as by the mean.
            probabilities = np.zeros((len(labels), CLASSES))
            for shown, views in groups:
                answers = predict(self.measuring, net, on_devices(views))
                np.add.at(probabilities, shown, np.asarray(answers))
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
    parser = argparse.ArgumentParser(description="Trains VGGA.")
    parser.add_argument("data", type=Path, help="a folder: train/CLASS/*, val/CLASS/*")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("runs/vgg_a"),
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
