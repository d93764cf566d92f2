"""docs/zoo.md from the specs.

`python tools/zoo_page.py` rewrites the page; a test checks that it is up to date.
"""

from __future__ import annotations

import re
from pathlib import Path

import archc

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "zoo.md"

HEAD = """\
# The nets that come with archc

Every net is a spec that is read beside its paper: a row of the paper's table is a line of the
spec, and what the paper prints of it is checked by `expect`. `archc params NAME` shows a net
layer by layer, `archc compile NAME --backend torch` prints its program.

Parameters are all that is trained, those of auxiliary heads among them. Multiply-adds are those
of convolutions and fully connected layers, for one image, of auxiliary heads too. Depth is the
longest path from the input to the output in such layers; squeeze-and-excitation adds two a block.

"""

TAIL = """
The classifiers after 2014 are as torchvision defines them, so that weights can be carried over;
where that is not what the paper says, a comment in the spec tells. Tests add up their parameters
and multiply-adds by hand, and compare the programs of ResNet-50, DenseNet-121, Inception-v3,
MobileNetV3-Large and ShuffleNetV2 with the same nets written by hand.

Blocks that several nets share are in [specs/blocks/](../specs/blocks).

This page is made by `tools/zoo_page.py`.
"""


def page() -> str:
    """The text of the page."""
    lines = [
        "| spec | paper | input | depth | parameters | multiply-adds |",
        "| --- | --- | --- | ---: | ---: | ---: |",
    ]
    rows = [row(path) for path in sorted((ROOT / "specs").glob("*.arch"))]
    lines += [line for _, line in sorted(rows, key=lambda year_row: year_row[0])]
    return HEAD + "\n".join(lines) + "\n" + TAIL


def row(path: Path) -> tuple[str, str]:
    """The year of a net's paper, which the description names, and the net's line."""
    net = archc.load(path)
    year = re.search(r"\b(?:19|20)\d\d\b", net.doc)
    cells = (
        f"[{path.stem}](../specs/{path.name})",
        net.doc,
        "x".join(map(str, net.input)),
        str(net.depth),
        f"{net.params:,}",
        f"{net.macs:,}",
    )
    return year[0] if year else "", f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
