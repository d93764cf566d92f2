"""docs/errors.md is what `tools/errors_page.py` makes of the classes and the goldens."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable
from typing import cast

from .codes import diagnostics
from .test_goldens import FOLDER

ROOT = FOLDER.parent.parent
PAGE = ROOT / "docs" / "errors.md"


def test_the_page_is_up_to_date(*, update_golden: bool) -> None:
    page = cast("Callable[[], str]", runpy.run_path(str(ROOT / "tools" / "errors_page.py"))["page"])
    if update_golden:
        PAGE.write_text(page(), "utf-8")
    assert PAGE.read_text("utf-8") == page(), "run python tools/errors_page.py"


def test_the_page_has_every_code() -> None:
    shown = re.findall(r"^### (E\d{4}): ", PAGE.read_text("utf-8"), re.MULTILINE)
    assert shown == [kind.code for kind in diagnostics()]


def test_what_the_page_shows_is_what_is_printed() -> None:
    shown = re.findall(r"```text\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    goldens = {path.read_text("utf-8") for path in FOLDER.glob("*.txt")}
    assert shown
    assert goldens.issuperset(shown)
