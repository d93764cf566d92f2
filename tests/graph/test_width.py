"""A scaled net is the one that is written with the scaled numbers."""

from __future__ import annotations

import pytest

from archc.driver import check
from archc.source import Source
from tests.nets import net

from .test_language import BLOCKS, MORE, PAIRS, same

# Width: the net with its numbers, and with the numbers of half (or another part) of it.
WIDTHS = {
    "plain": ("conv(3, 1, 64) relu fc(100) fc(10)", "conv(3, 1, 32) relu fc(48) fc(10)", 0.5),
    "up": ("conv(3, 1, 8) relu fc(100) fc(10)", "conv(3, 1, 16) relu fc(200) fc(10)", 2),
    "never 0": ("conv(1, 1, 1) conv(1, 1, 2) conv(1, 1, 4) fc(3)",
                "conv(1, 1, 1) conv(1, 1, 2) conv(1, 1, 4) fc(3)", 0.01),
    "even stays even": ("conv(1, 1, 30) conv(1, 1, 7) fc(3)",
                        "conv(1, 1, 16) conv(1, 1, 4) fc(3)", 0.5),
    "squeeze and excitation": (
        "conv(3, 1, 64) se(16) fc(10)",
        ("conv(3, 1, 32) mul { | skip | global_avgpool conv(1, 1, 2) relu conv(1, 1, 32) sigmoid } "
        "fc(10)"), 0.5),
    "depthwise": (
        "conv(3, 1, 16) conv(3, 1, in, groups=in) conv(1, 1, 32) fc(10)",
        "conv(3, 1, 4) conv(3, 1, 4, groups=4) conv(1, 1, 8) fc(10)", 0.25),
    "depthwise of parameters": (
        "conv(3, 1, 16) ds(32) ds(64, 2) fc(10)",
        ("conv(3, 1, 8) conv(3, 1, 8, pad=1, groups=8) conv(1, 1, 16) "
        "conv(3, 2, 16, pad=1, groups=16) conv(1, 1, 32) fc(10)"), 0.5),
    "groups that are written out": (
        "conv(3, 1, 64) conv(3, 1, 64, groups=4) fc(10)",
        "conv(3, 1, 32) conv(3, 1, 32, groups=4) fc(10)", 0.5),
    "concat": (
        "concat { | conv(1, 1, 8) | conv(1, 1, 16) | skip } conv(1, 1, in) fc(10)",
        "concat { | conv(1, 1, 4) | conv(1, 1, 8) | skip } conv(1, 1, 15) fc(10)", 0.5),
    "add": (
        "conv(1, 1, 8) add { | conv(3, 1, 8, pad=1) | if in == 8 { skip } else { relu } } fc(10)",
        "conv(1, 1, 4) add { | conv(3, 1, 4, pad=1) | skip } fc(10)", 0.5),
    "split": (
        "conv(1, 1, 24) split { | skip | conv(1, 1, 12) } shuffle(2) fc(10)",
        "conv(1, 1, 12) split { | skip | conv(1, 1, 8) } shuffle(2) fc(10)", 0.5),
    "towers": (
        "towers(2) { conv(3, 1, 48) relu conv(3, 1, in * 2) } towers(2) { fc(20) } fc(10)",
        "towers(2) { conv(3, 1, 24) relu conv(3, 1, 48) } towers(2) { fc(8) } fc(10)", 0.5),
    "heads": (
        "conv(3, 1, 8) aux(weight = 1) { fc(8) fc(10) softmax } fc(8) fc(10) softmax",
        "conv(3, 1, 4) aux(weight = 1) { fc(4) fc(10) softmax } fc(4) fc(10) softmax", 0.5),
    "grown": (
        "conv(3, 1, 16) dense(8) dense(8) conv(1, 1, in // 2) fc(10)",
        ("conv(3, 1, 8) concat { | skip | conv(3, 1, 4, pad=1) } "
        "concat { | skip | conv(3, 1, 4, pad=1) } conv(1, 1, 8) fc(10)"), 0.5),
    "a sum with what arrives": (
        "conv(3, 1, 16) conv(1, 1, in + 8) fc(10)",
        "conv(3, 1, 8) conv(1, 1, 12) fc(10)", 0.5),
    "the last is a convolution": (
        "conv(3, 1, 16) conv(1, 1, 10) global_avgpool softmax",
        "conv(3, 1, 8) conv(1, 1, 10) global_avgpool softmax", 0.5),
    "repeats and conditions": (
        "repeat(3) as i { if in == 16 or i == 0 { conv(1, 1, 16) } else { relu } } fc(10)",
        "conv(1, 1, 8) conv(1, 1, 8) conv(1, 1, 8) fc(10)", 0.5),
}  # fmt: skip
SCALED = """
block se(r, c = in) { mul { | skip | global_avgpool conv(1, 1, c / r) relu conv(1, 1, c) sigmoid } }
block ds(n, s = 1) { conv(3, s, in, pad=1, groups=in) conv(1, 1, n) }
block dense(k) { concat { | skip | conv(3, 1, k, pad=1) } }
"""


@pytest.mark.parametrize("name", WIDTHS)
def test_width(name: str) -> None:
    text, by_hand, width = WIDTHS[name]
    graph = net(f"input(3x32x32, width = {width}) {text}", SCALED)
    expected = net(f"input(3x32x32) {by_hand}")
    same(graph, expected)
    source = Source("t", f"net n {{ input(3x9x9, width = 7) {text} }} {SCALED}")
    same(check(source, shape=(3, 32, 32), width=float(width)), expected)


@pytest.mark.parametrize("name", PAIRS)
def test_a_width_of_one_changes_nothing(name: str) -> None:
    text, _ = PAIRS[name]
    params = "(k = 3, p = 0.5, w = [4, 6])"
    graph = net(f"input(3x32x32, width = 1) {text}", BLOCKS + MORE, params)
    same(graph, net(f"input(3x32x32) {text}", BLOCKS + MORE, params))
