"""Sizes of a recipe, in pixels, for a net with another input than its spec writes.

As `--width` makes all layers narrower, `--input` makes all images smaller: a recipe that scales
images to 256 and crops 227 of them goes on showing the net as much of each. A field of a
transform says which kind of size it is, and this is all that has to be said.
"""

import math
from enum import Enum
from fractions import Fraction
from typing import NamedTuple

Pixels = int | tuple[int, ...]


class SizeOf(Enum):
    """What a number of pixels is the size of: the mark of a field."""

    SIDE = "the shorter side of an image, or a list of such"
    IMAGE = "an image: one number is its shorter side, two are its height and width"
    PIECE = "a piece of an image: one number is a square's, two are its height and width"
    MARGIN = "a strip beside an image"


class Ratio(NamedTuple):
    """The input that a net is given over the one that its spec writes."""

    height: Fraction
    width: Fraction

    def scaled(self, pixels: Pixels, kind: SizeOf) -> Pixels:
        """A size as written, at the net's input: rounded half up, and never 0 (a margin may be).

        What is larger stays larger, so a crop fits the image that it fitted. Where height and
        width change by different factors, a side goes by the larger one, for the same reason;
        a margin is rounded up, so that it makes up for what a side was rounded down.
        """
        match kind, pixels:
            case SizeOf.MARGIN, int():
                return math.ceil(pixels * max(self))
            case ((SizeOf.IMAGE | SizeOf.PIECE), (int(height), int(width))):
                return _rounded(height * self.height), _rounded(width * self.width)
            case SizeOf.PIECE, int() if self.height != self.width:
                return self.scaled((pixels, pixels), kind)
            case _, int():
                return _rounded(pixels * max(self))
            case _:
                return tuple(_rounded(side * max(self)) for side in pixels)


def _rounded(pixels: Fraction) -> int:
    return max(1, math.floor(pixels + Fraction(1, 2)))
