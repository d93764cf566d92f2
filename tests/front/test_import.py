"""Imports of a spec from a stranger: nothing outside of its folder is ever read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from archc.cli import main
from archc.imports import MAX_FILES, MAX_IMPORTED

from .test_bad_input import archc

BLOCK = "block c3(n) { conv(3, 1, n, pad=same) relu }\n"
NET = "net n { input(3x32x32) c3(16) }\n"


def spec(folder: Path, *imports: str, text: str = NET) -> str:
    """A spec in a folder of its own, with these imports."""
    path = folder / "specs" / "spec.arch"
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f'import "{name}"\n' for name in imports) + text)
    return str(path)


def test_blocks_of_other_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = spec(tmp_path, "a.arch", "blocks/b.arch")
    (tmp_path / "specs" / "blocks").mkdir()
    (tmp_path / "specs" / "a.arch").write_text("net other { this is: no(net) relu }\n")
    assert main(["check", path]) == 1
    (tmp_path / "specs" / "a.arch").write_text(f"net other {{ relu }}\n{BLOCK}")
    # A file is found beside the file that imports it, and is read once however often.
    (tmp_path / "specs" / "blocks" / "b.arch").write_text('import "c.arch"\n')
    (tmp_path / "specs" / "blocks" / "c.arch").write_text("block c5(n) { conv(5, 1, n) c3(n) }\n")
    capsys.readouterr()
    assert main(["check", path]) == 0
    assert "n, 2 layers" in capsys.readouterr().out


def test_a_file_is_read_once(tmp_path: Path) -> None:
    path = spec(tmp_path, "a.arch", "b.arch", "./a.arch", "b.arch")
    (tmp_path / "specs" / "a.arch").write_text(BLOCK)
    (tmp_path / "specs" / "b.arch").write_text('import "a.arch"\n')
    assert main(["check", path]) == 0


def _cycle(folder: Path) -> None:
    (folder / "specs" / "x.arch").write_text('import "spec.arch"\n')


def _itself(folder: Path) -> None:
    (folder / "specs" / "x.arch").write_text('import "x.arch"\n')


def _folder(folder: Path) -> None:
    (folder / "specs" / "x.arch").mkdir()


def _fifo(folder: Path) -> None:
    os.mkfifo(folder / "specs" / "x.arch")


def _link_out(folder: Path) -> None:
    (folder / "secret.arch").write_text(BLOCK)
    (folder / "specs" / "x.arch").symlink_to(folder / "secret.arch")


def _link_of_links(folder: Path) -> None:
    (folder / "specs" / "x.arch").symlink_to("y.arch")
    (folder / "specs" / "y.arch").symlink_to("x.arch")


def _link_to_nothing(folder: Path) -> None:
    (folder / "specs" / "x.arch").symlink_to("nothing.arch")


def _link_to_a_device(folder: Path) -> None:
    (folder / "specs" / "x.arch").symlink_to("/dev/zero")


def _folder_out(folder: Path) -> None:
    (folder / "other").mkdir()
    (folder / "other" / "y.arch").write_text(BLOCK)
    (folder / "specs" / "out").symlink_to(folder / "other")
    (folder / "specs" / "x.arch").write_text('import "out/y.arch"\n')


def _nothing(folder: Path) -> None:
    pass


FILES = [
    _cycle, _itself, _folder, _fifo, _link_out, _link_of_links, _link_to_nothing,
    _link_to_a_device, _folder_out, _nothing,
]  # fmt: skip


@pytest.mark.parametrize("make", FILES, ids=lambda make: make.__name__)
def test_what_is_no_file_of_the_folder(make: Callable[[Path], None], tmp_path: Path) -> None:
    path = spec(tmp_path, "x.arch")
    make(tmp_path)
    answer = archc("check", path)
    assert answer.status == 1
    assert answer.error.startswith("error[E0111]: cannot import")
    assert '"x.arch"' in answer.error or make in (_cycle, _itself, _folder_out)


@pytest.mark.parametrize(
    "name",
    [
        "../secret.arch",
        "a/../../secret.arch",
        "./../secret.arch",
        "a/../secret.arch",
        "..\\secret.arch",
        "/etc/passwd",
        "//etc/passwd.arch",
        "C:\\secret.arch",
        "C:secret.arch",
        "file:///secret.arch",
        "~/secret.arch",
        "$HOME/secret.arch",
        "secret",
        "secret.txt",
        "",
        ".",
        "..",
        ".arch",
        " ",
        "a" * 300 + ".arch",
        "a/" * 3_000 + "b.arch",
        "é.arch",
        "\u202esecret.arch",
        "\x1b[31m.arch",
        "%s%n.arch",
    ],
)
def test_names(name: str, tmp_path: Path) -> None:
    (tmp_path / "secret.arch").write_text(BLOCK)
    answer = archc("check", spec(tmp_path, name))
    assert answer.status == 1
    assert "error[E0111]" in answer.error


def test_a_fault_in_an_imported_file(tmp_path: Path) -> None:
    path = spec(tmp_path, "x.arch", "y.arch")
    (tmp_path / "specs" / "x.arch").write_text("block c3(n) { conv(3 1, n) }\n")
    (tmp_path / "specs" / "y.arch").write_bytes(b"block c5(n) { \xff }\n")
    answer = archc("check", path)
    assert answer.error.count("error[E") == 2
    assert "error[E0101]" in answer.error
    assert "specs/x.arch:1:22" in answer.error
    assert "error[E0003]" in answer.error


def test_a_text_has_nothing_beside_it() -> None:
    """What `--set` gives, or a caller, was read from no file."""
    answer = archc("params", "lenet", "--set", 'classes=import "x.arch"')
    assert "error[E0101]" in answer.error


def test_200_files(tmp_path: Path) -> None:
    path = spec(tmp_path, *(f"x{i}.arch" for i in range(200)))
    for i in range(200):
        (tmp_path / "specs" / f"x{i}.arch").write_text(f"block b{i} {{ relu }}\n")
    answer = archc("check", path)
    assert f"a spec is made of {MAX_FILES} files at most" in answer.error


def test_files_of_files(tmp_path: Path) -> None:
    """Each imports the next one."""
    path = spec(tmp_path, "x0.arch")
    for i in range(200):
        (tmp_path / "specs" / f"x{i}.arch").write_text(f'import "x{i + 1}.arch"\n')
    answer = archc("check", path)
    assert f"a spec is made of {MAX_FILES} files at most" in answer.error


def test_files_that_are_long_together(tmp_path: Path) -> None:
    path = spec(tmp_path, *(f"x{i}.arch" for i in range(50)))
    for i in range(50):
        (tmp_path / "specs" / f"x{i}.arch").write_text(f"block b{i} {{ {'relu ' * 50_000} }}\n")
    answer = archc("check", path)
    assert f"what a spec imports has {MAX_IMPORTED:,} characters at most" in answer.error
