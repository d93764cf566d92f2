"""What a backend is, and how one is found.

A backend is a package that registers an object with the attributes of `Backend`
under the entry-point group `archc.backends`; the core names none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Protocol

from archc.computing import AS_WRITTEN, Computing
from archc.diagnostics import fail
from archc.errors import backends as backend_errors
from archc.not_finite import Fault

if TYPE_CHECKING:
    import numpy as np

    from archc.ir import Graph
    from archc.recipe import Recipe
    from archc.train.crew import Crew
    from archc.train.launch import Launch

GROUP = "archc.backends"


@dataclass(frozen=True)
class Program:
    """A standalone program that an emitter wrote.

    `keys` maps every canonical weight name (`i3a.conv1.weight`) to the program's own
    (`i3a.conv1.weight` in PyTorch unless a label is a Python keyword, say).
    """

    text: str
    class_name: str
    keys: Mapping[str, str]


@dataclass(frozen=True)
class Step:
    """What one optimiser step saw: its global batch's mean loss and its wrong answers."""

    loss: float
    wrong: int
    skipped: bool = False
    """In float16: a gradient overflowed, so weights and optimiser are as they were."""
    fault: Fault | None = None
    """Where the first number came from that is none or is infinite: training cannot go on.
    Weights and optimiser are as they were before the step."""


class Engine(Protocol):
    """An emitted program on a device: the only part of training that knows a framework.

    Where several processes train one net, each has an engine. Every method but `share` and
    `predict` is then called by all of them at the same time, and gives the same everywhere.

    Images are `(N, C, H, W)` float32, labels `(N,)` int64, both NumPy. Weights and
    state are in the canonical layout (OIHW, (out, in)) under canonical names.
    """

    device: str
    """The device in words, for the log: `cpu`, `cuda:0 (NVIDIA H200)`."""

    versions: Mapping[str, str]
    """Versions of what the engine uses, for the log: `{"torch": "2.13.0"}`."""

    @property
    def devices(self) -> int:
        """How many devices train this net, those of all processes."""
        ...

    @property
    def crew(self) -> Crew:
        """The processes that train this net."""
        ...

    @property
    def counts(self) -> bool:
        """Whether what this process measures of its share is to be counted: of several that are
        given the same images, one's is."""
        ...

    def share(self, count: int) -> slice:
        """Which part of a batch of `count` images this process is to be given; it may be empty."""
        ...

    def step(self, images: np.ndarray, labels: np.ndarray, lr: float, size: int) -> Step:
        """One optimiser step at the learning rate given, on this process's share of a batch of
        `size` images; what it gives is of the whole batch, and the loss the one before it."""
        ...

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Class probabilities `(N, classes)`, float32, in inference mode, of these images, one at
        least: nothing is shared."""
        ...

    def weights(self) -> dict[str, np.ndarray]:
        """Every parameter and buffer, by canonical name: what `predict` computes with. Where
        the recipe averages, those are the averages."""
        ...

    def load_weights(self, weights: Mapping[str, np.ndarray]) -> None:
        """Replace every parameter and buffer, averages too; names and shapes must match
        exactly."""
        ...

    def optimizer_state(self) -> dict[str, np.ndarray]:
        """What training remembers beside the weights, the same on every backend: arrays by
        the names of `archc.optimizer_state`, in the canonical layout.
        """
        ...

    def load_optimizer_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Replace it, also by another backend's; names and shapes must match exactly."""
        ...

    def rng_state(self) -> dict[str, np.ndarray]:
        """Where the engine's sources of chance stand (dropout's): this backend's own form."""
        ...

    def load_rng_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from there. Raises `DiagnosticError` (E0604) for what is not of its form."""
        ...


class Backend(Protocol):
    """An emitter of programs and the engine that trains them."""

    name: str

    def emit(self, graph: Graph) -> Program:
        """The standalone program of a graph. Deterministic to the byte."""
        ...

    def emit_training(self, graph: Graph) -> Program:
        """The standalone program that trains the net of a graph by its recipe; as `emit`.

        Raises `DiagnosticError` where it has none (E0506, E0507, E0508).
        """
        ...

    def build(self, program: Program) -> object:
        """The program loaded and its net built, initialised by the recipe: an object of the
        framework's own (an `nn.Module` in PyTorch).

        Raises `ImportError` where the framework is not installed.
        """
        ...

    processes: bool
    """Whether each device needs a process of its own."""

    def launch(self, asked: Launch) -> int:
        """Start workers that run a command line, watch them, and start them again where they are
        lost; the exit status of the command.

        Raises `DiagnosticError` where they cannot be started (E06) or are lost for good (E0830).
        """
        ...

    def crew(self) -> Crew:
        """The processes that this one trains with, those of its engines: `Alone` unless it was
        started as one of several."""
        ...

    def engine(
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
    ) -> Engine:
        """The program loaded, initialised by the recipe and placed on a device.

        `device` is a word of `archc.devices`: `auto`, `cpu`, `cpu:4`, `cuda:1`, `gpus:4`.
        A step computes its batch in `accumulate` pieces and sums their gradients, each piece as
        `computing` says.

        With `part`, the program of one tower, the graph's towers are on devices of their own and
        compute that; `program`, the whole net's, is what they begin as. Raises `DiagnosticError`
        (E0904) where the devices are no whole number of replicas of the towers.
        """
        ...


def installed() -> tuple[str, ...]:
    """The names of the backends that are installed."""
    return tuple(sorted(entry.name for entry in entry_points(group=GROUP)))


def backend(name: str) -> Backend:
    """The backend of that name. Raises `DiagnosticError` where there is none."""
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in found:
        fail(backend_errors.UnknownBackend(name=name, known=tuple(sorted(found))))
    try:
        loaded: Backend = found[name].load()
    except ImportError as error:
        fail(backend_errors.BackendBroken(name=name, reason=str(error)))
    return loaded
