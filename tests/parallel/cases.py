"""What one process and several do alike: steps of small nets, and what comes out of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import archc_torch
import numpy as np
from archc_torch.engine import TorchEngine

from archc.driver import check, compile_graph
from archc.source import Source

Arrays = dict[str, np.ndarray]

# Batch norm over maps and over vectors, a head, an fc layer of more than the first bucket's 1 MiB.
NET = """
net small(classes = 4, wide = %d) {
  input(2x6x6)
  conv(3, 1, 6, pad=same, bias=false) bn(momentum = 0.3) relu
  aux(weight = 0.3) { conv(1, 1, 2) relu fc(classes) softmax }
  conv(3, 1, 4) bn relu  fc(wide) bn tanh  %s fc(classes) softmax
  recipe { %s batch 12 epochs 4 }
}
"""
SGD = "optimizer sgd(lr = 0.1, momentum = 0.9, weight_decay = 0.01)"


@dataclass(frozen=True)
class Case:
    """A net, and the sizes of the batches that it is trained on."""

    recipe: str = SGD
    layers: str = ""
    sizes: tuple[int, ...] = (12, 7, 2, 12)
    accumulate: int = 1
    wide: int = 24
    double: bool = True

    def engine(self) -> TorchEngine:
        graph = check(Source("small.arch", NET % (self.wide, self.layers, self.recipe)))
        assert graph.recipe is not None
        made = archc_torch.backend.engine(
            compile_graph(graph, "torch"),
            graph,
            graph.recipe,
            device="cpu",
            seed=3,
            accumulate=self.accumulate,
        )
        if self.double:
            made.model.double()
            made.judged.double()
        return made

    def batch(self, number: int, size: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(number)
        images = rng.normal(1.0, 2.0, (size, 2, 6, 6))
        return images.astype(np.float64 if self.double else np.float32), rng.integers(0, 4, size)

    def step(self, made: TorchEngine, number: int, size: int) -> list[float]:
        images, labels = self.batch(number, size)
        mine = made.share(size)
        step = made.step(images[mine], labels[mine], 0.1 / (number + 1), size)
        return [step.loss, step.wrong]


def trained(case: Case) -> Arrays:
    """Some steps, and all that there is afterwards."""
    made = case.engine()
    steps = [case.step(made, number, size) for number, size in enumerate(case.sizes)]
    images, _ = case.batch(99, 9)
    return {
        "steps": np.array(steps),
        "predicted": made.predict(images),
        **{f"weights/{name}": array for name, array in made.weights().items()},
        **{f"state/{name}": array for name, array in made.optimizer_state().items()},
    }


LARGE = Case(
    layers="fc(300) tanh fc(300) tanh dropout(0.5) fc(300) tanh",
    wide=1024,
    sizes=(12, 12, 7, 12, 5, 12),
    double=False,
)
"""Some buckets of gradients."""


def gone_on(_: Case) -> Arrays:
    """Six steps at one go, and three that go on from three others, in another engine."""
    whole, before, after = LARGE.engine(), LARGE.engine(), LARGE.engine()
    rng = before.rng_state()
    whole.load_rng_state(rng)
    once = [LARGE.step(whole, number, size) for number, size in enumerate(LARGE.sizes)]
    before.load_rng_state(rng)
    twice = [LARGE.step(before, number, size) for number, size in enumerate(LARGE.sizes[:3])]
    weights, state, rng = before.weights(), before.optimizer_state(), before.rng_state()
    after.load_weights(weights)
    after.load_optimizer_state(state)
    after.load_rng_state(rng)
    twice += [LARGE.step(after, number + 3, size) for number, size in enumerate(LARGE.sizes[3:])]
    return {
        "once": np.array(once),
        "twice": np.array(twice),
        **{f"once/{name}": array for name, array in whole.weights().items()},
        **{f"twice/{name}": array for name, array in after.weights().items()},
        **{f"rng/{name}": array for name, array in rng.items()},
    }


def one_value(case: Case) -> Arrays:
    """A batch of one image gives batch norm of a vector nothing to divide by, in any number."""
    made = case.engine()
    try:
        case.step(made, 0, 1)
    except ValueError:
        return {"refused": np.ones(1)}
    return {}


CASES: dict[str, tuple[Callable[[Case], Arrays], Case]] = {
    "plain": (trained, Case()),
    "pieces": (trained, Case(accumulate=3, sizes=(12, 7, 9))),
    "smoothed": (trained, Case(SGD + " loss cross_entropy(smoothing = 0.1)", sizes=(12, 5))),
    "adamw": (trained, Case("optimizer adamw(lr = 0.01, eps = 0.001)")),
    "averaged": (trained, Case(SGD + " average ema(0.7) limit filter_rms(0.05)")),
    "gone_on": (gone_on, LARGE),
    "one_value": (one_value, Case()),
}
