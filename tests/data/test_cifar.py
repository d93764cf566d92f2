"""CIFAR-10's own files: small ones of the same format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archc.data import cifar
from archc.data.dataset import MemorySplit
from archc.data.sources import absolute, from_here, open_source
from archc.diagnostics import DiagnosticError

FILES = [f"data_batch_{i}.bin" for i in (1, 2, 3, 4, 5)] + ["test_batch.bin"]
EACH = 12


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cifar, "IMAGES", EACH)
    random = np.random.default_rng(0)
    for name in FILES:
        with (tmp_path / name).open("wb") as file:
            for i in range(EACH):
                file.write(bytes([i % 10]))
                file.write(random.integers(0, 256, 3072, np.uint8).tobytes())
    return tmp_path


def test_the_format(folder: Path) -> None:
    """Byte by byte, as the set's own page describes it."""
    found = open_source(f"cifar10:{folder}", shape=(3, 32, 32), classes=10)
    assert (len(found.train), len(found.held_out), len(found.classes)) == (5 * EACH, EACH, 10)
    assert (found.classes[0], found.classes[9]) == ("airplane", "truck")
    for split, index, name in ((found.train, 14, FILES[1]), (found.held_out, 3, FILES[5])):
        record = (folder / name).read_bytes()[(index % EACH) * 3073 :][:3073]
        image = split.image(index)
        assert (image.shape, image.dtype) == ((32, 32, 3), np.float32)
        assert split.labels[index] == record[0]
        for channel, row, column in ((0, 0, 0), (1, 0, 31), (2, 31, 0), (0, 5, 7)):
            assert image[row, column, channel] == record[1 + 1024 * channel + 32 * row + column]


def test_grey_is_pillows(folder: Path) -> None:
    colour = open_source(f"cifar10:{folder}", shape=(3, 32, 32), classes=10).train
    grey = open_source(f"cifar10:{folder}", shape=(1, 32, 32), classes=10).train
    assert isinstance(colour, MemorySplit)
    assert isinstance(grey, MemorySplit)
    for there, here in zip(colour.images, grey.images, strict=True):
        assert np.array_equal(np.asarray(Image.fromarray(there).convert("L")), here[..., 0])


def refused(folder: Path) -> list[str]:
    with pytest.raises(DiagnosticError) as caught:
        open_source(f"cifar10:{folder}", shape=(3, 32, 32), classes=10)
    return [f"{d.code} {d.message()} {d.help()}" for d in caught.value.diagnostics]


def test_files_that_are_not_whole(folder: Path) -> None:
    """E0717: all of them are named, and which download is right."""
    with (folder / FILES[1]).open("ab") as file:
        file.truncate(1000)
    with (folder / FILES[5]).open("ab") as file:
        file.write(b"x")
    (folder / FILES[3]).unlink()
    first, second, third = refused(folder)
    assert "E0717" in first
    assert "data_batch_2.bin' cannot be used: it has 1,000 bytes, 12 images take 36,876" in first
    assert "cifar-10-binary.tar.gz" in first
    assert "data_batch_4.bin' cannot be used: there is no such file" in second
    assert "test_batch.bin' cannot be used: it has 36,877 bytes" in third


def test_a_label_that_is_none(folder: Path) -> None:
    bytes_ = bytearray((folder / FILES[0]).read_bytes())
    bytes_[3073 * 7] = 10
    (folder / FILES[0]).write_bytes(bytes_)
    assert "image 7 has the label 10, the classes are 0 to 9" in refused(folder)[0]


def test_the_real_size() -> None:
    assert cifar.IMAGES * (1 + 3 * cifar.SIDE**2) == 30_730_000


def test_the_python_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data_batch_1").write_bytes(b"\x80\x02cos\nsystem\n.")
    (said,) = refused(tmp_path)
    assert "E0718" in said
    assert "pickles" in said
    assert "cifar-10-binary.tar.gz" in said


def test_no_folder(tmp_path: Path) -> None:
    assert "E0701" in refused(tmp_path / "none")[0]


def test_names_of_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a run keeps them, and as it is gone on with from there."""
    monkeypatch.chdir(tmp_path)
    for source, kept in (
        ("digits", "digits"),
        ("generated:9", "generated:9"),
        ("cifar10:c", f"cifar10:{tmp_path / 'c'}"),
        ("photos", str(tmp_path / "photos")),
    ):
        assert absolute(source) == kept
        assert from_here(kept) == source
    for name in ("digits", "cifar10:c", "generated:9"):
        path = str(tmp_path / name)
        assert from_here(path) == path, "a folder that is called like another source"
