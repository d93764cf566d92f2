"""LeNet-5 (LeCun et al. 1998, Figure 2)

Compiled by archc 0.1.0 from lenet.arch (sha256 9a281fab8cb68481).
61,706 parameters;
416.5 K multiply-adds at 1x32x32.

    python lenet.py DATA

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

SHAPE = (32, 32, 1)
"""Height, width and channels of the net's input."""

CLASSES = 10
BATCH = 32
EPOCHS = 40
LEARNING_RATE = 0.05
MOMENTUM = 0.9
WEIGHT_DECAY = 0.0005
FACTOR = 0.3
EVERY = 15
# Not in the paper: glorot (ours), bias 0 (ours), optimizer sgd(lr = 0.05, momentum =
# 0.9, weight_decay = 0.0005) (ours), schedule step(15, factor = 0.3) (ours), batch 32
# (ours), epochs 40 (ours).


# The net ------------------------------------------------------------------------------


# conv, fc: glorot, bias 0.
Conv = partial(nnx.Conv, kernel_init=nnx.initializers.glorot_uniform())
Linear = partial(nnx.Linear, kernel_init=nnx.initializers.glorot_uniform())


class LeNet(nnx.Module):
    """LeNet-5 (LeCun et al. 1998, Figure 2)

    (N, 32, 32, 1) -> (N, classes)
    """

    def __init__(self, classes: int = 10, *, rngs: nnx.Rngs) -> None:
        self.c1 = Conv(1, 6, (5, 5), padding="VALID", rngs=rngs)  # line 11
        self.c3 = Conv(6, 16, (5, 5), padding="VALID", rngs=rngs)  # line 13
        self.c5 = Conv(16, 120, (5, 5), padding="VALID", rngs=rngs)  # line 15
        self.f6 = Linear(120, 84, rngs=rngs)  # line 16
        self.output = Linear(84, classes, rngs=rngs)  # line 17

    def __call__(self, x: Array) -> Array:
        x = nnx.tanh(self.c1(x))  # 28x28x6
        x = nnx.avg_pool(x, (2, 2), strides=(2, 2))  # 14x14x6
        x = nnx.tanh(self.c3(x))  # 10x10x16
        x = nnx.avg_pool(x, (2, 2), strides=(2, 2))  # 5x5x16
        x = nnx.tanh(self.c5(x))  # 1x1x120
        x = nnx.tanh(self.f6(x.squeeze((1, 2))))  # 84
        return self.output(x)

    def predict(self, x: Array) -> Array:
        """(N, 32, 32, 1) -> class probabilities (N, classes); call eval() first."""
        return nnx.softmax(self(x))


# The images ---------------------------------------------------------------------------

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".webp")
FORMATS = ("BMP", "JPEG", "PNG", "PPM", "WEBP")
WORKERS = min(8, os.cpu_count() or 1)
"""Threads that decode."""

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


def padded_crop(
    image: Pixels, size: int | tuple[int, int], pad: int, rng: np.random.Generator
) -> Pixels:
    """A piece from anywhere, after `pad` zeros on all four sides."""
    size = pair(size)
    down, right = leftover(image, size, pad)
    # Measured from the image's own corner: above or left of it where that is negative.
    top, left = int(rng.integers(down + 1)) - pad, int(rng.integers(right + 1)) - pad
    height, width, channels = image.shape[-3:]
    out = np.zeros((*image.shape[:-3], *size, channels), np.float32)
    rows = slice(max(top, 0), max(min(top + size[0], height), 0))
    columns = slice(max(left, 0), max(min(left + size[1], width), 0))
    seen = image[..., rows, columns, :]
    down, right = max(-top, 0), max(-left, 0)
    out[..., down : down + seen.shape[-3], right : right + seen.shape[-2], :] = seen
    return out


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


def fitting(image: Pixels) -> Pixels:
    """The image, where the net takes one of its size."""
    if image.shape[-3:] != SHAPE:
        sizes = f"it ends up as {image.shape[-3:]}, the net takes {SHAPE}"
        raise DoesNotFitError(sizes)
    return image


def augment(image: Pixels, rng: np.random.Generator) -> Pixels:
    """A training image as the net sees it."""
    image = resize(image, 32)
    height, width = image.shape[-3:-1]
    image = padded_crop(image, (height, width), 2, rng)
    return fitting(image * (1 / 255))


def prepare(image: Pixels) -> Pixels:
    """An image as the net is measured by it."""
    image = resize(image, 32)
    return fitting(image * (1 / 255))


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
    split: Split, seed: int, epoch: int
) -> Iterator[tuple[Pixels, NDArray[np.int64]]]:
    """The batches of an epoch, shuffled; the last one may be smaller."""
    order = np.random.default_rng((seed, epoch, 1)).permutation(len(split.files))

    def sample(index: int) -> Pixels:
        # Chance of its own: threads and the order of images change nothing about it.
        rng = np.random.default_rng((seed, epoch, 2, index))
        return split.sample(index, lambda image: augment(image, rng))

    pieces = [order[i : i + BATCH] for i in range(0, len(order), BATCH)]
    return batches(split, pieces, sample)


def evaluation_batches(split: Split) -> Iterator[tuple[Pixels, NDArray[np.int64]]]:
    """Every image once."""
    order = np.arange(len(split.files))
    size = BATCH

    def sample(index: int) -> Pixels:
        return split.sample(index, prepare)

    pieces = [order[i : i + size] for i in range(0, len(order), size)]
    return batches(split, pieces, sample)


# Training -----------------------------------------------------------------------------


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
    graph: nnx.GraphDef[LeNet], state: State, images: Array, labels: Array, lr: float
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
def predict(graph: nnx.GraphDef[LeNet], net: nnx.State, images: Array) -> Array:
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
        model = nnx.jit(lambda: LeNet(rngs=nnx.Rngs(seed)))()
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

    def evaluate(self, split: Split) -> dict[str, float]:
        """The share of wrong answers, and of those wrong with five guesses."""
        net = self.measured
        wrong = np.zeros(2)
        for images, labels in evaluation_batches(split):
            probabilities = np.asarray(predict(self.measuring, net, on_devices(images)))
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
    return np.asarray(array)


def like(array: Array, stored: NDArray[Any]) -> Array:
    """The inverse of `plain`, of the kind of an array."""
    return jnp.asarray(stored).reshape(array.shape)


def say(text: str) -> None:
    """One line, at once."""
    print(text, flush=True)


def in_words(row: Mapping[str, float]) -> str:
    """What was measured, for a line."""
    return f"validation error {row['error']:.2%} (top-5 {row['top5_error']:.2%})"


def train_epoch(
    training: Training, split: Split, epoch: int, lr: float
) -> dict[str, float]:
    """One epoch: the last rate, the mean loss, and the share of wrong answers."""
    totals = np.zeros(2)
    batches_of_epoch = training_batches(split, training.seed, epoch)
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
    training = Training(seed)
    if weights:
        training.start_from(weights)
    if evaluate:
        say(in_words(training.evaluate(held_out)))
        return
    checkpoint = output / "checkpoint.safetensors"
    if checkpoint.exists():
        training.load(checkpoint)
        say(f"going on after epoch {len(training.history)}")
    for epoch in range(len(training.history) + 1, EPOCHS + 1):
        lr = LEARNING_RATE * FACTOR ** ((epoch - 1) // EVERY)
        started = time.perf_counter()
        row = train_epoch(training, train, epoch, lr)
        speed = len(train.files) / (time.perf_counter() - started)
        row |= training.evaluate(held_out)
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
    parser = argparse.ArgumentParser(description="Trains LeNet.")
    parser.add_argument("data", type=Path, help="a folder: train/CLASS/*, val/CLASS/*")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("runs/lenet"),
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
