"""The digits, image folders and the files in them."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits as raw_digits

from archc.data.digits import load_digits, split
from archc.data.folder import open_folder, read_image
from archc.diagnostics import DiagnosticError


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(DiagnosticError) as caught:
        call()
    return caught.value.diagnostics[0].code


def save(
    path: Path, colour: tuple[int, int, int] = (1, 2, 3), size: tuple[int, int] = (4, 3)
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes; the order of writing is not that of the names."""
    root = tmp_path / "pets"
    for split_name in ("train", "val"):
        for i, name in enumerate(("dog", "cat")):
            for n in range(2):
                save(root / split_name / name / f"{n}.png", (10 * i, 20, 30 + n))
    return root


def test_digits_are_split_once_and_evenly() -> None:
    data = load_digits(1)
    assert (len(data.train), len(data.held_out)) == (1437, 360)
    labels = np.asarray(raw_digits().target)
    train, test = split(labels)
    assert sorted([*train, *test]) == list(range(1797))
    for digit in range(10):
        share = (labels[test] == digit).sum() / (labels == digit).sum()
        assert abs(share - 0.2) < 1 / (labels == digit).sum()


def test_digits_are_the_scans_from_0_to_255() -> None:
    data = load_digits(3)
    raw = raw_digits()
    _, test = split(np.asarray(raw.target))
    for i in (0, 7, 359):
        image = data.held_out.image(i)
        assert image.shape == (8, 8, 3)
        assert image.dtype == np.float32
        scan = raw.images[test[i]] * 255 / 16
        for c in range(3):
            assert np.abs(image[..., c] - scan).max() <= 0.5
        assert data.held_out.labels[i] == raw.target[test[i]]


def test_classes_are_the_folders_in_order_of_their_names(folder: Path) -> None:
    data = open_folder(str(folder), 3)
    assert data.classes == ("cat", "dog")
    assert list(data.train.labels) == [0, 0, 1, 1]
    assert Path(data.train.name(0)) == folder / "train" / "cat" / "0.png"
    np.testing.assert_array_equal(data.train.image(0)[0, 0], [10, 20, 30])
    assert data.train.image(2).shape == (3, 4, 3)
    assert data.held_out_name == "validation"
    assert data.notes == ()


def test_what_is_no_image_is_named(folder: Path) -> None:
    (folder / "train" / "cat" / "list.txt").write_text("0.png")
    (folder / "val" / "README").write_text("pets")
    note = open_folder(str(folder), 3).notes[0]
    assert "list.txt" in note
    assert "README" in note


def test_a_class_that_is_not_measured_is_named(folder: Path) -> None:
    for file in (folder / "val" / "dog").iterdir():
        file.unlink()
    (folder / "val" / "dog").rmdir()
    data = open_folder(str(folder), 3)
    assert list(data.held_out.labels) == [0, 0]
    assert "dog" in data.notes[0]


def test_a_pipe_is_not_opened(folder: Path) -> None:
    os.mkfifo(folder / "train" / "cat" / "9.jpg")
    data = open_folder(str(folder), 3)
    assert len(data.train) == 4
    assert "9.jpg" in data.notes[0]


def test_symbolic_links_may_lead_outside(folder: Path, tmp_path: Path) -> None:
    save(tmp_path / "elsewhere.png", (9, 9, 9))
    (folder / "train" / "cat" / "9.png").symlink_to(tmp_path / "elsewhere.png")
    data = open_folder(str(folder), 3)
    np.testing.assert_array_equal(data.train.image(2)[0, 0], [9, 9, 9])


def test_faults_of_a_folder(folder: Path, tmp_path: Path) -> None:
    assert code_of(lambda: open_folder(str(tmp_path / "none"), 3)) == "E0701"
    assert code_of(lambda: open_folder(str(folder / "train"), 3)) == "E0702"
    (tmp_path / "bare" / "train").mkdir(parents=True)
    assert code_of(lambda: open_folder(str(tmp_path / "bare"), 3)) == "E0702"
    (tmp_path / "bare" / "val").mkdir()
    assert code_of(lambda: open_folder(str(tmp_path / "bare"), 3)) == "E0703"
    (folder / "val" / "cow").mkdir()
    assert code_of(lambda: open_folder(str(folder), 3)) == "E0704"
    (folder / "train" / "cow").mkdir()
    assert code_of(lambda: open_folder(str(folder), 3)) == "E0705"


def test_a_folder_that_may_not_be_listed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.scandir

    def refuse(path: Path) -> object:
        if Path(path).name == "dog":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert code_of(lambda: open_folder(str(folder), 3)) == "E0715"


def test_colour_and_grey_become_what_the_net_takes(tmp_path: Path) -> None:
    save(tmp_path / "c.png", (200, 100, 50))
    grey = read_image(str(tmp_path / "c.png"), 1)
    assert grey.shape == (3, 4, 1)
    assert abs(grey[0, 0, 0] - (0.299 * 200 + 0.587 * 100 + 0.114 * 50)) <= 1
    Image.new("L", (4, 3), 77).save(tmp_path / "g.png")
    np.testing.assert_array_equal(read_image(str(tmp_path / "g.png"), 3)[1, 1], [77, 77, 77])


def test_sixteen_bits_are_not_clipped(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 257, 65535]], np.uint16)).save(tmp_path / "deep.png")
    row = read_image(str(tmp_path / "deep.png"), 1)[0, :, 0]
    np.testing.assert_array_equal(row, [0, 1, 255])


def test_palettes_with_transparency_are_read(tmp_path: Path) -> None:
    image = Image.new("P", (2, 2), 1)
    image.putpalette([0, 0, 0, 50, 60, 70])
    image.save(tmp_path / "p.png", transparency=b"\x00\x80")
    np.testing.assert_array_equal(read_image(str(tmp_path / "p.png"), 3)[0, 0], [50, 60, 70])


def test_a_photo_stands_as_a_viewer_shows_it(tmp_path: Path) -> None:
    image = Image.new("RGB", (4, 2))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    image.save(tmp_path / "turned.jpg", exif=exif)
    assert read_image(str(tmp_path / "turned.jpg"), 3).shape == (4, 2, 3)


def png(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0"))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("side", [10_000, 15_000, 60_000])
def test_a_decompression_bomb_is_refused_by_name(tmp_path: Path, side: int) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png(side, side))
    with pytest.raises(DiagnosticError, match=r"bomb\.png") as caught:
        read_image(str(path), 3)
    assert caught.value.diagnostics[0].code == "E0707"


def test_broken_files_are_named(tmp_path: Path) -> None:
    save(tmp_path / "whole.jpg", size=(64, 64))
    whole = (tmp_path / "whole.jpg").read_bytes()
    save(tmp_path / "whole.png", size=(64, 64))
    other = (tmp_path / "whole.png").read_bytes()
    rng = np.random.default_rng(0)
    noise = bytearray(other)
    noise[40:60] = rng.bytes(20)
    broken = {
        "empty.jpg": b"",
        "text.jpg": b"not an image at all",
        "cut.jpg": whole[: len(whole) // 2],
        "cut.png": other[:50],
        "noise.png": bytes(noise),
        "claims.png": png(8, 8),
    }
    for name, content in broken.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DiagnosticError, match=name) as caught:
            read_image(str(tmp_path / name), 3)
        assert caught.value.diagnostics[0].code == "E0706"
    assert code_of(lambda: read_image(str(tmp_path / "missing.png"), 3)) == "E0706"


def test_a_format_is_not_opened_because_of_its_name(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "x.gif")
    (tmp_path / "x.gif").rename(tmp_path / "x.png")
    assert code_of(lambda: read_image(str(tmp_path / "x.png"), 3)) == "E0706"


def test_all_files_that_are_no_images_are_named_before_anything_else(tmp_path: Path) -> None:
    for name in ("train/a/1.jpg", "train/b/1.jpg", "val/a/1.jpg", "val/b/1.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        save(tmp_path / name, size=(8, 8))
    for name in ("train/a/2.jpg", "val/b/2.png"):
        (tmp_path / name).write_bytes(b"not an image")
    with pytest.raises(DiagnosticError) as caught:
        open_folder(str(tmp_path), 3)
    messages = [fault.message() for fault in caught.value.diagnostics]
    assert len(messages) == 2
    assert any("train/a/2.jpg" in message for message in messages)
    assert any("val/b/2.png" in message for message in messages)


def test_what_tools_leave_behind_is_no_class(tmp_path: Path) -> None:
    for name in ("train/a/1.jpg", "train/.ipynb_checkpoints/1.jpg", "val/a/1.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        save(tmp_path / name, size=(8, 8))
    (tmp_path / "val" / "__MACOSX").mkdir()
    assert open_folder(str(tmp_path), 3).classes == ("a",)
