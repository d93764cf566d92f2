"""A framework in thirty lines, to train the driver with: softmax regression in NumPy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from archc.backend import Step
from archc.pieces import share_of
from archc.train.crew import Alone, Crew


class SoftmaxRegression:
    """An `Engine`. Pixels are divided by 255 inside, so that any recipe converges."""

    versions: Mapping[str, str] = {"softmax": "9.9"}

    device = "cpu (NumPy)"
    counts = True

    def __init__(self, shape: tuple[int, int, int], classes: int, crew: Crew | None = None) -> None:
        self.crew: Crew = Alone() if crew is None else crew
        self.weight = np.zeros((classes, int(np.prod(shape))), np.float32)
        self.bias = np.zeros(classes, np.float32)
        self.rates: list[float] = []

    def predict(self, images: np.ndarray) -> np.ndarray:
        logits = self._flat(images) @ self.weight.T + self.bias
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        return exponentials / exponentials.sum(axis=1, keepdims=True)

    @property
    def devices(self) -> int:
        return self.crew.size

    def share(self, count: int) -> slice:
        return share_of(count, self.crew.rank, self.crew.size)

    def step(self, images: np.ndarray, labels: np.ndarray, lr: float, size: int) -> Step:
        self.rates.append(lr)
        probabilities = self.predict(images)
        rows = np.arange(len(labels))
        loss = float(-np.log(probabilities[rows, labels]).sum()) / size
        wrong = int((probabilities.argmax(axis=1) != labels).sum())
        probabilities[rows, labels] -= 1
        gradient = (probabilities.T @ self._flat(images) / size).ravel()
        both = np.concatenate([gradient, probabilities.sum(axis=0) / size, [loss, wrong]])
        *summed, loss, wrong = self.crew.summed(both.tolist())
        moved = lr * np.array(summed, np.float32)
        self.weight -= moved[: self.weight.size].reshape(self.weight.shape)
        self.bias -= moved[self.weight.size :]
        return Step(loss, int(wrong))

    def weights(self) -> dict[str, np.ndarray]:
        return {"fc1.weight": self.weight, "fc1.bias": self.bias}

    def load_weights(self, weights: Mapping[str, np.ndarray]) -> None:
        self.weight, self.bias = weights["fc1.weight"], weights["fc1.bias"]

    def optimizer_state(self) -> dict[str, np.ndarray]:
        return {}

    def load_optimizer_state(self, state: Mapping[str, np.ndarray]) -> None:
        assert not state

    def rng_state(self) -> dict[str, np.ndarray]:
        return {}

    def load_rng_state(self, state: Mapping[str, np.ndarray]) -> None:
        assert not state

    def _flat(self, images: np.ndarray) -> np.ndarray:
        return images.reshape(len(images), self.weight.shape[1]) / np.float32(255)
