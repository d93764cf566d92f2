"""An emitted program on a device: forward, backward, the optimiser's step."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from archc.backend import Program, Step
from archc.computing import AS_WRITTEN, Computing
from archc.devices import choose
from archc.diagnostics import fail
from archc.errors.backends import OtherProcesses
from archc.errors.recipes import NoRecipe
from archc.ir import Graph
from archc.not_finite import Fault, agreed, backward_fault, forward_fault, layers
from archc.optimizer_state import AVERAGED, STEPS, TRAINED, spelled
from archc.passes import towers_of
from archc.pieces import pieces
from archc.program_module import loss_weights
from archc.recipe import AdamW, Recipe, Sgd
from archc.towers import divided, in_words
from archc.train.crew import Crew
from archc.trainable import filters, trainable
from archc.weights import check_names
from archc_torch.adamw import DecoupledAdam
from archc_torch.average import Averaged
from archc_torch.batch_norm import Present, make_global
from archc_torch.compile import compiled
from archc_torch.limit import limit_filters
from archc_torch.module import build
from archc_torch.not_finite import Chance, Look, chance, go_back
from archc_torch.optimizer import Optimizer
from archc_torch.precision import Arithmetic, widened
from archc_torch.processes import crew, local_rank, local_size
from archc_torch.recompute import recompute
from archc_torch.replica import replica
from archc_torch.sgd import PaperSgd
from archc_torch.spread import Spread
from archc_torch.towers import TowersSpread


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
        part: Program | None = None,
    ) -> None:
        trainable(graph)
        if recipe.optimizer is None:
            fail(NoRecipe(net=graph.name))
        self._device = find_device(device)
        self.crew: Crew = crew()
        self._spread = Spread(self.crew)
        if part:
            self._spread = TowersSpread(self.crew, towers_of(graph), part, divided(graph))
        self._keys = program.keys
        self.versions: Mapping[str, str] = {"torch": torch.__version__}
        # float32 means float32: cuDNN would take TF32 for convolutions.
        torch.backends.cudnn.allow_tf32 = False
        self._arithmetic = Arithmetic(computing, self._device)
        self.model = self._begun(program, part, seed)
        self._present = Present()
        if self._spread.replicas > 1:
            make_global(self.model, self._present, self._spread.group)
        self.model = self._arithmetic.prepared(self.model.to(self._device))
        self._input = graph.input
        self._graph = graph
        self._compile = computing.compile
        self._loss_weights = loss_weights(part or program)
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
        if self._spread.replica > 0:
            # The nets are the same, the masks of dropout are not.
            own = np.random.SeedSequence((seed, self._spread.replica)).generate_state(1, np.uint64)
            torch.manual_seed(int(own[0]))

    def _begun(self, program: Program, part: Program | None, seed: int) -> nn.Module:
        """The net as the recipe's `init` has it begin, by a seed; of it the part that this process
        has. What is drawn afterwards is the same for both."""
        model = None if part is None else build(part)
        torch.manual_seed(seed)
        whole = build(program)
        if model is None:
            return whole
        state = whole.state_dict()
        begin = {name: state[key].numpy() for name, key in self._keys.items()}
        self._fill(model, self._spread.own(begin))
        return model

    @property
    def device(self) -> str:
        spread = self._spread
        return described(self._device, self.crew.size) + in_words(spread.replicas, spread.towers)

    @property
    def counts(self) -> bool:
        return self._spread.counts

    @property
    def devices(self) -> int:
        return self.crew.size

    def share(self, count: int) -> slice:
        """Every n-th image for n replicas. So a piece of a batch is shared out as a batch is."""
        return slice(self._spread.replica, count, self._spread.replicas)

    def step(self, images: np.ndarray, labels: np.ndarray, lr: float, size: int) -> Step:
        """One optimiser step on this process's share `(N, C, H, W)`, `(N,)` of `size` images."""
        self.model.train()
        before = chance(self._device)
        net, applied = self._net, self._applied
        parts = self._pieces(size)
        total, wrong = 0.0, 0.0
        for number, piece in enumerate(parts, 1):
            with _summed_up(net, now=number == len(parts)):
                loss, every = self._measured(applied, images[piece], labels[piece], size)
                self._arithmetic.scaled(loss).backward()
            total += float(loss.detach())
            # Without images there is one of no class.
            answers = every[0].argmax(dim=1)[: len(labels[piece])].cpu()
            wrong += int((answers != torch.from_numpy(labels[piece])).sum())
        finite = self._arithmetic.unscale(self.model.parameters())
        mine = [total, wrong] if self.counts else [0.0, 0.0]
        # Gradients that processes have of their own are looked at by each.
        total, wrong, odd = self.crew.summed([*mine, float(not finite)])
        finite = odd == 0
        fault: Fault | None = None
        if not math.isfinite(total) or not self._arithmetic.took(finite=finite):
            fault = self._fault(images, labels, size, before, of_the_loss=not math.isfinite(total))
        if not finite or fault is not None:
            self.model.zero_grad()
            return Step(total, int(wrong), skipped=fault is None, fault=fault)
        self._optimizer.step(lr)
        if self._limit is not None:
            named = dict(self.model.named_parameters())
            limit_filters((named[key] for key in self._filters), self._limit.most)
        if self._average is not None:
            self._average.step()
        return Step(loss=total, wrong=int(wrong))

    @cached_property
    def _net(self) -> nn.Module:
        """What a step calls for the net: with other replicas, one that sums up gradients."""
        if self._spread.replicas == 1:
            return self.model
        kind = next(self.model.parameters()).dtype
        one = torch.zeros((1, *self._input), dtype=kind).numpy(), np.zeros(1, np.int64)
        return replica(
            self.model,
            self._device,
            lambda net: self._measured(net, *one, 1)[0],
            self._spread.group,
        )

    @cached_property
    def _applied(self) -> Callable[[Tensor], Any]:
        """The same, compiled where that is asked for."""
        return compiled(self._net) if self._compile else self._net

    def _pieces(self, size: int) -> list[slice]:
        """The pieces of a batch of `size` images, as parts of this process's share of it."""

        def mine(end: int) -> int:
            """How many images of the share are among the first `end` of the batch."""
            return len(range(end)[self.share(end)])

        return [
            slice(mine(piece.start), mine(piece.stop)) for piece in pieces(size, self._accumulate)
        ]

    def _measured(
        self, net: Callable[[Tensor], Any], images: np.ndarray, labels: np.ndarray, size: int
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """What some of a batch of `size` images add to its mean loss, of which gradients can be
        taken, and every head's logits, the net's own first.

        Without images those of an empty one, which takes part in what all processes do and is to
        count for nothing: its loss has no weight, and batch norm leaves it out.
        """
        self._present.value = len(labels) > 0
        if self._present.value:
            total, every = self._loss(net, images, labels)
            return total / size, every
        empty = np.zeros((1, *self._input), images.dtype)
        total, every = self._loss(net, empty, np.zeros(1, np.int64))
        return total * 0.0, every

    def _loss(
        self, net: Callable[[Tensor], Any], images: np.ndarray, labels: np.ndarray
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The sum of the losses and the logits of some images, one at least."""
        y = torch.from_numpy(labels).to(self._device)
        with self._arithmetic.cast():
            outputs: Any = net(self._arithmetic.images(images))
        # A net without aux heads returns its logits alone.
        every: tuple[Tensor, ...] = outputs if isinstance(outputs, tuple) else (outputs,)
        summed = partial(F.cross_entropy, reduction="sum", label_smoothing=self._smoothing)
        loss = torch.stack(
            [
                weight * summed(widened(logits), y)
                for weight, logits in zip(self._loss_weights, every, strict=True)
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
        """The layer at fault, by the same step from the same chance once more; all processes look
        at what is theirs, and all find what one has found."""
        go_back(before, self._device)
        look = Look(self.model, self._keys, layers(self._graph))
        for piece in self._pieces(size):

            def loss(piece: slice = piece) -> tuple[Tensor, tuple[Tensor, ...]]:
                value, every = self._measured(self.model, images[piece], labels[piece], size)
                return self._arithmetic.scaled(value), every

            look.over(loss)
        outputs = agreed(self.crew, look.seen, look.outputs)
        if of_the_loss:
            return forward_fault(self._graph, look.seen, outputs)
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
        return self._spread.whole(
            {name: state[key].cpu().numpy().copy() for name, key in self._keys.items()}
        )

    def load_weights(self, weights: Mapping[str, np.ndarray]) -> None:
        """Replace every parameter and buffer. Raises `DiagnosticError` (E0604)."""
        state = self.model.state_dict()
        shapes = {
            name: self._spread.whole_shape(name, tuple(state[key].shape))
            for name, key in self._keys.items()
        }
        check_names(shapes, weights)
        own = self._spread.own(weights)
        self._fill(self.model, own)
        if self._average is not None:
            self._fill(self._average.model, own)

    def _fill(self, model: nn.Module, weights: Mapping[str, np.ndarray]) -> None:
        model.load_state_dict(
            {self._keys[name]: torch.from_numpy(array.copy()) for name, array in weights.items()}
        )

    def optimizer_state(self) -> dict[str, np.ndarray]:
        """What training remembers, by the names of `archc.optimizer_state`."""
        found: dict[str, np.ndarray] = {}
        for slot, tensors in self._optimizer.slots().items():
            own = {
                name: tensors[key].cpu().numpy().copy()
                for name, key in self._keys.items()
                if key in tensors
            }
            found |= {spelled(slot, n): array for n, array in self._spread.whole(own).items()}
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
        slots: dict[str, dict[str, Tensor]] = {}
        for slot, tensors in self._optimizer.slots().items():
            names = [name for name, key in self._keys.items() if key in tensors]
            own = self._spread.own({name: state[spelled(slot, name)] for name in names})
            slots[slot] = {self._keys[n]: torch.from_numpy(a.copy()) for n, a in own.items()}
        self._optimizer.load(slots, int(state[STEPS]) if STEPS in state else None)
        self._arithmetic.load(state)
        if self._average is not None:
            self._average.steps = int(state[AVERAGED])
            trained = {name: state[spelled(TRAINED, name)] for name in self._keys}
            self._fill(self.model, self._spread.own(trained))

    def rng_state(self) -> dict[str, np.ndarray]:
        """PyTorch's own source of chance, which dropout draws from, of each replica and kind of
        device: `0/cpu`, `0/cuda`. The processes of a replica have the same."""
        mine = {"cpu": torch.get_rng_state()}
        if self._device.type == "cuda":
            mine["cuda"] = torch.cuda.get_rng_state(self._device)
        return {
            f"{rank}/{kind}": state.numpy()
            for kind, every in mine.items()
            for rank, state in enumerate(self._spread.gathered(every))
        }

    def load_rng_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from there. Raises `DiagnosticError` (E0604), also on another kind of device."""
        check_names({name: array.shape for name, array in self.rng_state().items()}, state)
        torch.set_rng_state(torch.from_numpy(state[f"{self._spread.replica}/cpu"].copy()))
        if self._device.type == "cuda":
            mine = torch.from_numpy(state[f"{self._spread.replica}/cuda"].copy())
            torch.cuda.set_rng_state(mine, self._device)


def _rule(form: Sgd | AdamW, model: nn.Module) -> Optimizer:
    if isinstance(form, AdamW):
        return DecoupledAdam(model.named_parameters(), form)
    return PaperSgd(
        model.named_parameters(),
        momentum=form.momentum,
        weight_decay=form.weight_decay,
        decay_bias=form.decay_bias,
    )


def _summed_up(net: nn.Module, *, now: bool) -> AbstractContextManager[None]:
    """Gradients are summed up over the processes once a step, behind its last piece."""
    if now or not isinstance(net, DistributedDataParallel):
        return nullcontext()
    return net.no_sync()


def find_device(name: str) -> torch.device:
    """The device of a word of `archc.devices`, for this process.

    Raises `DiagnosticError` (E0603, E0607), and (E0606) where the word asks for more or fewer
    devices than there are processes on this machine.
    """
    chosen = choose(name, torch.cuda.device_count)
    here = local_size()
    # One device of a kind is one for each process.
    if chosen.count not in (1, here):
        fail(OtherProcesses(devices=chosen.count, processes=here))
    if chosen.kind == "cpu":
        return torch.device("cpu")
    choose(f"gpus:{here}", torch.cuda.device_count)
    return torch.device(f"cuda:{chosen.first + local_rank()}")


def described(device: torch.device, processes: int) -> str:
    """The devices of all processes in words, for the log: `cpu:4`, `2 x cuda:0, cuda:1 (NVIDIA
    H200)` for two machines."""
    here = local_size()
    machines = f"{processes // here} x " if processes > here else ""
    if device.type == "cpu":
        return machines + ("cpu" if here == 1 else f"cpu:{here}")
    first = (device.index or 0) - local_rank()
    numbers = ", ".join(f"cuda:{first + i}" for i in range(here))
    return f"{machines}{numbers} ({torch.cuda.get_device_name(device)})"
