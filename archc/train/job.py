"""What training is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from archc.backend import Engine
from archc.computing import AS_WRITTEN, Computing
from archc.data.dense import Dense
from archc.data.whole import Check
from archc.diagnostics import Sink
from archc.errors.recipes import ScheduleFollowsError, ScheduleTooLong
from archc.errors.training import BadSetting, NoOptimizer
from archc.lone import Lone
from archc.recipe import Recipe
from archc.towers import Parallel
from archc.train.crew import Alone, Crew
from archc.train.dense import DenseNet
from archc.train.upkeep import Upkeep
from archc.train.warm_start import Pair

MAX_SEED = 2**32 - 1


@dataclass(frozen=True, kw_only=True)
class Job:
    """One training run, settled to the last value."""

    name: str
    """The net's name."""
    input: tuple[int, int, int]
    """(C, H, W)"""
    classes: int
    recipe: Recipe
    make_engine: Callable[[], Engine]
    """Called once the data have been checked: a large net takes its time to be made."""
    backend: str
    data: str
    """As `archc.data.sources` names it: `digits`, or the path of an image folder."""
    run_dir: Path
    """Made by the run; must not exist, unless the run goes on."""
    spec_text: str
    """The spec with everything on the command line worked in."""
    program_text: str
    """The program that the engine runs."""
    seed: int
    batch: int
    """The global batch."""
    epochs: int
    crew: Crew = field(default_factory=Alone)
    """The processes that do this job together: those of the engines."""
    device: str = "auto"
    """What `make_engine` asks the backend for, for the log of the run."""
    weights: Path | None = None
    """The file whose weights the run starts from; None: as the recipe's `init` says."""
    accumulate: int = 1
    """In how many pieces a batch is computed."""
    computing: Computing = AS_WRITTEN
    """How a step is computed."""
    parallel: Parallel = "data"
    init_from: Path | None = None
    """The file or run of another net whose layers this one starts from, where they match."""
    layers: tuple[Pair, ...] = ()
    """Which; all that match where it is empty."""
    resume: bool = False
    """Go on with the run in `run_dir`, from its newest checkpoint that is whole."""
    upkeep: Upkeep = field(default_factory=Upkeep)
    """How it is kept going."""
    restart: str | None = None
    """Why this process was started in the place of another that trained this run; its folder may
    be there already, without a checkpoint."""
    test_every: int = 1
    """After how many epochs the images held out are shown to the net; after the last one always."""
    lone: Lone | None = None
    """The batch norm that has nothing to normalise one image by, where there is one."""
    dense: DenseNet | None = None
    """The net for whole images, where the recipe has `dense`."""
    quiet: bool = False
    """Print the last line only."""
    command: tuple[str, ...] = ()
    """The command line, for the log of the run."""

    @property
    def whole(self) -> tuple[Dense, Check] | None:
        """How images are evaluated whole, and what checks their sizes; None where they are not."""
        if self.recipe.dense is None or self.dense is None:
            return None
        return self.recipe.dense, self.dense.check

    def check(self) -> None:
        """Raises `DiagnosticError` (E0510, E0511, E0801, E0806) with all that cannot be trained
        by."""
        if (self.recipe.dense is None) != (self.dense is None):
            raise ValueError("a job has the net for whole images where its recipe has dense")
        sink = Sink()
        if self.recipe.optimizer is None:
            sink.add(NoOptimizer(net=self.name))
        if not 0 <= self.seed <= MAX_SEED:
            sink.add(BadSetting(name="seed", value=self.seed, range=f"0 to {MAX_SEED}"))
        for name, value in (("batch", self.batch), ("epochs", self.epochs)):
            if value < 1:
                sink.add(BadSetting(name=name, value=value, range="1 or more"))
        schedule = self.recipe.schedule
        part = schedule.longer_than(self.epochs)
        if part and self.epochs >= 1:
            sink.add(ScheduleTooLong(schedule=schedule.word, part=part, epochs=self.epochs))
        if schedule.follows_error and self.test_every > 1:
            sink.add(ScheduleFollowsError(schedule=schedule.word, every=self.test_every))
        sink.raise_if_failed()

    def is_tested(self, epoch: int) -> bool:
        """Whether the net is tested after an epoch, from 1."""
        return epoch % self.test_every == 0 or epoch == self.epochs


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a run ended. The error is that of the weights after the last epoch that was tested."""

    status: Literal["finished", "interrupted"]
    run_dir: Path
    epochs: int
    """Full epochs trained."""
    held_out: Literal["test", "validation"]
    """What the error was measured on."""
    tested_epoch: int | None
    """None where not one epoch was tested."""
    wrong: int | None
    """None likewise."""
    total: int
    best_epoch: int | None
    best_wrong: int | None

    @property
    def error(self) -> float | None:
        """The error, from 0 to 1."""
        return None if self.wrong is None else self.wrong / self.total
