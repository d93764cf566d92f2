"""`archc fmt`: which files it rewrites, and what it says."""

from __future__ import annotations

import stat
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from archc.cli import main

UGLY = "net n{input(3x8x8)relu}"
MADE = "net n { input(3x8x8) relu }\n"


@pytest.fixture
def ugly(tmp_path: Path) -> Path:
    path = tmp_path / "ugly.arch"
    path.write_text(UGLY)
    path.chmod(0o640)
    return path


def test_files_are_rewritten(ugly: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = ugly.with_name("good.arch")
    good.write_text(MADE)
    before = good.stat()
    assert main(["fmt", str(ugly), str(good)]) == 0
    assert capsys.readouterr() == (f"{ugly}\n", "")
    assert (ugly.read_text(), good.read_text()) == (MADE, MADE)
    assert stat.S_IMODE(ugly.stat().st_mode) == 0o640
    assert (good.stat().st_ino, good.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert sorted(path.name for path in ugly.parent.iterdir()) == ["good.arch", "ugly.arch"]


def test_check_writes_nothing(ugly: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = ugly.with_name("good.arch")
    good.write_text(MADE)
    assert main(["fmt", "--check", str(good)]) == 0
    assert capsys.readouterr() == ("", "")
    assert main(["fmt", "--check", str(ugly), str(good)]) == 1
    assert capsys.readouterr() == (f"{ugly}\n", "")
    assert ugly.read_text() == UGLY


def test_line_ends_and_marks_are_changes(ugly: Path) -> None:
    for data in (MADE.replace("\n", "\r\n").encode(), b"\xef\xbb\xbf" + MADE.encode()):
        ugly.write_bytes(data)
        assert main(["fmt", "--check", str(ugly)]) == 1
        assert main(["fmt", str(ugly)]) == 0
        assert ugly.read_bytes() == MADE.encode()


def test_a_faulty_file_is_not_touched(ugly: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = ugly.with_name("bad.arch")
    bad.write_text("net n{ input(3x8x8 }")
    assert main(["fmt", str(bad), str(ugly), str(ugly.with_name("none.arch"))]) == 1
    out, err = capsys.readouterr()
    assert out == f"{ugly}\n"
    assert "error[E0108]" in err
    assert "error[E0001]" in err
    assert bad.read_text() == "net n{ input(3x8x8 }"
    assert ugly.read_text() == MADE


def test_a_link_stays_one(ugly: Path) -> None:
    link = ugly.with_name("link.arch")
    link.symlink_to(ugly)
    assert main(["fmt", str(link)]) == 0
    assert link.is_symlink()
    assert ugly.read_text() == MADE


@pytest.mark.parametrize(
    ("text", "options", "status", "out"),
    [
        (UGLY, [], 0, MADE),
        (MADE, ["--check"], 0, ""),
        (UGLY, ["--check"], 1, "<stdin>\n"),
        ("net", [], 1, ""),
    ],
)
def test_standard_input(
    text: str,
    options: list[str],
    status: int,
    out: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(text.encode())))
    assert main(["fmt", *options, "-"]) == status
    assert capsys.readouterr().out == out
