"""AlexNet's update rule, naively, in NumPy: what emitted training steps are judged by.

Krizhevsky et al. 2012, section 5, with the learning rate *inside* the velocity:

    v := momentum * v - weight_decay * lr * w - lr * g
    w := w + v

PyTorch's SGD keeps the learning rate *outside*: b := momentum * b + (g + weight_decay * w);
w := w - lr * b. With a constant rate both are the same (v = -lr * b). When the rate changes they
part: the paper's v keeps the rate under which each gradient was taken. To have the paper's rule
from PyTorch's, multiply the buffer b by old rate / new rate at each change.
"""

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def zero_velocity(weights: Mapping[str, Array]) -> dict[str, Array]:
    """The velocity before the first step: zeros, of each weight's shape."""
    return {name: np.zeros(np.shape(w)) for name, w in weights.items()}


def sgd_step(
    weights: Mapping[str, Array],
    grads: Mapping[str, Array],
    velocity: Mapping[str, Array],
    lr: float,
    momentum: float = 0.9,
    weight_decay: float = 0.0005,
    undecayed: Collection[str] = (),
) -> tuple[dict[str, Array], dict[str, Array]]:
    """One step of the rule above; returns (new weights, new velocity), arguments untouched.

    The three mappings have the same names, and one name the same shape in each. Decay acts on
    every weight and bias, as in the papers, but for the names in `undecayed` (what
    `decay_bias=false` asks for).
    """
    if not weights.keys() == grads.keys() == velocity.keys():
        raise ValueError("weights, grads and velocity differ in their names")
    if not set(undecayed) <= weights.keys():
        raise ValueError("undecayed names a weight that is not there")
    new_weights: dict[str, Array] = {}
    new_velocity: dict[str, Array] = {}
    for name in weights:
        w = np.asarray(weights[name], dtype=np.float64)
        g = np.asarray(grads[name], dtype=np.float64)
        v = np.asarray(velocity[name], dtype=np.float64)
        if not w.shape == g.shape == v.shape:
            raise ValueError(f"{name}: weight {w.shape}, gradient {g.shape}, velocity {v.shape}")
        decay = 0.0 if name in undecayed else weight_decay
        new_velocity[name] = momentum * v - decay * lr * w - lr * g
        new_weights[name] = w + new_velocity[name]
    return new_weights, new_velocity
