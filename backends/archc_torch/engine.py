"""An emitted program on a device: forward, backward, the optimiser's step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archc.backend import Program, Step
from archc.diagnostics import fail
from archc.errors.backends import NoDevice, OtherWeights
from archc.errors.recipes import NoRecipe
from archc.ir import Graph
from archc.recipe import Recipe
from archc.trainable import trainable
from archc_torch.module import build, load_program
from archc_torch.sgd import PaperSgd


class TorchEngine:
    """Trains the program that `archc compile` prints, and nothing else."""

    def __init__(
        self, program: Program, graph: Graph, recipe: Recipe, *, device: str, seed: int
    ) -> None:
        trainable(graph)
        if recipe.optimizer is None:
            fail(NoRecipe(net=graph.name))
        self._device = find_device(device)
        self._keys = program.keys
        self.versions: Mapping[str, str] = {"torch": torch.__version__}
        torch.manual_seed(seed)
        self.model: nn.Module = build(program).to(self._device)
        self._loss_weights: dict[str, float] = getattr(
            load_program(program), "LOSS_WEIGHTS", {"logits": 1.0}
        )
        self._sgd = PaperSgd(
            self.model.named_parameters(),
            lr=recipe.optimizer.lr,
            momentum=recipe.optimizer.momentum,
            weight_decay=recipe.optimizer.weight_decay,
            decay_bias=recipe.optimizer.decay_bias,
        )

    @property
    def device(self) -> str:
        if self._device.type == "cuda":
            return f"{self._device} ({torch.cuda.get_device_name(self._device)})"
        return str(self._device)

    def step(self, images: np.ndarray, labels: np.ndarray, lr: float) -> Step:
        """One optimiser step on a batch `(N, C, H, W)`, `(N,)`."""
        self.model.train()
        x = torch.from_numpy(images).to(self._device)
        y = torch.from_numpy(labels).to(self._device)
        outputs: Any = self.model(x)
        # A net without aux heads returns its logits alone.
        every: tuple[Tensor, ...] = outputs if isinstance(outputs, tuple) else (outputs,)
        weights = self._loss_weights.values()
        loss = torch.stack(
            [
                weight * F.cross_entropy(logits, y)
                for weight, logits in zip(weights, every, strict=True)
            ]
        ).sum()
        loss.backward()
        self._sgd.step(lr)
        wrong = int((every[0].argmax(dim=1) != y).sum())
        return Step(loss=float(loss.detach()), wrong=wrong)

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Class probabilities `(N, classes)` in evaluation mode."""
        self.model.eval()
        # `predict` is a method of every program that ends in softmax.
        probabilities: Tensor = self.model.predict(torch.from_numpy(images).to(self._device))  # pyright: ignore[reportCallIssue, reportAssignmentType]
        return probabilities.float().cpu().numpy()

    def weights(self) -> dict[str, np.ndarray]:
        """Every parameter by canonical name."""
        state = self.model.state_dict()
        # A copy: the arrays must not change under the next step.
        return {name: state[key].cpu().numpy().copy() for name, key in self._keys.items()}

    def load_weights(self, weights: Mapping[str, np.ndarray]) -> None:
        """Replace every parameter. Raises `DiagnosticError` where names or shapes differ."""
        state = self.model.state_dict()
        shapes = {name: tuple(state[key].shape) for name, key in self._keys.items()}
        missing = tuple(sorted(shapes.keys() - weights.keys()))
        extra = tuple(sorted(weights.keys() - shapes.keys()))
        reshaped = tuple(
            f"{name} ({'x'.join(map(str, array.shape))})"
            for name, array in weights.items()
            if name in shapes and array.shape != shapes[name]
        )
        if missing or extra or reshaped:
            fail(OtherWeights(missing=missing, extra=extra, reshaped=reshaped))
        self.model.load_state_dict(
            {self._keys[name]: torch.from_numpy(array.copy()) for name, array in weights.items()}
        )


def find_device(name: str) -> torch.device:
    """The device of that name; `auto` is a GPU where there is one. Raises `DiagnosticError`."""
    present = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    if name == "auto":
        return torch.device(present[1] if len(present) > 1 else "cpu")
    wanted = "cuda:0" if name == "cuda" else name
    if wanted not in present:
        fail(NoDevice(name=name, present=tuple(present)))
    return torch.device(wanted)
