"""The columns of a spec's lines: what its author aligned stays so (`archc fmt`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from archc.spacing import Spaced


@dataclass(slots=True)
class Item:
    """A word or a comment on a line: where it stands, and the blanks before it."""

    text: str
    word: Spaced | None
    column: int
    gap: int
    at: int = 0

    @property
    def least(self) -> int:
        """The blanks before it where nothing is aligned."""
        if self.word is None:
            return 2
        return 0 if self.word.tight else 1

    @property
    def end(self) -> int:
        return self.at + len(self.text)


@dataclass(slots=True)
class Line:
    """A line of the author's; without items it is a blank one."""

    items: list[Item] = field(default_factory=list[Item])
    indent: int = 0
    laid: int = 0
    """How many of its items have their column."""

    @property
    def words(self) -> Sequence[Spaced]:
        return [item.word for item in self.items if item.word is not None]

    @property
    def moved(self) -> int:
        """How much further right it begins now."""
        return self.indent - self.items[0].column


class _Column:
    """What stands in one column: items of several lines that begin, or end, in one place."""

    def __init__(self, at: int, *, right: bool = False) -> None:
        self.at = at
        self.right = right
        self.members: list[tuple[Line, int]] = []

    @property
    def items(self) -> Iterator[Item]:
        return (line.items[i] for line, i in self.members)

    @property
    def order(self) -> int:
        """Columns are laid from left to right: what stands before an item has its place by then."""
        return self.at - self.right

    def lay(self) -> None:
        """Where it stood, as seen from where its lines begin, or as far right as it must."""
        at = 0
        for line, i in self.members:
            _lay(line, i)
            item = line.items[i]
            least = item.least if self.right else 2
            width = len(item.text) if self.right else 0
            at = max(at, self.at + line.moved, line.items[i - 1].end + least + width)
        for line, i in self.members:
            line.items[i].at = at - len(line.items[i].text) * self.right
            line.laid = i + 1


def align(lines: Sequence[Line]) -> None:
    """Where each item of each line stands.

    Two blanks or more are the author's columns: what stood in one column on lines that follow
    one another, comments on all lines up to a blank one, does so again.
    """
    numbers = _numbers(lines)
    taken = {id(item) for column in numbers for item in column.items}
    found = [*numbers, *_begun(lines, taken)]
    for column in sorted(found, key=lambda column: column.order):
        column.lay()
    for line in lines:
        _lay(line, len(line.items))


def _begun(lines: Sequence[Line], taken: set[int]) -> list[_Column]:
    """The columns of items that begin in one place."""
    comments: dict[tuple[int, int], _Column] = {}
    words: dict[int, tuple[int, _Column]] = {}
    found: list[_Column] = []
    paragraph = 0
    for number, line in enumerate(lines):
        paragraph += not line.items
        for i, item in enumerate(line.items):
            if i == 0 or item.gap < 2 or item.least == 0 or id(item) in taken:
                continue
            if item.word is None:
                place = item.column, paragraph
                if place not in comments:
                    comments[place] = _Column(item.column)
                    found.append(comments[place])
                column = comments[place]
            else:
                last, column = words.get(item.column, (-2, _Column(item.column)))
                if last != number - 1:
                    column = _Column(item.column)
                    found.append(column)
                words[item.column] = number, column
            column.members.append((line, i))
    return found


def _numbers(lines: Sequence[Line]) -> list[_Column]:
    """The columns of numbers that end in one place: the arguments of a table's rows.

    Numbers of one length end together by chance, unless there are others on their lines.
    """
    columns: dict[int, tuple[int, _Column]] = {}
    found: list[_Column] = []
    for number, line in enumerate(lines):
        for i, item in enumerate(line.items):
            if not _is_argument(line, i):
                continue
            end = item.column + len(item.text)
            last, column = columns.get(end, (-2, _Column(end, right=True)))
            if last < number - 1:
                column = _Column(end, right=True)
                found.append(column)
            columns[end] = number, column
            column.members.append((line, i))
    found = [
        column
        for column in found
        if len(column.members) > 1 and any(item.gap > item.least for item in column.items)
    ]
    rows = {
        id(line)
        for column in found
        if len({len(item.text) for item in column.items}) > 1
        for line, _ in column.members
    }
    # Any line, not all: what was a column once must be one again when it has been laid.
    return [column for column in found if any(id(line) in rows for line, _ in column.members)]


def _is_argument(line: Line, i: int) -> bool:
    """Whether an item is a number between brackets and commas."""
    if not 0 < i < len(line.items) - 1:
        return False
    before, word, after = (item.word for item in line.items[i - 1 : i + 2])
    if before is None or word is None or after is None or word.kind != "NUMBER":
        return False
    return before.kind in ("LPAR", "COMMA") and after.kind in ("RPAR", "COMMA")


def _lay(line: Line, end: int) -> None:
    """Put the items up to, not including, `end` behind one another."""
    for i in range(line.laid, end):
        item = line.items[i]
        item.at = line.items[i - 1].end + item.least if i else line.indent
    line.laid = max(line.laid, end)
