"""Every command and code block of README and docs, run; see `blocks` for what they mean."""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archc.cli import main
from archc.diagnostics import DiagnosticError
from archc.driver import check
from archc.source import Source

from .blocks import (
    ROOT,
    RUN,
    Block,
    Command,
    agrees,
    blocks,
    commands,
    complete,
    every,
    form,
)

SHELL = re.compile(r"make (\w+)|\. \.venv/bin/activate|tensorboard --logdir \w+")


def place(block: Block) -> str:
    return block.place


@pytest.mark.parametrize("block", every("arch"), ids=place)
def test_spec(block: Block) -> None:
    if block.manner == "imports":
        commands_of = [c for b in blocks(block.page) if b.kind == "console" for c in commands(b)]
        assert any(block.options["file"] in command.words for command in commands_of)
        return
    source = Source(block.place, complete(block))
    if block.manner == "refused":
        with pytest.raises(DiagnosticError):
            check(source)
    else:
        check(source)
    if "of" in block.options:
        lines = iter((ROOT / block.options["of"]).read_text("utf-8").splitlines())
        for line in block.text.splitlines():
            assert line in lines, f"{block.options['of']} has no such line there: {line}"


@pytest.mark.parametrize("block", every("sh"), ids=place)
def test_shell(block: Block) -> None:
    targets = re.findall(r"^(\w[\w-]*):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    for line in block.text.splitlines():
        known = SHELL.fullmatch(line)
        assert known, f"'{line}' is not a command that the docs may give unrun"
        assert known[1] is None or known[1] in targets


RUNS = [page for page in RUN if any(b.kind in ("console", "python") for b in blocks(page))]


@pytest.mark.parametrize("page", RUNS, ids=lambda page: page.name)
def test_session(page: Path, tmp_path: Path) -> None:
    """A page's commands and programs, from top to bottom, in one folder."""
    (tmp_path / "specs").symlink_to(ROOT / "specs")
    _photos(tmp_path / "photos")
    for block in blocks(page):
        if "file" in block.options:
            (tmp_path / block.options["file"]).write_text(complete(block), "utf-8")
        elif block.kind == "python":
            done = _run((sys.executable, "-c", block.text), tmp_path)
            assert not done.returncode, f"{block.place}\n{done.stdout}"
        elif block.kind == "console":
            for command in commands(block):
                _console(block, command, tmp_path)


def _photos(folder: Path) -> None:
    """A small image folder: cats and dogs of noise."""
    random = np.random.default_rng(0)
    for split, count in (("train", 8), ("val", 4)):
        for name in ("cat", "dog"):
            (folder / split / name).mkdir(parents=True)
            for i in range(count):
                pixels = random.integers(0, 256, (40, 50, 3), np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"{i}.png")


def _console(block: Block, command: Command, folder: Path) -> None:
    program, *rest = command.words
    found = {"archc": str(Path(sys.executable).with_name("archc")), "python": sys.executable}
    assert program in found, f"{block.place}: the docs run archc and python, not {program}"
    if block.manner == "recorded":
        rest += ["--epochs", "1"]
    trains = program == "archc" and rest[0] in ("train", "evaluate")
    if block.manner and trains and "--device" not in rest:
        # The pages were written on a CPU, and tests must not depend on what else there is.
        rest += ["--device", "cpu"]
    # Training loads a lot, once is enough; but what several processes say is not said in this one.
    inside = trains and not any(word.startswith("cpu:") for word in rest)
    text = _inside(rest, folder) if inside else _run((found[program], *rest), folder).stdout
    printed = text.splitlines()
    said = f"{block.place}: {' '.join(command.words)}\n{text}"
    if block.manner == "recorded":
        forms = {form(line) for line in [*printed, "..."]}
        assert {form(line) for line in command.printed} <= forms, said
    elif block.manner == "figures":
        assert agrees([form(x) for x in command.printed], [form(x) for x in printed]), said
    else:
        assert agrees(command.printed, printed), said


def _inside(words: list[str], folder: Path) -> str:
    """What `archc` prints, run in this process."""
    with contextlib.chdir(folder), io.StringIO() as out:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            main(words)
        return out.getvalue()


def _run(words: tuple[str, ...], folder: Path) -> subprocess.CompletedProcess[str]:
    """A command's output, errors among it. One thread each: the tests run side by side."""
    return subprocess.run(
        words,
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
