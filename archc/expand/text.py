"""The tree of what is written out, as lines: a layer with weights begins one."""

from __future__ import annotations

from collections.abc import Sequence

from archc.expand.tree import Aux, Chain, From, Group, Layer, Note, Towers

_WIDTH = 96
"""How long a line may be, as far as it can be broken."""
_INDENT = 2


def written(chain: Chain, depth: int = 1) -> list[str]:
    """The lines of a chain that stands so deep. `archc.layout` indents them."""
    lines: list[str] = []
    open_ = False
    for part in chain.parts:
        begins, goes_on = True, False
        match part:
            case Layer(branches=None):
                made = [f"{_label(part.label)}{part.word}{part.arguments}"]
                begins, goes_on = part.op.counted or bool(part.label), True
            case Layer(branches=branches):
                head = f"{_label(part.label)}{part.word}{part.arguments}"
                made = _joined(head, branches or (), depth)
                goes_on = len(made) == 1
            case Group():
                made = _braces(_label(part.label), part.chain, depth)
            case Towers():
                made = _braces(f"{_label(part.label)}towers({part.count}) ", part.chain, depth)
            case Aux():
                head = f"{_label(part.label)}aux(weight = {part.weight}) "
                made = _braces(head, part.chain, depth)
            case From():
                made, goes_on = [f"from({part.target.name})"], True
            case Note():
                made = [f"# {part.text}"]
        if not begins and open_ and _fits(f"{lines[-1]} {made[0]}", depth):
            lines[-1] += f" {made[0]}"
        else:
            lines += made
        open_ = goes_on
    return lines


def _label(label: str) -> str:
    return f"{label}: " if label else ""


def _fits(line: str, depth: int) -> bool:
    return len(line) + depth * _INDENT <= _WIDTH


def _braces(head: str, chain: Chain, depth: int) -> list[str]:
    inner = written(chain, depth + 1)
    if not inner:
        return [f"{head}{{}}"]
    line = f"{head}{{ {inner[0]} }}"
    if len(inner) == 1 and not inner[0].startswith("#") and _fits(line, depth):
        return [line]
    return [f"{head}{{", *inner, "}"]


def _in_one(lines: list[str], depth: int) -> list[str]:
    """A branch on one line, where it holds no braces and is short enough."""
    line = "  ".join(lines)
    return [line] if line and not set(line) & set("{}#") and _fits(line, depth) else lines


def _says_more(lines: Sequence[str]) -> bool:
    """Whether there is more than comments."""
    return any(not line.startswith("#") for line in lines)


def _joined(head: str, branches: Sequence[Chain], depth: int) -> list[str]:
    """A merge: a branch a line, or all on one."""
    inner = [_in_one(written(branch, depth + 2), depth + 2) for branch in branches]
    inner = [lines if _says_more(lines) else [*lines, "skip"] for lines in inner]
    simple = all(len(lines) == 1 and not lines[0].startswith("#") for lines in inner)
    line = f"{head} {{ {' '.join(f'| {lines[0]}' for lines in inner)} }}"
    if simple and _fits(line, depth):
        return [line]
    found = [f"{head} {{"]
    for lines in inner:
        # Comments stand above the branch: behind its '|' they would hide what it holds.
        first = next(i for i, line in enumerate(lines) if not line.startswith("#"))
        found += [*lines[:first], f"| {lines[first]}", *lines[first + 1 :]]
    return [*found, "}"]
