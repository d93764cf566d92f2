"""Image folders: `train/<class>/*.jpg` to train on, `val/<class>/*.jpg` to measure by.

The classes are the folders in train/, sorted by name. Files are untrusted: only plain
files of known formats are opened, and none that would unpack beyond `MAX_PIXELS`.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Never

import numpy as np
from PIL import Image, ImageOps
from PIL.ExifTags import Base
from PIL.ImageFile import ImageFile

from archc.data.dataset import Dataset, Split
from archc.diagnostics import DiagnosticError, Sink, fail
from archc.errors.data import (
    DataNotFound,
    FolderUnreadable,
    ImageTooLarge,
    NoClasses,
    NoImages,
    ReaderUnavailable,
    SplitMissing,
    UnknownClasses,
    UnreadableImage,
    listed,
)
from archc.runtime.images import decoded
from archc.runtime.pixels import MAX_PIXELS, Pixels

if TYPE_CHECKING:
    from numpy.typing import NDArray

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".webp")
FORMATS = ("BMP", "JPEG", "PNG", "PPM", "WEBP")
"""Pillow's names of the formats opened, whatever a file's own name claims."""

MAX_BYTES = 2**28
"""How much of a JPEG file is read at once: more than the largest image takes."""


class FolderSplit(Split):
    """Image files, decoded each time they are asked for."""

    in_memory = False

    def __init__(self, files: Sequence[str], labels: NDArray[np.int64], channels: int) -> None:
        self.files = files
        self.labels = labels
        self._channels = channels

    def image(self, index: int) -> Pixels:
        return read_image(self.files[index], self._channels)

    def name(self, index: int) -> str:
        return self.files[index]


def open_folder(path: str, channels: int) -> Dataset:
    """The image folder at a path. Raises `DiagnosticError` (E0701 to E0707, E0715)."""
    root = Path(path)
    if not root.is_dir():
        fail(DataNotFound(path=path))
    for split in ("train", "val"):
        if not (root / split).is_dir():
            fail(SplitMissing(path=path, split=split))
    classes = _folders(root / "train")
    if not classes:
        fail(NoClasses(path=str(root / "train")))
    present = _folders(root / "val")
    if not present:
        fail(NoClasses(path=str(root / "val")))
    unknown = tuple(sorted(set(present) - set(classes)))
    if unknown:
        fail(UnknownClasses(path=str(root / "val"), classes=unknown))
    others: list[str] = []
    train = _split(root / "train", classes, classes, channels, others)
    held_out = _split(root / "val", classes, present, channels, others)
    _check_headers([*train.files, *held_out.files])
    notes: list[str] = []
    absent = [name for name in classes if name not in present]
    if absent:
        notes.append(f"val/ has no folder for {listed(absent)}: these are not measured")
    if others:
        notes.append(f"not images, left out: {listed(others)}")
    return Dataset(
        name=path,
        classes=tuple(classes),
        train=train,
        held_out=held_out,
        held_out_name="validation",
        about="an image folder; classes are the folders of train/, sorted by name",
        notes=tuple(notes),
    )


def _folders(path: Path) -> list[str]:
    """The folders of classes; what systems and tools leave behind is none."""
    names = [entry.name for entry in _entries(path) if entry.is_dir()]
    return sorted(name for name in names if not name.startswith((".", "__MACOSX", "@eaDir")))


def _entries(path: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        fail(FolderUnreadable(path=str(path), reason=error.strerror or str(error)))


def _split(
    root: Path, classes: list[str], present: list[str], channels: int, others: list[str]
) -> FolderSplit:
    """The images of one split; the names of what is no image are added to `others`."""
    number = {name: i for i, name in enumerate(classes)}
    files: list[str] = []
    labels: list[int] = []
    others.extend(entry.path for entry in _entries(root) if not entry.is_dir())
    for name in present:
        before = len(files)
        for entry in _entries(root / name):
            # Plain files only: opening a pipe that is called x.jpg would wait for ever.
            if entry.name.lower().endswith(SUFFIXES) and entry.is_file():
                files.append(entry.path)
                labels.append(number[name])
            else:
                others.append(entry.path)
        if len(files) == before:
            fail(NoImages(path=str(root / name), suffixes=SUFFIXES))
    return FolderSplit(files, np.array(labels, np.int64), channels)


def read_image(path: str, channels: int) -> Pixels:
    """An image file as `(H, W, channels)` float32, 0..255.

    Turned as its EXIF orientation says, so that it stands as a viewer shows it; grey and
    colour become what the net takes (grey by ITU-R 601); transparency is dropped; 16-bit
    grey is brought to 0..255 without rounding. Raises `DiagnosticError` (E0706, E0707, E0720).
    """
    with _opened(path) as file:
        plain = _plain_jpeg(file)
        if plain is None:
            return decoded(ImageOps.exif_transpose(file), channels)
        if plain.shape[-1] == channels:
            return plain.astype(np.float32)
        return decoded(Image.fromarray(plain[..., 0] if channels == 3 else plain), channels)


def _plain_jpeg(file: Image.Image) -> NDArray[np.uint8] | None:
    """The pixels `(H, W, C)` of a JPEG in grey or colour that stands upright, by libjpeg-turbo
    with the options that Pillow has (accurate DCT, smooth upsampling), so they are Pillow's.

    None where simplejpeg cannot do it, or will not: then Pillow says what is wrong with the
    file, or reads it all the same.
    """
    if file.format != "JPEG" or file.mode not in ("L", "RGB"):
        return None
    if file.getexif().get(Base.Orientation, 1) != 1:
        return None
    if not isinstance(file, ImageFile) or file.fp is None:
        raise TypeError("an image that has just been opened is a file")
    simplejpeg = _simplejpeg()
    file.fp.seek(0)
    data = file.fp.read(MAX_BYTES)
    try:
        # Before memory is taken: both must have read the same size from the header.
        if simplejpeg.decode_jpeg_header(data)[:2] != (file.height, file.width):
            return None
        return simplejpeg.decode_jpeg(data, "GRAY" if file.mode == "L" else "RGB")
    except ValueError:
        return None


def _simplejpeg() -> ModuleType:
    try:
        return import_module("simplejpeg")
    except ImportError as error:
        fail(ReaderUnavailable(reason=str(error)))


@contextmanager
def _opened(path: str) -> Generator[Image.Image]:
    """An image file whose header is read and bounded; its faults, then and later, as ours."""
    try:
        with Image.open(path, formats=FORMATS) as file:
            if file.width * file.height > MAX_PIXELS:
                _too_large(path, f"{file.height}x{file.width}")
            yield file
    except DiagnosticError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        _too_large(path, "larger still")
    except Exception as error:
        # The file is untrusted, and decoders raise whatever its bytes lead them to.
        reason = (
            "it is not an image of a known format"
            if isinstance(error, Image.UnidentifiedImageError)
            else str(error) or type(error).__name__
        )
        fail(UnreadableImage(path=path, reason=reason))


def _check_headers(files: Sequence[str]) -> None:
    """Raise `DiagnosticError` with every file that does not even begin as an image."""
    sink = Sink()
    for path in files:
        try:
            with _opened(path):
                pass
        except DiagnosticError as error:
            sink.extend(error)
    sink.raise_if_failed()


def _too_large(path: str, size: str) -> Never:
    fail(ImageTooLarge(path=path, size=size, limit=MAX_PIXELS))
