"""Every message that a spec can produce, as a reader sees it: NAME.arch and NAME.txt."""

from __future__ import annotations

from pathlib import Path

import pytest

from archc.diagnostics import DiagnosticError
from archc.driver import check
from archc.parser import read

FOLDER = Path(__file__).parent
SPECS = sorted(FOLDER.glob("*.arch"))


def said(spec: Path) -> str:
    """What `archc check` prints of a spec in the folder it is run in."""
    with pytest.raises(DiagnosticError) as caught:
        check(read(spec, spec.name))
    return f"{caught.value}\n"


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.stem)
def test_golden(spec: Path, *, update_golden: bool) -> None:
    golden = spec.with_suffix(".txt")
    found = said(spec)
    if update_golden:
        golden.write_text(found, "utf-8")
    assert f"error[{spec.stem[:5]}]" in found, "a golden is named by the code it shows"
    assert found == golden.read_text("utf-8")


def test_no_golden_is_left_over() -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} == {path.stem for path in SPECS}
