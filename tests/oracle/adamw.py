"""Adam with decoupled weight decay, naively, in NumPy: what training steps are judged by.

Loshchilov & Hutter 2019, algorithm 2, with the decay multiplied by the step's rate, as both
frameworks have it (the paper's schedule multiplier, with the decay given in units of the rate):

    m := beta1 m + (1 - beta1) g
    v := beta2 v + (1 - beta2) g^2
    w := w - lr * ((m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps) + weight_decay * w)

with t = 1 in the first step.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass
class Adam:
    """One run of the rule: `step` changes what it remembers."""

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.01
    undecayed: Collection[str] = ()
    m: dict[str, Array] = field(default_factory=dict)
    v: dict[str, Array] = field(default_factory=dict)
    t: int = 0

    def step(
        self, weights: Mapping[str, Array], grads: Mapping[str, Array], lr: float
    ) -> dict[str, Array]:
        """The weights after one step; the arguments stay as they are."""
        if weights.keys() != grads.keys():
            raise ValueError("weights and grads differ in their names")
        self.t += 1
        moved: dict[str, Array] = {}
        for name, w in weights.items():
            g = grads[name]
            m = self.m.get(name, np.zeros_like(w))
            v = self.v.get(name, np.zeros_like(w))
            self.m[name] = self.beta1 * m + (1 - self.beta1) * g
            self.v[name] = self.beta2 * v + (1 - self.beta2) * g**2
            mean = self.m[name] / (1 - self.beta1**self.t)
            spread = np.sqrt(self.v[name] / (1 - self.beta2**self.t))
            decay = 0.0 if name in self.undecayed else self.weight_decay
            moved[name] = w - lr * (mean / (spread + self.eps) + decay * w)
        return moved
