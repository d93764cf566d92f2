"""What the pages say of the code, held against the code."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from archc import claims, elaborate, limits, syntax
from archc.analysis.report import as_json, report
from archc.binding import signature
from archc.cli import main
from archc.diagnostics import MAX_ERRORS
from archc.driver import load
from archc.form import Form
from archc.ops import OPS
from archc.recipe import (
    AVERAGES,
    INITIALISERS,
    LIMITS,
    LOSSES,
    OPTIMIZERS,
    SCHEDULES,
    TRANSFORMS,
)

from .blocks import PAGES, ROOT

LANGUAGE = (ROOT / "docs" / "language.md").read_text("utf-8")
PARAMS = (ROOT / "docs" / "params.md").read_text("utf-8")
TRAINING = (ROOT / "docs" / "training.md").read_text("utf-8")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
MACHINE = re.compile(r"(?<![\w.])/(?:tmp|home|work|root|opt|usr|mnt)/")


def spelled(form: type[Form]) -> str:
    """`relu` for a form without arguments, else its signature."""
    return signature(form).removesuffix("()")


@pytest.mark.parametrize("op", OPS.values(), ids=lambda op: op.word)
def test_each_op_has_its_section(op: type[Form]) -> None:
    assert f"\n### {op.word}\n\n`{spelled(op)}`" in LANGUAGE


@pytest.mark.parametrize(
    "form",
    [
        form
        for forms in (TRANSFORMS, OPTIMIZERS, SCHEDULES, INITIALISERS, LOSSES, AVERAGES, LIMITS)
        for form in forms.values()
    ],
    ids=lambda form: form.word,
)
def test_each_form_is_in_a_table(form: type[Form]) -> None:
    assert re.search(rf"^\| .*`{re.escape(spelled(form))}`.* \| ", LANGUAGE, re.MULTILINE)


def test_reserved_words() -> None:
    """The list of the page is that of the parser."""
    said = re.search(r"The words of the language are .*?`([^`]*)`", LANGUAGE, re.DOTALL)
    assert said
    assert set(said[1].split()) == syntax.RESERVED


@pytest.mark.parametrize("name", claims.TOTALS)
def test_totals_of_claims(name: str) -> None:
    assert f"\n| `{name}` |" in LANGUAGE


@pytest.mark.parametrize("name", claims.PARTS)
def test_parts_of_claims(name: str) -> None:
    assert f"`PART.{name}`" in LANGUAGE


def test_limits() -> None:
    section = " ".join(LANGUAGE.partition("\n## Limits")[2].split())
    for limit, unit in (
        (limits.MAX_BYTES, "bytes"),
        (limits.MAX_WORDS, "words"),
        (limits.MAX_NAME, "letters"),
        (limits.MAX_DIGITS, "digits"),
        (elaborate.MAX_NODES, "layers"),
        (MAX_ERRORS, "errors"),
    ):
        assert f"{limit:,} {unit}" in section
    assert f"brackets nest {limits.MAX_DEPTH} deep, operators too" in section
    assert f"{elaborate.MAX_STEPS:,} items" in section
    assert elaborate.MAX_NESTING == limits.MAX_DEPTH
    assert elaborate.MAX_ELEMENTS == 2**40


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one epoch whose transforms learn something."""
    spec = tmp_path_factory.mktemp("spec") / "tiny.arch"
    spec.write_text(
        """net tiny { input(1x8x8) fc(10) softmax recipe {
            augment { resize(8) subtract_mean } evaluate { resize(8) subtract_mean }
            optimizer sgd(lr = 0.01) batch 128 epochs 1 } }""",
        "utf-8",
    )
    folder = spec.with_name("run")
    command = ["train", str(spec), "--device", "cpu", "--quiet", "-o", str(folder)]
    assert main(command) == 0
    return folder


def first_column(section: str) -> list[str]:
    """The code words in the first column of a table."""
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return [word for cell in cells for word in re.findall(r"`([^`]+)`", cell)]


def test_files_of_a_run(run: Path) -> None:
    section = TRAINING.partition("## What a run keeps")[2].partition("A line of")[0]
    found = {
        re.sub(r"tfevents\..*", "tfevents.*", path.name) + "/" * path.is_dir()
        for path in run.iterdir()
    }
    assert found == set(first_column(section))


def test_keys_of_metrics(run: Path) -> None:
    section = TRAINING.partition("A line of `metrics.jsonl`")[2].partition("With an image")[0]
    row = json.loads((run / "metrics.jsonl").read_text("utf-8"))
    assert row.keys() == set(first_column(section))


def test_keys_of_memory() -> None:
    section = PARAMS.partition("under `memory`")[2]
    found = as_json(report(load("lenet")))["memory"]
    assert isinstance(found, dict)
    assert found.keys() == set(first_column(section))


def test_files_of_the_stages() -> None:
    """Every file that the page on the architecture names is there."""
    for name in re.findall(r"`((?:archc|backends|tests)/[\w/.]*)`", ARCHITECTURE):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links(page: Path) -> None:
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        assert not target.startswith("http"), f"{target}: the pages link to files beside them"
        path, _, anchor = target.partition("#")
        other = page if not path else (page.parent / path)
        assert other.exists(), target
        if anchor:
            assert anchor in anchors(other), target


def anchors(page: Path) -> set[str]:
    """The headings of a page as links name them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-") for text in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_nothing_of_one_machine(page: Path) -> None:
    text = page.read_text("utf-8")
    assert not MACHINE.search(text)
    assert "pip install archc" not in text


def test_example_of_an_op_is_python() -> None:
    """The emitter in the page on adding an op, which cannot run alone, is Python all the same."""
    example = re.search(r"```text\n( *)@emits.*?```", ARCHITECTURE, re.DOTALL)
    assert example
    lines = example[0].splitlines()[1:-1]
    ast.parse("\n".join(line.removeprefix(example[1]) for line in lines))
