"""Engines of small nets, for tests."""

from __future__ import annotations

import numpy as np
from archc_jax import backend
from archc_jax.engine import JaxEngine

from archc.driver import check, compile_graph, compile_tower
from archc.ir import Graph
from archc.source import Source

# Everything that has state: statistics, a stream of chance, a head, and what is stored turned.
MIXED = """
net mixed(classes = 10) {
  input(1x8x8)
  conv(3, 1, 8, pad=same) bn relu
  maxpool(2, 2)
  aux(weight = 0.3) { fc(classes) softmax }
  conv(3, 1, 8, pad=same, groups=2) relu
  dropout(%s)
  fc(classes) softmax
  recipe {
    init { conv, fc: he, bias 0 }
    optimizer sgd(lr = 0.05, momentum = %s, weight_decay = 0.01, decay_bias = %s)
    batch 32 epochs 4
  }
}
"""

# What the papers of 2012 to 2014 have: groups of weights by tower, LRN, overlapping pooling, heads.
TOWERS = """
net towered(classes = 10) {
  input(1x8x8)
  towers(2) { conv(3, 1, 6, pad=same) relu lrn(5, alpha=0.5) maxpool(3, 2) }
  aux(weight = 0.3) { avgpool(2, 1) fc(classes) softmax }
  towers(2) { conv(2, 1, 4) relu  fc(8) relu dropout(%s) }
  fc(classes) softmax
  recipe {
    init { conv, fc: he, bias 0.1 }
    optimizer sgd(lr = 0.05, momentum = %s, weight_decay = 0.01, decay_bias = %s)
    batch 32 epochs 4
  }
}
"""


def graph(
    dropout: float = 0.5, momentum: float = 0.9, *, decay_bias: bool = True, text: str = MIXED
) -> Graph:
    decayed = "true" if decay_bias else "false"
    return check(Source("net.arch", text % (dropout, momentum, decayed)))


def engine(
    of: Graph, *, seed: int = 0, device: str = "cpu", accumulate: int = 1, towers: bool = False
) -> JaxEngine:
    """`towers`: each on a device of its own."""
    assert of.recipe is not None
    return backend.engine(
        compile_graph(of, "jax"),
        of,
        of.recipe,
        device=device,
        seed=seed,
        accumulate=accumulate,
        part=compile_tower(of, "jax") if towers else None,
    )


def batch(size: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 1, 8, 8) and labels."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(size, 1, 8, 8)).astype(np.float32), rng.integers(0, 10, size)
