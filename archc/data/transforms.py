"""What a recipe's `augment { }` and `evaluate { }` are made of.

An image is float32, `(H, W, C)`, its pixels 0..255 as the file holds them; after
`ten_crop` and `multi_scale_crop` it is `(views, H, W, C)`. Transforms act on the last three axes.

This module knows what each transform means; the arithmetic on pixels is in
`archc.runtime.pixels`, loaded on first use so that commands that only read a spec pay
for neither NumPy nor Pillow.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, cast

from pydantic import Field, model_validator
from typing_extensions import override

from archc.data.sizes import SizeOf
from archc.errors import data as data_errors
from archc.form import Form

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from archc.diagnostics import Diagnostic

    Pixels = NDArray[np.float32]
    Learned = Mapping[str, NDArray[np.float64]]

Where = Literal["augment", "evaluate"]

MAX_SIDE = 4096
"""The largest side a recipe may ask for: a spec is untrusted and this bounds its memory."""

Side = Annotated[int, Field(gt=0, le=MAX_SIDE)]
_Size = Side | tuple[Side, Side]
Size = Annotated[_Size, SizeOf.PIECE]
"""One side for a square, or (height, width)."""

Strip = Annotated[int, Field(ge=0, le=MAX_SIDE), SizeOf.MARGIN]

MAX_SCALES = 16
"""How many scales one step may look at: each costs as much memory as the image."""

Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(gt=0, le=1)]


@dataclass(frozen=True)
class Given:
    """What a transform is given besides the image."""

    rng: "np.random.Generator"
    """The image's own source of chance: seeded by (seed, epoch, index of the image)."""

    learned: "Learned"
    """What the transform learned from the training set."""

    white: tuple[float, ...]
    """How far black is from white at this point, a channel: 255 until something scales."""


class Transform(Form, ABC):
    """One step from an image file to the net's input."""

    random: ClassVar[bool] = False
    """Draws: differs from epoch to epoch."""

    pointwise: ClassVar[bool] = False
    """Changes the values of pixels in a fixed way: what is learned later depends on it."""

    @abstractmethod
    def apply(self, image: "Pixels", given: "Given") -> "Pixels":
        """The image, transformed. Raises `DoesNotFitError`. Never writes into its argument."""

    @property
    def views(self) -> int:
        """How many views of an image it gives; the net's answers to them are averaged."""
        return 1

    def white(self, white: tuple[float, ...]) -> tuple[float, ...]:
        """How far black is from white after this, a channel."""
        return white

    def __str__(self) -> str:
        return spell(self)


class LearningTransform(Transform):
    """A transform that learns something from the training set first."""

    @abstractmethod
    def learn(self, images: Iterable["Pixels"], white: tuple[float, ...]) -> "Learned":
        """What it must know of the training images, as they reach it. Raises `DoesNotFitError`."""


class Resize(Transform):
    """Scales by bilinear interpolation, antialiased when it shrinks.

    One number is the length of the *shorter side*, the aspect kept (AlexNet, section 2);
    a pair is the exact height and width.
    """

    word = "resize"
    size: Annotated[_Size, SizeOf.IMAGE]

    @override
    def apply(self, image: "Pixels", given: "Given") -> "Pixels":
        from archc.runtime import pixels

        return pixels.resize(image, self.size)


class JitterResize(Transform):
    """Scales as `resize` does, to a shorter side drawn from `low` to `high`: scale jittering
    (VGG, section 3.1: from 256 to 512). Every whole number of pixels is equally likely.
    """

    word = "jitter_resize"
    random = True
    low: Annotated[Side, SizeOf.SIDE]
    high: Annotated[Side, SizeOf.SIDE]

    @model_validator(mode="after")
    def _ordered(self) -> "JitterResize":
        if self.low > self.high:
            raise ValueError("low must not be more than high")
        return self

    @override
    def apply(self, image: "Pixels", given: "Given") -> "Pixels":
        from archc.runtime import pixels

        return pixels.resize(image, int(given.rng.integers(self.low, self.high + 1)))


class CenterCrop(Transform):
    """The middle of the image (AlexNet, section 2); an odd remainder goes right and down."""

    word = "center_crop"
    size: Size

    @override
    def apply(self, image: "Pixels", given: "Given") -> "Pixels":
        from archc.runtime import pixels

        return pixels.center_crop(image, self.size)


class RandomCrop(Transform):
    """A piece from anywhere in the image, every place equally likely (AlexNet, section 4.1).

    `pad` zeros are put on all four sides first.
    """

    word = "random_crop"
    random = True
    size: Size
    pad: Strip = 0

    @override
    def apply(self, image: "Pixels", given: "Given") -> "Pixels":
        from archc.runtime import pixels

        if self.pad:
            return pixels.padded_crop(image, self.size, self.pad, given.rng)
        return pixels.random_crop(image, self.size, given.rng)


class RandomAreaCrop(Transform):
    """A piece of any size and shape from anywhere, scaled to `size` (GoogLeNet, section 6).

    Its share of the image's area lies evenly in `area`, its width over its height in `aspect`,
    a shape and its transpose equally likely. Where ten draws in a row do not fit the image,
    it is the largest piece from the middle of an aspect that is allowed.

    `varied` interpolation is bilinear, area, nearest or cubic, equally likely; all but nearest
    are antialiased, and none passes the darkest and the brightest value of the piece.
    """

    word = "random_area_crop"
    random = True
    size: Size
    area: tuple[Share, Share] = (0.08, 1.0)
    aspect: tuple[Positive, Positive] = (0.75, 1.3333)
    interpolation: Literal["bilinear", "area", "nearest", "cubic", "varied"] = "bilinear"

    @model_validator(mode="after")
    def _ordered(self) -> "RandomAreaCrop":
        for name, (low, high) in (("area", self.area), ("aspect", self.aspect)):
            if low > high:
                raise ValueError(f"the lower end of {name} comes first")
        return self

    @override
    def apply(self, image: "Pixels", given: "Given") -> "Pixels":
        from archc.runtime import pixels

        piece = pixels.random_area(image, self.area, self.aspect, given.rng)
        method = self.interpolation
        if method == "varied":
            method = list(pixels.METHODS)[int(given.rng.integers(len(pixels.METHODS)))]
        return pixels.scaled(piece, pixels.pair(self.size), method)


class Flip(Transform):
    """Mirrors left and right, in half of the cases (AlexNet, section 4.1)."""

    word = "flip"
    random = True

    @override
    def apply(self, image: "Pixels", given: "Given") -> "Pixels":
        return image[..., ::-1, :] if given.rng.random() < 0.5 else image


class Shift(Transform):
    """Moves the image by up to `pixels` up, down, left and right; the strip laid bare is zero.

    Zero is black on raw pixels and the mean after `subtract_mean`. Every whole number
    of pixels is equally likely.
    """

    word = "shift"
    random = True
    pixels: Strip

    @override
    def apply(self, image: "Pixels", given: "Given") -> "Pixels":
        from archc.runtime import pixels

        size = image.shape[-3], image.shape[-2]
        return pixels.padded_crop(image, size, self.pixels, given.rng)


class SubtractMean(LearningTransform):
    """Subtracts the training set's mean: of every pixel (AlexNet, section 2) or of every
    channel (VGG, section 2.1).

    The mean is taken over the training images after the steps before this one, the random
    ones left out. So `per = pixel` belongs before a random crop, as in AlexNet.
    """

    word = "subtract_mean"
    pointwise = True
    per: Literal["pixel", "channel"] = "pixel"

    @override
    def learn(self, images: Iterable["Pixels"], white: tuple[float, ...]) -> "Learned":
        from archc.runtime import pixels

        mean = pixels.mean_pixel if self.per == "pixel" else pixels.mean_channel
        return {"mean": mean(images)}

    @override
    def apply(self, image: "Pixels", given: "Given") -> "Pixels":
        from archc.runtime import pixels

        return pixels.subtract(image, given.learned["mean"])


class PcaColor(LearningTransform):
    """Shifts an image's colour along the principal axes of the training set's colours
    (AlexNet, section 4.1): adds `[p1 p2 p3] [a1 l1, a2 l2, a3 l3]` to every pixel, `p` and
    `l` the eigenvectors and eigenvalues of the RGB covariance, `a ~ N(0, std)` once an image.

    The eigenvalues are those of pixels in 0..1 (0.2175, 0.0188, 0.0045 on ImageNet) and the
    shift is in the scale of the pixels in use, so its place in the recipe changes nothing.
    """

    word = "pca_color"
    random = True
    std: Positive = 0.1

    @override
    def learn(self, images: Iterable["Pixels"], white: tuple[float, ...]) -> "Learned":
        from archc.runtime import pixels

        values, vectors = pixels.colour_axes(images, white)
        return {"eigenvalues": values, "eigenvectors": vectors}

    @override
    def apply(self, image: "Pixels", given: "Given") -> "Pixels":
        from archc.runtime import pixels

        values, vectors = given.learned["eigenvalues"], given.learned["eigenvectors"]
        return pixels.pca_color(image, self.std, values, vectors, given.white, given.rng)


class Photometric(Transform):
    """Changes brightness, contrast and colour, in an order drawn for each image, each by a
    factor drawn from `low` to `high` (Howard 2013, section 2; GoogLeNet, section 6).

    Brightness scales from black, contrast from the image's mean grey, colour from each pixel's
    own grey; what passes black or white is cut off. So it belongs before the steps that change
    values. A grey image has no colour to change.
    """

    word = "photometric"
    random = True
    low: Positive = 0.5
    high: Positive = 1.5

    @model_validator(mode="after")
    def _ordered(self) -> "Photometric":
        if self.low > self.high:
            raise ValueError("low must not be more than high")
        return self

    @override
    def apply(self, image: "Pixels", given: "Given") -> "Pixels":
        from archc.runtime import pixels

        changes = tuple(pixels.CHANGES[int(i)] for i in given.rng.permutation(len(pixels.CHANGES)))
        factors = given.rng.uniform(self.low, self.high, len(changes))
        return pixels.photometric(image, changes, factors.tolist(), given.white)


class Scale(Transform):
    """Multiplies every pixel: `scale(1/255)` takes them to 0..1."""

    word = "scale"
    pointwise = True
    factor: Positive

    @override
    def apply(self, image: "Pixels", given: "Given") -> "Pixels":
        return image * self.factor

    @override
    def white(self, white: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(level * self.factor for level in white)


class Normalize(Transform):
    """`(pixel - mean) / std`, one number for all channels or one a channel.

    In the scale of the pixels in use: 0..255 unless `scale` came before.
    """

    word = "normalize"
    pointwise = True
    mean: float | tuple[float, ...]
    std: Positive | tuple[Positive, ...]

    @override
    def apply(self, image: "Pixels", given: "Given") -> "Pixels":
        from archc.runtime import pixels

        return pixels.normalize(image, self.mean, self.std)

    @override
    def white(self, white: tuple[float, ...]) -> tuple[float, ...]:
        std = self.std if isinstance(self.std, tuple) else (self.std,) * len(white)
        # A wrong number of values is refused by `apply`, which knows the image.
        return tuple(level / s for level, s in zip(white, std, strict=False))


class TenCrop(Transform):
    """Ten views: the four corners and the centre, then the mirror of each.

    The net's ten softmax outputs are averaged (AlexNet, section 4.1). For evaluation only.
    """

    word = "ten_crop"
    size: Size

    @property
    @override
    def views(self) -> int:
        return 10

    @override
    def apply(self, image: "Pixels", given: "Given") -> "Pixels":
        from archc.runtime import pixels

        return pixels.ten_crop(image, self.size)


class MultiScaleCrop(Transform):
    """Crops of an image at several scales (GoogLeNet, section 7): 36 views a scale.

    For each of `scales` the image is scaled to that shorter side, as `resize` does. Of it three
    squares are taken, left, centre and right (top, centre and bottom of an upright image); of a
    square the four corners, the centre, and the whole of it scaled to `size`; and the mirrors of
    all. Of a square image the three squares are the same. For evaluation only.
    """

    word = "multi_scale_crop"
    size: Size
    scales: Annotated[tuple[Side, ...], Field(min_length=1, max_length=MAX_SCALES), SizeOf.SIDE]

    @property
    @override
    def views(self) -> int:
        return 36 * len(self.scales)

    @override
    def apply(self, image: "Pixels", given: "Given") -> "Pixels":
        from archc.runtime import pixels

        return pixels.multi_scale_crop(image, self.size, self.scales)


class OneOfTenCrop(Transform):
    """One of the ten views of `ten_crop`, each equally likely (ZFNet, section 3)."""

    word = "one_of_ten_crop"
    random = True
    size: Size

    @override
    def apply(self, image: "Pixels", given: "Given") -> "Pixels":
        from archc.runtime import pixels

        # Of each view apart, where there are several already.
        ten = pixels.ten_crop(image, self.size).reshape(
            10, *image.shape[:-3], *pixels.pair(self.size), image.shape[-1]
        )
        return ten[int(given.rng.integers(10))]


TRANSFORMS: dict[str, type[Transform]] = {
    form.word: form
    for form in (
        Resize,
        JitterResize,
        CenterCrop,
        RandomCrop,
        RandomAreaCrop,
        OneOfTenCrop,
        Flip,
        Shift,
        SubtractMean,
        PcaColor,
        Photometric,
        Scale,
        Normalize,
        TenCrop,
        MultiScaleCrop,
    )
}
"""Every transform, by the name that specs use."""


def misplaced(transform: Transform, where: Where) -> "Diagnostic | None":
    """What is wrong with a transform in `augment { }` or `evaluate { }`, if anything."""
    if where == "evaluate" and transform.random:
        return data_errors.RandomInEvaluate(transform=transform.word)
    if where == "augment" and transform.views > 1:
        return data_errors.ViewsInAugment(transform=transform.word)
    return None


def spell(form: Form) -> str:
    """A form as a spec writes it, every argument by name: `random_crop(size = 32, pad = 4)`."""
    arguments = ", ".join(
        f"{name} = {_value(value)}"
        for name in type(form).model_fields
        if (value := getattr(form, name)) is not None
    )
    return f"{form.word}({arguments})" if arguments else form.word


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        items = cast("tuple[object, ...]", value)
        return f"[{', '.join(_value(item) for item in items)}]"
    return str(value)
