"""Every code is unique, explained, and produced by a test."""

from __future__ import annotations

import ast
import inspect
import re

import pytest

from archc.diagnostics import Diagnostic

from .codes import ELSEWHERE, diagnostics
from .test_goldens import FOLDER, SPECS

ROOT = FOLDER.parent.parent
KINDS = diagnostics()


def test_codes_are_unique() -> None:
    codes = [kind.code for kind in KINDS]
    assert len(set(codes)) == len(codes)
    assert len(codes) > 60
    assert "E0107" not in codes, "codes of removed errors are not used again"
    assert all(re.fullmatch(r"E\d{4}", code) for code in codes)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_a_code_has_an_example_or_a_test(kind: type[Diagnostic]) -> None:
    shown = any(kind.code == spec.stem[:5] for spec in SPECS)
    assert shown != (kind.code in ELSEWHERE), "an example, or else a test in ELSEWHERE"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_a_code_is_explained(kind: type[Diagnostic]) -> None:
    doc = inspect.getdoc(kind) or ""
    assert doc.endswith((".", "`.")), "docs/errors.md says what the class says"
    assert not doc.startswith(f"{kind.__name__}("), "the docstring that dataclass makes"


@pytest.mark.parametrize(("code", "test"), ELSEWHERE.items())
def test_what_is_produced_elsewhere(code: str, test: str) -> None:
    path, _, name = test.partition("::")
    text = (ROOT / path).read_text("utf-8")
    found = [
        node
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef) and node.name == name
    ]
    assert found, f"there is no {test}"
    first = min([found[0].lineno, *(node.lineno for node in found[0].decorator_list)])
    lines = text.splitlines()[first - 1 : found[0].end_lineno]
    assert code in "\n".join(lines), f"{test} does not look for {code}"
    assert code in {kind.code for kind in KINDS}


def test_golden_names() -> None:
    codes = {kind.code for kind in KINDS}
    wrong = [spec.name for spec in SPECS if not re.fullmatch(r"E\d{4}(_[a-z0-9]+)+", spec.stem)]
    assert not wrong
    assert {spec.stem[:5] for spec in SPECS} <= codes
