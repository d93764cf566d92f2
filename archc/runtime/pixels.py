"""The arithmetic of the transforms, in NumPy; Pillow resamples.

Images are float32 `(..., H, W, C)`; every function acts on the last three axes and
leaves its argument as it was. What cannot be done raises `DoesNotFitError`.
Transforms call these functions, and programs that train carry them along.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from archc.runtime.faults import DoesNotFitError

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


METHODS = {
    "bilinear": Image.Resampling.BILINEAR,
    "area": Image.Resampling.BOX,
    "nearest": Image.Resampling.NEAREST,
    "cubic": Image.Resampling.BICUBIC,
}
"""The ways to resample, in the order that a draw counts them."""


def scaled(image: Pixels, size: tuple[int, int], method: str) -> Pixels:
    """Resampled to a height and width by one of `METHODS`."""
    if size == image.shape[-3:-1]:
        return image
    out = resampled(image, size, METHODS[method])
    if method == "cubic":
        # Its kernel has negative lobes: it would pass black and white beside an edge.
        np.clip(out, image.min(), image.max(), out=out)
    return out


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


def random_area(
    image: Pixels,
    area: tuple[float, float],
    aspect: tuple[float, float],
    rng: np.random.Generator,
) -> Pixels:
    """A piece of a share of the image's area and an aspect (width over height) drawn
    evenly, the aspect by its logarithm: a shape and its transpose are equally likely.
    """
    height, width = image.shape[-3:-1]
    for _ in range(10):
        pixels = height * width * rng.uniform(*area)
        ratio = math.exp(rng.uniform(math.log(aspect[0]), math.log(aspect[1])))
        size = (
            max(1, round(math.sqrt(pixels / ratio))),
            max(1, round(math.sqrt(pixels * ratio))),
        )
        if size[0] <= height and size[1] <= width:
            down, right = leftover(image, size)
            top, left = int(rng.integers(down + 1)), int(rng.integers(right + 1))
            return cut(image, top, left, size)
    ratio = min(max(width / height, aspect[0]), aspect[1])
    if width / height > ratio:
        return center_crop(image, (height, max(1, round(height * ratio))))
    return center_crop(image, (max(1, round(width / ratio)), width))


def ten_crop(image: Pixels, size: int | tuple[int, int]) -> Pixels:
    """`(H, W, C)` to `(10, h, w, C)`; views that are there already become ten each."""
    five = np.stack(corners_and_centre(image, pair(size)))
    ten = np.concatenate([five, five[..., ::-1, :]])
    return ten.reshape(-1, *ten.shape[-3:])


def multi_scale_crop(
    image: Pixels, size: int | tuple[int, int], scales: Sequence[int]
) -> Pixels:
    """`(H, W, C)` to `(36 len(scales), h, w, C)`: by scale, square and piece; then all
    of them mirrored."""
    size = pair(size)
    views: list[Pixels] = []
    for scale in scales:
        whole = resize(image, scale)
        height, width = whole.shape[-3:-1]
        side = min(height, width)
        for part in range(3):
            top, left = (height - side) * part // 2, (width - side) * part // 2
            square = cut(whole, top, left, (side, side))
            views += [*corners_and_centre(square, size), resize(square, size)]
    stacked = np.stack(views)
    both = np.concatenate([stacked, stacked[..., ::-1, :]])
    return both.reshape(-1, *stacked.shape[-3:])


def corners_and_centre(image: Pixels, size: tuple[int, int]) -> list[Pixels]:
    """The four corners and the centre."""
    down, right = leftover(image, size)
    corners = [(0, 0), (0, right), (down, 0), (down, right), (down // 2, right // 2)]
    return [cut(image, top, left, size) for top, left in corners]


def subtract(image: Pixels, mean: NDArray[np.float64]) -> Pixels:
    """The image less the mean of every pixel `(H, W, C)` or of every channel `(C,)`."""
    if mean.ndim == 3 and mean.shape != image.shape[-3:]:
        raise DoesNotFitError(
            f"the mean was learned at {sizes(mean.shape)}, the image is "
            f"{sizes(image.shape)} there; put subtract_mean before the steps that "
            "crop, or take it per = channel"
        )
    if mean.shape[-1] != image.shape[-1]:
        raise DoesNotFitError(
            f"the mean has {mean.shape[-1]} channels, the image {image.shape[-1]}"
        )
    return image - mean.astype(np.float32)


def normalize(
    image: Pixels, mean: float | tuple[float, ...], std: float | tuple[float, ...]
) -> Pixels:
    for name, value in (("mean", mean), ("std", std)):
        if isinstance(value, tuple) and len(value) != image.shape[-1]:
            raise DoesNotFitError(
                f"its {name} has {len(value)} values, the image {image.shape[-1]} "
                "channels"
            )
    return (image - np.asarray(mean, np.float32)) / np.asarray(std, np.float32)


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


CHANGES = ("brightness", "contrast", "colour")
"""What `photometric` changes, in the order that a draw counts them."""

LUMA = (0.299, 0.587, 0.114)
"""How much red, green and blue make a grey (ITU-R BT.601)."""


def photometric(
    image: Pixels,
    changes: Sequence[str],
    factors: Sequence[float],
    white: float | Sequence[float],
) -> Pixels:
    """Each change by its factor, in order, each cut off at black and `white`."""
    if image.min() < 0:
        raise DoesNotFitError(
            "it has pixels below black; put photometric before subtract_mean and "
            "normalize"
        )
    top = np.asarray(white, np.float32)
    for change, factor in zip(changes, factors, strict=True):
        grey = grey_of(image)
        if change == "contrast":
            # float64 within: a large image's mean is as exact as a small one's.
            mean = grey.mean(axis=(-3, -2), keepdims=True, dtype=np.float64)
            grey = mean.astype(np.float32)
        elif change == "brightness":
            grey = np.zeros_like(grey)
        changed = grey + np.float32(factor) * (image - grey)
        image = np.clip(changed, 0, top).astype(np.float32)
    return image


def grey_of(image: Pixels) -> Pixels:
    """The grey of every pixel, `(..., H, W, 1)`."""
    if image.shape[-1] != 3:
        return image.mean(axis=-1, keepdims=True)
    return image @ np.asarray(LUMA, np.float32)[:, np.newaxis]


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


def sizes(shape: Sequence[int]) -> str:
    """A shape as the language writes it: `C x H x W`."""
    height, width, channels = shape[-3:]
    return f"{channels}x{height}x{width}"
