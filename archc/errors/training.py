"""E08: training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from archc.diagnostics import Diagnostic, some
from archc.not_finite import Fault


@dataclass(frozen=True, kw_only=True)
class NoOptimizer(Diagnostic):
    """The recipe that a run was given has no optimizer."""

    code: ClassVar[str] = "E0801"
    net: str

    def message(self) -> str:
        return f"the recipe of '{self.net}' names no optimizer, so there is nothing to train it by"

    def help(self) -> str:
        return "recipe { optimizer sgd(lr = 0.01, momentum = 0.9) ... }"


@dataclass(frozen=True, kw_only=True)
class LossNotFinite(Diagnostic):
    """The loss became infinite or no number; going on would be of no use."""

    code: ClassVar[str] = "E0802"
    loss: float
    epoch: int
    step: int
    lr: float
    best: str | None
    """The file that holds the best weights so far, if there are any."""
    fault: Fault | None = None
    """Where the first number came from that is none; the span is its place."""

    def message(self) -> str:
        return (
            f"the loss became {self.loss} at step {self.step} of epoch {self.epoch}: "
            f"training has diverged{_first(self.fault)}"
        )

    def notes(self) -> Sequence[str]:
        kept = f"the best weights before that are in {self.best}" if self.best else ""
        return ("the weights are of no more use and were not saved", *([kept] if kept else []))

    def help(self) -> str:
        if self.fault is not None and self.fault.what == "images":
            return "look at the steps of augment { }: one divides by nothing, or an image is odd"
        return (
            f"a smaller learning rate, such as lr = {self.lr / 10:g} for {self.lr:g}, or smaller "
            "pixels: scale(1/255) in augment { } and evaluate { }"
        )


def _first(fault: Fault | None) -> str:
    """`; the first to be infinite or no number is the output of conv2`."""
    if fault is None:
        return ""
    names = " or ".join(fault.layers)
    match fault.what:
        case "images":
            what = "the images themselves"
        case "loss":
            what = "the loss itself"
        case "weights":
            what = f"the weights of {names}"
        case "output":
            what = f"the output of {names}"
        case "gradient":
            what = f"the gradient of {names}" if names else "a gradient"
    return f"; the first that is not finite: {what}"


@dataclass(frozen=True, kw_only=True)
class GradientNotFinite(Diagnostic):
    """A gradient is infinite or no number, of a loss that is one: no step can follow it."""

    code: ClassVar[str] = "E0850"
    epoch: int
    step: int
    lr: float
    fault: Fault
    half: bool
    """In float16: however small the factor of the loss was made, gradients overflowed."""

    def message(self) -> str:
        of = f"of {self.fault.layers[0]} " if self.fault.layers else ""
        why = ", however small the loss is made" if self.half else ""
        return (
            f"the gradient {of}is infinite or no number at step {self.step} of epoch "
            f"{self.epoch}{why}"
        )

    def notes(self) -> Sequence[str]:
        return ("the first from the end of the net; the weights before this step are saved",)

    def help(self) -> str:
        if self.half:
            return "--precision bf16, whose numbers reach as far as float32's"
        return f"a smaller learning rate, such as lr = {self.lr / 10:g} for {self.lr:g}"


@dataclass(frozen=True, kw_only=True)
class NothingToRecompute(Diagnostic):
    """`--recompute` of a net without blocks: there is no part of which only the input is kept."""

    code: ClassVar[str] = "E0851"
    net: str

    def message(self) -> str:
        return f"--recompute keeps what arrives at the net's blocks, and '{self.net}' has none"

    def help(self) -> str:
        return "write its parts as blocks, or compute a batch in pieces: --accumulate 2"


@dataclass(frozen=True, kw_only=True)
class ProbabilityNotFinite(Diagnostic):
    """The net's output became no number; going on would be of no use."""

    code: ClassVar[str] = "E0803"
    epoch: int | None
    image: str
    best: str | None

    def message(self) -> str:
        what = f"the net's probabilities for the image '{self.image}' are not numbers"
        if self.epoch is None:
            return what
        return f"after epoch {self.epoch} {what}: training has diverged"

    def notes(self) -> Sequence[str]:
        return (f"the best weights before that are in {self.best}",) if self.best else ()

    def help(self) -> str:
        return "" if self.epoch is None else "a smaller learning rate"


@dataclass(frozen=True, kw_only=True)
class RunDirectoryExists(Diagnostic):
    """The results of a run are never overwritten."""

    code: ClassVar[str] = "E0804"
    path: str

    def message(self) -> str:
        return f"'{self.path}' exists already, and the results of a run are never overwritten"

    def help(self) -> str:
        return "give another folder, or none: runs/<net>-<date> is the default"


@dataclass(frozen=True, kw_only=True)
class CannotWrite(Diagnostic):
    """A file of the run's folder cannot be written."""

    code: ClassVar[str] = "E0805"
    path: str
    reason: str

    def message(self) -> str:
        return f"'{self.path}' cannot be written: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class BadSetting(Diagnostic):
    """A number of the command line that no run can have."""

    code: ClassVar[str] = "E0806"
    name: str
    value: int
    range: str

    def message(self) -> str:
        return f"{self.name} is {self.value}, but must be {self.range}"


@dataclass(frozen=True, kw_only=True)
class WrongPrediction(Diagnostic):
    """A backend broke its contract."""

    code: ClassVar[str] = "E0807"
    backend: str
    got: str
    wanted: str

    def message(self) -> str:
        return (
            f"the backend '{self.backend}' gave predictions of shape {self.got}, "
            f"{self.wanted} is right; this is a fault of the backend"
        )


@dataclass(frozen=True, kw_only=True)
class NoCheckpoint(Diagnostic):
    """A run cannot go on: no checkpoint of it is whole. It is never begun anew instead."""

    code: ClassVar[str] = "E0808"
    run: str
    broken: tuple[tuple[str, str], ...]
    """(checkpoint, what is wrong with it), the newest first."""

    def message(self) -> str:
        found = "none of its checkpoints is whole" if self.broken else "it has no checkpoint"
        return f"the run '{self.run}' cannot go on: {found}"

    def notes(self) -> Sequence[str]:
        return [f"{name}: {reason}" for name, reason in self.broken]


@dataclass(frozen=True, kw_only=True)
class BadWeightFile(Diagnostic):
    """A file of weights cannot be read, or is no whole safetensors file."""

    code: ClassVar[str] = "E0809"
    path: str
    reason: str

    def message(self) -> str:
        return f"'{self.path}' cannot be read as weights: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class NoRun(Diagnostic):
    """A folder is not that of a run, or what it should say about the run cannot be read."""

    code: ClassVar[str] = "E0810"
    path: str
    reason: str

    def message(self) -> str:
        return f"'{self.path}' is not the folder of a run: {self.reason}"

    def help(self) -> str:
        return "a run's folder is what archc train made: runs/<net>-<date>, or what -o said"


@dataclass(frozen=True, kw_only=True)
class RunFinished(Diagnostic):
    """A run that is to go on has all its epochs."""

    code: ClassVar[str] = "E0811"
    run: str
    epochs: int

    def message(self) -> str:
        return f"the run '{self.run}' has all its {self.epochs} epochs"

    def help(self) -> str:
        return f"--epochs {2 * self.epochs} goes on"


@dataclass(frozen=True, kw_only=True)
class NoLayerMatches(Diagnostic):
    """The file that a run is to start from is of a net that has no layer in common."""

    code: ClassVar[str] = "E0812"
    source: str
    ours: tuple[str, ...]
    theirs: tuple[str, ...]

    def message(self) -> str:
        return f"no layer of '{self.source}' has the name and the shape of one of this net"

    def notes(self) -> Sequence[str]:
        return (f"the net has {some(self.ours)}", f"the file has {some(self.theirs)}")

    def help(self) -> str:
        return "--layers OURS=THEIRS,... pairs layers of other names"


@dataclass(frozen=True, kw_only=True)
class LayerDiffers(Diagnostic):
    """A layer that --layers names cannot start from the other net's."""

    code: ClassVar[str] = "E0813"
    name: str
    reason: str

    def message(self) -> str:
        return f"{self.name} cannot start from there: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class LoneImage(Diagnostic):
    """A batch comes to one image, or is computed in pieces of one, and a batch norm behind it sees
    one value a channel: their variance is none. Found before training, not in the last batch of an
    epoch."""

    code: ClassVar[str] = "E0814"
    layer: str
    images: int
    batch: int
    accumulate: int
    last: bool
    """Whether it is the last batch of an epoch, which is smaller."""
    better: int | None
    """A batch that comes out."""

    def message(self) -> str:
        batch = "the last batch of an epoch" if self.last else "a batch"
        piece = "a piece of " if self.accumulate > 1 else ""
        return (
            f"{piece}{batch} has one image, and {self.layer} sees one value a channel of it: there "
            "is nothing to normalise by"
        )

    def notes(self) -> Sequence[str]:
        each = f", each in {self.accumulate} pieces" if self.accumulate > 1 else ""
        images = "1 image" if self.images == 1 else f"{self.images} images"
        return (f"{images} in batches of {self.batch}{each}",)

    def help(self) -> str:
        fewer = "fewer pieces: --accumulate" if self.accumulate > 1 else ""
        other = "more images" if self.better is None else f"--batch {self.better}"
        return f"{other}, or {fewer}" if fewer else other


@dataclass(frozen=True, kw_only=True)
class BadMetrics(Diagnostic):
    """The file of a run that says what came out of each epoch cannot be read."""

    code: ClassVar[str] = "E0820"
    path: str
    reason: str

    def message(self) -> str:
        return f"the metrics '{self.path}' cannot be read: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class NothingToDraw(Diagnostic):
    """A run that is to be drawn has no full epoch yet."""

    code: ClassVar[str] = "E0821"
    run: str

    def message(self) -> str:
        return f"the run '{self.run}' has no full epoch, so there is nothing of it to draw"


@dataclass(frozen=True, kw_only=True)
class WorkerLost(Diagnostic):
    """The process that trains was lost more often than it is started again."""

    code: ClassVar[str] = "E0830"
    run: str | None
    """What can be gone on with, if anything."""
    reason: str
    restarts: int

    def message(self) -> str:
        again = {0: "", 1: ", after one restart"}.get(
            self.restarts, f", after {self.restarts} restarts"
        )
        return f"{self.reason}{again}"

    def help(self) -> str:
        if self.run is None:
            return ""
        return f"archc train --resume {self.run} goes on from the newest checkpoint"


@dataclass(frozen=True, kw_only=True)
class CannotMeet(Diagnostic):
    """The machines of a run do not find one another."""

    code: ClassVar[str] = "E0832"
    where: str
    reason: str

    def message(self) -> str:
        return f"the machines of this run do not meet at {self.where}: {self.reason}"

    def help(self) -> str:
        return "--meet is an address of the machine with --host 0, and the same on all of them"


@dataclass(frozen=True, kw_only=True)
class StillRunning(Diagnostic):
    """A run that is to go on is going on already, in another process."""

    code: ClassVar[str] = "E0831"
    run: str

    def message(self) -> str:
        return f"the run '{self.run}' is not over: a process trains it"

    def help(self) -> str:
        return "Ctrl-C or SIGTERM ends it, and saves what it has"
