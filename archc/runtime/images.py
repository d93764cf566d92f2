"""From an open image file to pixels."""

from __future__ import annotations

import numpy as np
from PIL import Image

from archc.runtime.pixels import Pixels


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
