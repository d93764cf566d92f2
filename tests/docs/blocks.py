"""The fenced blocks of README and docs, and what their info strings mean.

`arch`              a whole spec, which must check clean
`arch fragment`     the body of a net without its input, and blocks after it: completed into a
                    net with the input `3x224x224`, which must check clean
`arch refused`      a spec that must be refused
`arch imports`      a spec that imports files of the page: a command of the page checks it
`... file=NAME`     kept under that name for the commands of the page
`... of=PATH`       each line must be in that file, in order
`console`           `$ archc ...` and `$ python FILE` are run; what they print must be what stands
                    there, where a line `...` is any number of lines
`console figures`   a training run: the same, but any number may be another one
`console recorded`  a long training run that was made: it is run for one epoch, and each line
                    must have the form of a line that this prints
`python`            is run, after the commands above it
`sh`                commands that are not run: they must be known (`SHELL`)
`text`              is not looked at

The page's commands and programs run in one folder, from top to bottom.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
RUN = [page for page in PAGES if page.name != "errors.md"]
"""The pages whose blocks are run here; `tests/errors` holds its own page against the errors."""

KINDS = {
    "arch": {"", "fragment", "refused", "imports"},
    "console": {"", "figures", "recorded"},
    "python": {""},
    "sh": {""},
    "text": {""},
}


@dataclass(frozen=True)
class Block:
    """A fenced block: what stands between its fences, without the fences' indentation."""

    page: Path
    line: int
    kind: str
    manner: str
    options: dict[str, str]
    text: str

    @property
    def place(self) -> str:
        """What a test calls it."""
        return f"{self.page.name}:{self.line}"


_FENCE = re.compile(r"( *)```(.*)")


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found: list[Block] = []
    opened: tuple[int, str, str] | None = None
    lines: list[str] = []
    for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
        fence = _FENCE.fullmatch(line)
        if opened is None and fence:
            opened, lines = (number, fence[1], fence[2]), []
        elif opened is not None and line == f"{opened[1]}```":
            found.append(_block(page, opened[0], opened[2], lines))
            opened = None
        elif opened is not None:
            assert not line or line.startswith(opened[1]), f"{page.name}:{number}: indentation"
            lines.append(line.removeprefix(opened[1]))
    assert opened is None, f"{page.name}:{opened}: the block is never closed"
    return found


def _block(page: Path, line: int, info: str, lines: Sequence[str]) -> Block:
    kind, *rest = info.split() or [""]
    options = dict(word.split("=", 1) for word in rest if "=" in word)
    manner = " ".join(word for word in rest if "=" not in word)
    known = manner in KINDS.get(kind, ()) and options.keys() <= {"file", "of"}
    assert known, f"{page.name}:{line}: no block is called '{info}'"
    return Block(page, line, kind, manner, options, "".join(f"{text}\n" for text in lines))


def every(*kinds: str) -> list[Block]:
    """The blocks of these kinds on all pages."""
    return [block for page in RUN for block in blocks(page) if block.kind in kinds]


def complete(block: Block) -> str:
    """A block of kind `arch` as a whole spec."""
    if block.manner != "fragment":
        return block.text
    body, *rest = re.split(r"^(?=block )", block.text, maxsplit=1, flags=re.MULTILINE)
    return f"net fragment {{ input(3x224x224)\n{body}}}\n{''.join(rest)}"


@dataclass(frozen=True)
class Command:
    """A line `$ ...` and what stands below it."""

    words: tuple[str, ...]
    printed: tuple[str, ...]


def commands(block: Block) -> list[Command]:
    """The commands of a console block."""
    found: list[Command] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append(Command(tuple(line[2:].split()), ()))
        else:
            last = found.pop()
            found.append(Command(last.words, (*last.printed, line)))
    return found


def agrees(written: Sequence[str], printed: Sequence[str]) -> bool:
    """Whether lines are those printed, where `...` stands for any number of lines."""
    if not written:
        return not printed
    if written[0] == "...":
        return any(agrees(written[1:], printed[i:]) for i in range(len(printed) + 1))
    return bool(printed) and written[0] == printed[0] and agrees(written[1:], printed[1:])


def form(line: str) -> str:
    """A line with every number as `#`, and spaces as one: what two runs have in common."""
    return re.sub(r"\s+", " ", re.sub(r"\d[\d,.]*\d|\d", "#", line)).strip()
