"""Files that are whole or not there: written beside, synced, then renamed."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError

from archc.diagnostics import fail
from archc.errors.training import BadWeightFile, CannotWrite


@contextmanager
def writing(path: Path) -> Generator[None]:
    """Turns a failure to write (a full disk, say) into a diagnostic (E0805)."""
    try:
        yield
    except OSError as error:
        fail(CannotWrite(path=str(path), reason=error.strerror or str(error)))
    except SafetensorError as error:
        fail(CannotWrite(path=str(path), reason=str(error)))


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file beside `path` and put it in place at once.

    Whoever reads `path`, now or after a crash, finds the old file or the new one whole.
    Raises `DiagnosticError` (E0805).
    """
    # The ending is kept: some writers choose the format by it.
    beside = path.with_name(f".{path.stem}.part{path.suffix}")
    with writing(path):
        try:
            # Some writers make files that only their owner may read; ours are like any other.
            beside.touch()
            mode = stat.S_IMODE(beside.stat().st_mode)
            write(beside)
            beside.chmod(mode)
            sync(beside)
            beside.replace(path)
            sync(path.parent)
        finally:
            beside.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk before going on."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    write_whole(path, lambda beside: beside.write_text(text, encoding="utf-8", newline="\n"))


def write_tensors(path: Path, tensors: Mapping[str, np.ndarray], about: Mapping[str, str]) -> None:
    """Arrays as safetensors, with a few words about them in the header."""
    # safetensors writes the memory as it lies, so a transposed view must be laid out first.
    # Any: the library's own type of a path is incomplete.
    save: Any = import_module("safetensors.numpy").save_file
    laid_out = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    # Without arrays and words safetensors would write a header that it cannot read.
    words = dict(about) or None
    write_whole(path, lambda beside: save(laid_out, beside, metadata=words))


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file. Raises `DiagnosticError` (E0809)."""
    # Any: the library's own types are incomplete.
    load: Any = import_module("safetensors.numpy").load_file
    with reading(path):
        return load(path)


def read_header(path: Path) -> dict[str, str]:
    """The words in the header of a safetensors file. Raises `DiagnosticError` (E0809)."""
    # Any: as above.
    safe_open: Any = import_module("safetensors").safe_open
    with reading(path), safe_open(path, "numpy") as file:
        return file.metadata() or {}


@contextmanager
def reading(path: Path) -> Generator[None]:
    """Turns a file that cannot be read as safetensors into a diagnostic (E0809)."""
    try:
        yield
    except OSError as error:
        fail(BadWeightFile(path=str(path), reason=(error.strerror or str(error)).lower()))
    except (SafetensorError, ValueError, KeyError) as error:
        fail(BadWeightFile(path=str(path), reason=f"it is no whole safetensors file ({error})"))
