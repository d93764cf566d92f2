"""JPEG files by libjpeg-turbo alone: Pillow's pixels to the last bit, and its faults."""

from __future__ import annotations

from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from archc.data import folder
from archc.data.folder import read_image
from archc.diagnostics import DiagnosticError

KINDS = [
    {"subsampling": subsampling, "progressive": progressive, "quality": quality}
    for subsampling in (0, 1, 2)
    for progressive in (False, True)
    for quality in (60, 95)
]


def picture(mode: str) -> Image.Image:
    """Smooth colours under noise, of an odd size: each block of pixels has something to round."""
    rng = np.random.default_rng(1)
    coarse = Image.fromarray(rng.integers(0, 256, (5, 7, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((93, 61), Image.Resampling.BICUBIC), np.int64)
    noisy = np.clip(smooth + rng.integers(-9, 10, smooth.shape), 0, 255).astype(np.uint8)
    return Image.fromarray(noisy).convert(mode)


def by_pillow(path: Path, channels: int) -> np.ndarray:
    with Image.open(path) as file:
        image = ImageOps.exif_transpose(file).convert("L" if channels == 1 else "RGB")
        return np.asarray(image, np.float32).reshape(image.height, image.width, channels)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The colour spaces that simplejpeg was asked for, once for each image it decoded."""
    asked: list[str] = []
    real: Any = import_module("simplejpeg")

    class Watched:
        decode_jpeg_header = staticmethod(real.decode_jpeg_header)

        @staticmethod
        def decode_jpeg(data: bytes, colorspace: str) -> np.ndarray:
            image = real.decode_jpeg(data, colorspace)
            asked.append(colorspace)
            return image

    monkeypatch.setattr(folder, "_simplejpeg", Watched)
    return asked


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_pixels_are_pillows(
    mode: str, channels: int, tmp_path: Path, decoded: list[str]
) -> None:
    for number, kind in enumerate(KINDS):
        path = tmp_path / f"{number}.jpg"
        picture(mode).save(path, **kind)
        np.testing.assert_array_equal(read_image(str(path), channels), by_pillow(path, channels))
    assert decoded == ["GRAY" if mode == "L" else "RGB"] * len(KINDS)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_pictures_stand_upright(
    orientation: int, tmp_path: Path, decoded: list[str]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned.jpg"
    picture("RGB").save(path, exif=exif)
    np.testing.assert_array_equal(read_image(str(path), 3), by_pillow(path, 3))
    assert len(decoded) == (orientation == 1)


def test_what_simplejpeg_does_not_take_is_pillows(tmp_path: Path, decoded: list[str]) -> None:
    """Printers' colours, another format, and files with something wrong that can be mended."""
    paths = [tmp_path / name for name in ("ink.jpg", "drawn.jpg", "junk.jpg")]
    picture("CMYK").save(paths[0])
    picture("RGB").save(paths[1], format="PNG")
    plain = BytesIO()
    picture("RGB").save(plain, "JPEG")
    # Two zeros behind the first segment of the header: libjpeg warns and goes on.
    whole = plain.getvalue()
    end = 4 + int.from_bytes(whole[4:6], "big")
    paths[2].write_bytes(whole[:end] + b"\x00\x00" + whole[end:])
    for path in paths:
        np.testing.assert_array_equal(read_image(str(path), 3), by_pillow(path, 3))
    assert decoded == []


def test_a_truncated_file_is_refused_as_by_pillow(tmp_path: Path) -> None:
    path = tmp_path / "cut.jpg"
    picture("RGB").save(path)
    whole = path.read_bytes()
    for length in (len(whole) - 2, len(whole) // 2, 700):
        path.write_bytes(whole[:length])
        with pytest.raises(OSError, match="truncated") as pillows:
            by_pillow(path, 3)
        with pytest.raises(DiagnosticError, match="E0706") as ours:
            read_image(str(path), 3)
        assert str(pillows.value) in str(ours.value)


def test_a_header_that_pillow_reads_otherwise_is_left_to_pillow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoded: list[str]
) -> None:
    """Memory is taken for the size that was bounded, and for no other."""

    class Larger:
        @staticmethod
        def decode_jpeg_header(data: bytes) -> tuple[int, int, str, str]:
            return 60_000, 60_000, "YCbCr", "420"

    monkeypatch.setattr(folder, "_simplejpeg", Larger)
    path = tmp_path / "x.jpg"
    picture("RGB").save(path)
    np.testing.assert_array_equal(read_image(str(path), 3), by_pillow(path, 3))


def test_without_simplejpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> object:
        raise ImportError(f"No module named '{name}'")

    monkeypatch.setattr(folder, "import_module", missing)
    picture("RGB").save(tmp_path / "x.png")
    assert read_image(str(tmp_path / "x.png"), 3).shape == (61, 93, 3)
    picture("RGB").save(tmp_path / "x.jpg")
    with pytest.raises(DiagnosticError, match="E0720"):
        read_image(str(tmp_path / "x.jpg"), 3)
