"""docs/errors.md from the classes of `archc/errors` and the goldens of `tests/errors`.

`python tools/errors_page.py` rewrites the page; a test checks that it is up to date.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import archc.errors
from archc.diagnostics import Diagnostic

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "errors.md"
GOLDENS = ROOT / "tests" / "errors"

HEAD = """\
# Errors

What archc says of a spec or a job that it cannot carry out, code by code. The codes are stable:
scripts may rely on them. The code of an error that no version produces any more is not used
again:
{removed}.

An error is shown at its place, in the file's own lines. `^^^` marks what is at fault, `---` a
second place that explains it. Where the fault is inside a block, `in` lines name the calls that
led there; a block that is called several times is reported once, and `and in` lines name its other
calls. `help` says what to type instead, where that is known.

One run reports every fault that stands on its own, up to twenty, and none that only follows from
another: after a misspelt op, nothing is said of the shapes below it. Of a text that is not even in
the language, the words that do not fit are reported, and nothing of what it means.

The exit status is 1 where a spec or a job is at fault, 2 where the command line is.

This page is made by `tools/errors_page.py`.
"""

REMOVED = {
    "E0107": "a construct that a version before had planned and refused",
    "E0615": "a program that trains of a recipe with `dense`",
}
"""Codes of errors that there were."""

FAMILIES = {
    "E00": "Files",
    "E01": "The text",
    "E02": "Shapes and sizes",
    "E03": "Names, arguments and structure",
    "E04": "Claims",
    "E05": "The recipe",
    "E06": "Backends and programs",
    "E07": "Images",
    "E08": "Training",
    "E09": "Towers on devices",
}

EXAMPLES = {
    "E0101": "E0101_three_faults",
    "E0102": "E0102_multiplication_sign",
    "E0104": "E0104_not_a_number",
    "E0105": "E0105_word_as_a_label",
    "E0108": "E0108_brace_forgotten",
    "E0111": "E0111_missing_file",
    "E0206": "E0206_input",
    "E0303": "E0303_not_whole",
    "E0308": "E0308_label_twice",
    "E0310": "E0310_concat_without_branches",
    "E0312": "E0312_element",
}
"""The golden that the page shows, where the first of its code is not the best."""

HIDDEN = {"E0003", "E0106", "E0110"}
"""Codes whose goldens are no text, or too long a line, to show on a page."""


def kinds() -> list[type[Diagnostic]]:
    """Every class of fault, in order of its code."""
    found: list[type[Diagnostic]] = []
    for module in pkgutil.iter_modules(archc.errors.__path__, "archc.errors."):
        members = vars(importlib.import_module(module.name)).values()
        found += [
            kind
            for kind in members
            if inspect.isclass(kind)
            and issubclass(kind, Diagnostic)
            and kind.__module__ == module.name
        ]
    return sorted(found, key=lambda kind: kind.code)


def page() -> str:
    """The text of the page."""
    removed = ",\n".join(f"{code} ({what})" for code, what in REMOVED.items())
    parts = [HEAD.replace("{removed}", removed)]
    family = ""
    for kind in kinds():
        if kind.code[:3] != family:
            family = kind.code[:3]
            parts.append(f"## {FAMILIES[family]}\n")
        parts.append(entry(kind))
    return "\n".join(parts)


def entry(kind: type[Diagnostic]) -> str:
    """A code: what it means, and a spec that shows it."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind.__name__).lower()
    text = f"### {kind.code}: {words}\n\n{inspect.getdoc(kind)}\n"
    spec = example(kind.code)
    if spec is None:
        return text
    fence = "```"
    return (
        f"{text}\n{fence}arch refused\n{spec.read_text('utf-8')}{fence}\n\n"
        f"{fence}text\n{spec.with_suffix('.txt').read_text('utf-8')}{fence}\n"
    )


def example(code: str) -> Path | None:
    """The golden that is shown of a code, if it has any."""
    if code in HIDDEN:
        return None
    if code in EXAMPLES:
        return GOLDENS / f"{EXAMPLES[code]}.arch"
    return min(GOLDENS.glob(f"{code}_*.arch"), default=None)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
