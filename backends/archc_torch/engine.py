"""An emitted program on a device: forward, backward, the optimiser's step."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archc.backend import Program, Step
from archc.computing import AS_WRITTEN, Computing
from archc.devices import choose
from archc.diagnostics import fail
from archc.errors.backends import OneDeviceOnly
from archc.errors.recipes import NoRecipe
from archc.ir import Graph
from archc.not_finite import Fault, backward_fault, forward_fault, layers
from archc.optimizer_state import AVERAGED, STEPS, TRAINED, spelled
from archc.pieces import pieces
from archc.program_module import load_program
from archc.recipe import AdamW, Recipe, Sgd
from archc.train.crew import Alone, Crew
from archc.trainable import filters, trainable
from archc.weights import check_names
from archc_torch.adamw import DecoupledAdam
from archc_torch.average import Averaged
from archc_torch.compile import compiled
from archc_torch.limit import limit_filters
from archc_torch.module import build
from archc_torch.not_finite import Chance, Look, chance, go_back
from archc_torch.optimizer import Optimizer
from archc_torch.precision import Arithmetic, widened
from archc_torch.recompute import recompute
from archc_torch.sgd import PaperSgd


class TorchEngine:
    """Trains the program that `archc compile` prints, and nothing else."""

    def __init__(
        self,
        program: Program,
        graph: Graph,
        recipe: Recipe,
        *,
        device: str,
        seed: int,
        accumulate: int = 1,
        computing: Computing = AS_WRITTEN,
    ) -> None:
        trainable(graph)
        if recipe.optimizer is None:
            fail(NoRecipe(net=graph.name))
        self._device = find_device(device)
        self.crew: Crew = Alone()
        self._keys = program.keys
        self.versions: Mapping[str, str] = {"torch": torch.__version__}
        # float32 means float32: cuDNN would take TF32 for convolutions.
        torch.backends.cudnn.allow_tf32 = False
        torch.manual_seed(seed)
        self._arithmetic = Arithmetic(computing, self._device)
        self.model: nn.Module = self._arithmetic.prepared(build(program).to(self._device))
        self._loss_weights: dict[str, float] = getattr(
            load_program(program), "LOSS_WEIGHTS", {"logits": 1.0}
        )
        self._smoothing = recipe.loss.smoothing
        self._accumulate = accumulate
        self._optimizer = _rule(recipe.optimizer, self.model)
        self._limit = recipe.limit
        self._filters = [self._keys[name] for name in filters(graph)]
        self._average = (
            Averaged(recipe.average, self.model, self._keys.values()) if recipe.average else None
        )
        if computing.recompute:
            recompute(self.model, graph.name)
        self._applied = compiled(self.model) if computing.compile else self.model
        self._graph = graph

    @property
    def device(self) -> str:
        if self._device.type == "cuda":
            return f"{self._device} ({torch.cuda.get_device_name(self._device)})"
        return str(self._device)

    def share(self, count: int) -> slice:
        """All of a batch."""
        return slice(count)

    def step(self, images: np.ndarray, labels: np.ndarray, lr: float, size: int) -> Step:
        """One optimiser step on a batch `(N, C, H, W)`, `(N,)`, of N = `size` images."""
        self.model.train()
        before = chance(self._device)
        total, wrong = 0.0, 0
        for piece in pieces(len(labels), self._accumulate):
            part = len(labels[piece]) / size
            loss, every = self._loss(self._applied, images[piece], labels[piece])
            self._arithmetic.scaled(loss * part).backward()
            total += float(loss.detach()) * part
            wrong += int((every[0].argmax(dim=1).cpu() != torch.from_numpy(labels[piece])).sum())
        finite = self._arithmetic.unscale(self.model.parameters())
        fault: Fault | None = None
        if not math.isfinite(total) or not self._arithmetic.took(finite=finite):
            fault = self._fault(images, labels, size, before, of_the_loss=not math.isfinite(total))
        if not finite or fault is not None:
            self.model.zero_grad()
            return Step(loss=total, wrong=wrong, skipped=fault is None, fault=fault)
        self._optimizer.step(lr)
        if self._limit is not None:
            named = dict(self.model.named_parameters())
            limit_filters((named[key] for key in self._filters), self._limit.most)
        if self._average is not None:
            self._average.step()
        return Step(loss=total, wrong=wrong)

    def _loss(
        self, model: Callable[[Tensor], Any], images: np.ndarray, labels: np.ndarray
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The mean loss of some images, of which gradients can be taken, and every head's
        logits, the net's own first."""
        y = torch.from_numpy(labels).to(self._device)
        with self._arithmetic.cast():
            outputs: Any = model(self._arithmetic.images(images))
        # A net without aux heads returns its logits alone.
        every: tuple[Tensor, ...] = outputs if isinstance(outputs, tuple) else (outputs,)
        weights = self._loss_weights.values()
        loss = torch.stack(
            [
                weight * F.cross_entropy(widened(logits), y, label_smoothing=self._smoothing)
                for weight, logits in zip(weights, every, strict=True)
            ]
        ).sum()
        return loss, every

    def _fault(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        size: int,
        before: Chance,
        *,
        of_the_loss: bool,
    ) -> Fault:
        """The layer at fault, by the same step from the same chance once more."""
        go_back(before, self._device)
        look = Look(self.model, self._keys, layers(self._graph))
        for piece in pieces(len(labels), self._accumulate):
            part = len(labels[piece]) / size

            def loss(piece: slice = piece, part: float = part) -> tuple[Tensor, tuple[Tensor, ...]]:
                value, every = self._loss(self.model, images[piece], labels[piece])
                return self._arithmetic.scaled(value * part), every

            look.over(loss)
        if of_the_loss:
            return forward_fault(self._graph, look.seen, look.outputs)
        return backward_fault(self._graph, look.seen)

    @property
    def judged(self) -> nn.Module:
        """The net that predicts: the one with the averages, where the recipe averages."""
        return self.model if self._average is None else self._average.model

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Class probabilities `(N, classes)` in evaluation mode."""
        self.judged.eval()
        return self._arithmetic.probabilities(self.judged, images).float().cpu().numpy()

    def weights(self) -> dict[str, np.ndarray]:
        """Every parameter and buffer by canonical name."""
        return self._arrays_of(self.judged)

    def _arrays_of(self, model: nn.Module) -> dict[str, np.ndarray]:
        state = model.state_dict()
        # A copy: the arrays must not change under the next step.
        return {name: state[key].cpu().numpy().copy() for name, key in self._keys.items()}

    def load_weights(self, weights: Mapping[str, np.ndarray]) -> None:
        """Replace every parameter and buffer. Raises `DiagnosticError` (E0604)."""
        state = self.model.state_dict()
        check_names({name: tuple(state[key].shape) for name, key in self._keys.items()}, weights)
        self._fill(self.model, weights)
        if self._average is not None:
            self._fill(self._average.model, weights)

    def _fill(self, model: nn.Module, weights: Mapping[str, np.ndarray]) -> None:
        model.load_state_dict(
            {self._keys[name]: torch.from_numpy(array.copy()) for name, array in weights.items()}
        )

    def optimizer_state(self) -> dict[str, np.ndarray]:
        """What training remembers, by the names of `archc.optimizer_state`."""
        found = {
            spelled(slot, name): tensors[key].cpu().numpy().copy()
            for slot, tensors in self._optimizer.slots().items()
            for name, key in self._keys.items()
            if key in tensors
        }
        if self._optimizer.steps is not None:
            found[STEPS] = np.array(self._optimizer.steps, np.int64)
        if self._average is not None:
            found[AVERAGED] = np.array(self._average.steps, np.int64)
            for name, array in self._arrays_of(self.model).items():
                found[spelled(TRAINED, name)] = array
        return found | self._arithmetic.state()

    def load_optimizer_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Replace it. Raises `DiagnosticError` (E0604)."""
        check_names({name: v.shape for name, v in self.optimizer_state().items()}, state)
        slots = {
            slot: {
                key: torch.from_numpy(state[spelled(slot, name)].copy())
                for name, key in self._keys.items()
                if key in tensors
            }
            for slot, tensors in self._optimizer.slots().items()
        }
        self._optimizer.load(slots, int(state[STEPS]) if STEPS in state else None)
        self._arithmetic.load(state)
        if self._average is not None:
            self._average.steps = int(state[AVERAGED])
            self._fill(self.model, {name: state[spelled(TRAINED, name)] for name in self._keys})

    def rng_state(self) -> dict[str, np.ndarray]:
        """PyTorch's own source of chance, which dropout draws from, of each kind of device."""
        found = {"cpu": torch.get_rng_state().numpy()}
        if self._device.type == "cuda":
            found["cuda"] = torch.cuda.get_rng_state(self._device).numpy()
        return found

    def load_rng_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from there. Raises `DiagnosticError` (E0604), also on another kind of device."""
        check_names({name: array.shape for name, array in self.rng_state().items()}, state)
        torch.set_rng_state(torch.from_numpy(state["cpu"].copy()))
        if "cuda" in state:
            torch.cuda.set_rng_state(torch.from_numpy(state["cuda"].copy()), self._device)


def _rule(form: Sgd | AdamW, model: nn.Module) -> Optimizer:
    if isinstance(form, AdamW):
        return DecoupledAdam(model.named_parameters(), form)
    return PaperSgd(
        model.named_parameters(),
        momentum=form.momentum,
        weight_decay=form.weight_decay,
        decay_bias=form.decay_bias,
    )


def find_device(name: str) -> torch.device:
    """The device of a word of `archc.devices`. Raises `DiagnosticError` (E0603, E0606, E0607)."""
    chosen = choose(name, torch.cuda.device_count)
    if chosen.count > 1:
        what = "GPUs" if chosen.kind == "gpu" else "CPU workers"
        fail(OneDeviceOnly(backend="torch", device=f"{chosen.count} {what}"))
    return torch.device("cpu" if chosen.kind == "cpu" else f"cuda:{chosen.first}")
