"""docs/zoo.md is what `tools/zoo_page.py` makes of the specs."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from typing import cast

from .blocks import ROOT

PAGE = ROOT / "docs" / "zoo.md"


def test_the_page_is_up_to_date(*, update_golden: bool) -> None:
    page = cast("Callable[[], str]", runpy.run_path(str(ROOT / "tools" / "zoo_page.py"))["page"])
    if update_golden:
        PAGE.write_text(page(), "utf-8")
    assert PAGE.read_text("utf-8") == page(), "run python tools/zoo_page.py"
