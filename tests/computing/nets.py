"""Small nets and their engines, for how a step is computed."""

from __future__ import annotations

from typing import Any

import archc_jax
import archc_torch
import numpy as np

from archc.computing import AS_WRITTEN, Computing
from archc.driver import check, compile_graph
from archc.ir import Graph
from archc.source import Source

BACKENDS = ("torch", "jax")

# What keeps state, draws, adds up over channels and parts: all that a precision could spoil.
MIXED = """
block unit(n) {
  add { | skip | conv(3, 1, n, pad=same, bias=false) bn relu conv(3, 1, n, pad=same) dropout(DROP) }
}
net mixed(classes = 5) {
  input(3x12x12)
  conv(3, 1, 8, pad=same) relu
  towers(2) { lrn(3, alpha=0.1) conv(3, 1, 4, pad=same) relu }
  repeat(2) { unit(8) }
  aux(weight = 0.3) { avgpool(3, 3) conv(1, 1, 4) relu fc(classes) softmax }
  maxpool(3, 2, round=up) unit(8)
  conv(1, 1, 8) layernorm gelu layerscale(0.5)
  global_avgpool fc(classes) softmax
  recipe {
    init { conv, fc: he, bias 0 }
    OPTIMIZER
    batch 16 epochs 1
  }
}
"""

# As LeNet: nothing but convolutions, pools and fully connected layers.
PLAIN = """
net plain(classes = 5) {
  input(3x12x12)
  conv(3, 1, 6) relu maxpool(2, 2)
  conv(3, 1, 8) relu
  fc(16) relu fc(classes) softmax
  recipe { init { conv, fc: he, bias 0 } OPTIMIZER batch 16 epochs 1 }
}
"""

SGD = "optimizer sgd(lr = 0.05, momentum = 0.9, weight_decay = 0.001)"


def graph(text: str = MIXED, *, drop: float = 0.0, optimizer: str = SGD) -> Graph:
    return check(
        Source("net.arch", text.replace("DROP", str(drop)).replace("OPTIMIZER", optimizer))
    )


def engine(backend: str, of: Graph, computing: Computing = AS_WRITTEN, **more: Any) -> Any:
    """An engine on the CPU; its type is the backend's own."""
    assert of.recipe is not None
    made = {"torch": archc_torch.backend, "jax": archc_jax.backend}[backend]
    settled = {"device": "cpu", "seed": 0, **more}
    return made.engine(compile_graph(of, backend), of, of.recipe, computing=computing, **settled)


def batch(size: int = 16, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 3, 12, 12) and labels that can be learned: the class shifts the first channel."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 5, size)
    images = rng.normal(size=(size, 3, 12, 12)).astype(np.float32)
    images[:, 0] += labels[:, None, None] - 2
    return images, labels
