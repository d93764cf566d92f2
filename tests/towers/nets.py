"""Nets with towers, small, and batches for them: what tests on devices train."""

from __future__ import annotations

import numpy as np

from archc.driver import check, load
from archc.ir import Graph
from archc.source import Source

RECIPE = """recipe {
  init { conv, fc: he, bias 0.1 }
  optimizer sgd(lr = 0.05, momentum = 0.9, weight_decay = 0.01)
  batch 8 epochs 2
}"""

# A trunk before towers and layers behind them, batch norm in and outside of them, dropout in and
# outside, two towers in a row, a head, a residual around a region and one within it; odd sizes.
MIXED = f"""
net mixed(classes = 5) {{
  input(1x11x9)
  conv(3, 1, 4) bn relu dropout(0.2)
  towers(2) {{ conv(3, 2, 3) bn relu lrn(3) maxpool(2, 1) }}
  towers(2) {{
    conv(3, 1, 4, pad=1) relu dropout(0.3)
    add {{ | skip | conv(1, 1, 4) relu }}
  }}
  add {{ | skip | towers(2) {{ conv(1, 1, 4, bias=false) }} }}
  aux(weight = 0.3) {{ fc(classes) softmax }}
  towers(2) {{ fc(6) relu }}
  fc(classes) softmax
  {RECIPE}
}}
"""

# Three towers, in blocks and a repeat, with the ops whose weights are stacked in other ways.
THREE = f"""
net three(classes = 5) {{
  input(3x7x7)
  conv(1, 1, 6) relu
  repeat(2) {{ towers(3) {{ mix(2) }} }}
  towers(3) {{ deconv(2, 2, 4) layernorm layerscale droppath(0.1) relu }}
  towers(3) {{ concat {{ | mix(2) | maxpool(3, 1, pad=1) }} shuffle(2) global_avgpool fc(4) }}
  fc(classes) softmax
  {RECIPE}
}}
block mix(n) {{ concat {{ | conv(1, 1, n) relu | conv(3, 1, n, pad=1) bn relu }} }}
"""

# Borders of towers, a draw and statistics within blocks, which are computed again.
BLOCKS = f"""
block pair(n) {{
  towers(2) {{ conv(3, 1, n, pad=1) bn relu dropout(0.3) }}
  towers(2) {{ conv(3, 1, n, pad=1) relu }}
}}
net blocks(classes = 5) {{
  input(1x8x8)
  conv(3, 1, 4) relu
  pair(4) maxpool(2, 2) pair(4)
  fc(classes) softmax
  {RECIPE}
}}
"""


def mixed() -> Graph:
    return check(Source("mixed.arch", MIXED))


def still() -> Graph:
    """`mixed` without dropout, which replicas in PyTorch draw each for itself."""
    plain = MIXED.replace("dropout(0.2)", "").replace("dropout(0.3)", "")
    return check(Source("still.arch", plain))


def three() -> Graph:
    return check(Source("three.arch", THREE))


def blocks() -> Graph:
    return check(Source("blocks.arch", BLOCKS))


def alexnet() -> Graph:
    """The paper's net at a small input and width."""
    return load("alexnet", {"classes": "5"}, shape=(3, 67, 67), width=0.03125)


def batch(graph: Graph, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images `(N, C, H, W)` in float64, and labels."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(size, *graph.input)), rng.integers(0, graph.shape[0], size)
