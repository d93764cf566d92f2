"""Completion scripts, asked as the shells ask them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from archc.cli import COMMANDS
from archc.cli.completion import SHELLS
from archc.library import names
from archc.ops import OPS

ARCHC = str(Path(sys.executable).parent / "archc")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts, a spec of one's own, and files that are none."""
    path = tmp_path_factory.mktemp("completion")
    for shell in SHELLS:
        done = subprocess.run([ARCHC, "completion", shell], capture_output=True, check=True)
        (path / f"archc.{shell}").write_bytes(done.stdout)
    (path / "vgg_mine.arch").touch()
    (path / "vgg_notes.txt").touch()
    (path / "vgg_folder").mkdir()
    (path / "vgg_folder" / "inner.arch").touch()
    return path


def bash(folder: Path, *words: str) -> set[str]:
    """COMPREPLY for the last word."""
    script = f"""source archc.bash
COMP_WORDS=(archc {" ".join(f"'{word}'" for word in words)}); COMP_CWORD={len(words)}
_shtab_archc
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(
        ["bash", "--norc", "-u", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
    )
    assert done.stderr == ""
    return set(done.stdout.split())


VGGS = {name for name in names() if name.startswith("vgg")}


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash here")
@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("par", {"params"}),
        ("", set(COMMANDS)),
        ("--v", {"--version"}),
        ("params vgg", {*VGGS, "vgg_mine.arch", "vgg_folder"}),
        ("params vgg_folder/", {"vgg_folder/inner.arch"}),
        ("params --set a=1 vgg_d", {"vgg_d"}),
        ("params --precision ", {"fp32", "bf16"}),
        ("compare vgg_d zf", {"zfnet"}),
        ("check lenet vgg_m", {"vgg_mine.arch"}),
        ("train zf", {"zfnet"}),
        ("compile --back", {"--backend"}),
        ("compile --backend ", {"jax", "torch"}),
        ("compile lenet -o vgg_n", {"vgg_notes.txt"}),
        ("train lenet --data vgg", {"vgg_folder"}),
        ("ops max", {"maxpool"}),
        ("explain E0203", {"E0203"}),
        ("completion ", set(SHELLS)),
    ],
)
def test_bash(folder: Path, words: str, found: set[str]) -> None:
    assert bash(folder, *words.split(" ")) == found


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_knows_every_name(folder: Path, shell: str) -> None:
    text = (folder / f"archc.{shell}").read_text("utf-8")
    for name in (*COMMANDS, *names(), *OPS, "precision", "E0203"):
        assert name in text


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_can_read_its_script(folder: Path, shell: str) -> None:
    if not shutil.which(shell):
        pytest.skip(f"no {shell} here")
    zsh = 'autoload compinit; compinit -D; eval "$(<archc.zsh)"; print $_comps[archc]'
    command = {
        "bash": ["bash", "--norc", "-c", "source archc.bash; complete -p archc"],
        "zsh": ["zsh", "-f", "-c", zsh],
        "tcsh": ["tcsh", "-f", "-c", "source archc.tcsh; complete archc"],
    }[shell]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "HOME": str(folder)},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "_shtab_archc" in done.stdout or shell == "tcsh"
    assert "alexnet" in done.stdout or shell != "tcsh"
