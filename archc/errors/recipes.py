"""E05: the recipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from archc.diagnostics import Diagnostic, Label, did_you_mean, some
from archc.source import Span


@dataclass(frozen=True, kw_only=True)
class UnknownClause(Diagnostic):
    """A recipe has no clause of this name."""

    code: ClassVar[str] = "E0501"
    name: str
    known: tuple[str, ...]

    def message(self) -> str:
        return f"a recipe has no clause '{self.name}'"

    def help(self) -> str:
        return did_you_mean(self.name, self.known) or f"it has {', '.join(self.known)}"


@dataclass(frozen=True, kw_only=True)
class RepeatedClause(Diagnostic):
    """A clause of the recipe, or the recipe, is said twice."""

    code: ClassVar[str] = "E0502"
    name: str
    first: Span

    def message(self) -> str:
        return f"{self.name} is said twice"

    def others(self) -> Sequence[Label]:
        return [Label(self.first, "first here")]


@dataclass(frozen=True, kw_only=True)
class MissingClause(Diagnostic):
    """A recipe says at least its optimizer, its batch and its epochs."""

    code: ClassVar[str] = "E0503"
    missing: tuple[str, ...]

    def message(self) -> str:
        *first, last = self.missing
        return "this recipe does not say its " + (
            f"{', '.join(first)} and {last}" if first else last
        )

    def help(self) -> str:
        examples = {
            "optimizer": "optimizer sgd(lr = 0.01, momentum = 0.9)",
            "batch": "batch 128",
            "epochs": "epochs 90",
        }
        return "  ".join(examples[name] for name in self.missing)


@dataclass(frozen=True, kw_only=True)
class WrongClause(Diagnostic):
    """A clause of the recipe is not said in its manner."""

    code: ClassVar[str] = "E0504"
    name: str
    rule: str
    example: str = ""

    def message(self) -> str:
        return f"{self.name} {self.rule}"

    def help(self) -> str:
        return self.example


@dataclass(frozen=True, kw_only=True)
class UnknownTarget(Diagnostic):
    """A rule of `init` is for a layer, block or op that the net does not have, or that has no
    weights."""

    code: ClassVar[str] = "E0505"
    name: str
    known: tuple[str, ...]

    def message(self) -> str:
        return f"nothing in this net that has weights is called '{self.name}'"

    def help(self) -> str:
        return did_you_mean(self.name, self.known) or f"there is {some(self.known)}"


@dataclass(frozen=True, kw_only=True)
class NoRecipe(Diagnostic):
    """The spec has no recipe, so `archc train` does not know how to train it."""

    code: ClassVar[str] = "E0506"
    net: str

    def message(self) -> str:
        return f"{self.net} has no recipe, so there is nothing to train it by"

    def help(self) -> str:
        return "recipe { optimizer sgd(lr = 0.01, momentum = 0.9)  batch 128  epochs 90 }"


@dataclass(frozen=True, kw_only=True)
class NoLoss(Diagnostic):
    """Training needs a net that ends in softmax over classes."""

    code: ClassVar[str] = "E0507"
    net: str
    last: str

    def message(self) -> str:
        return f"{self.net} ends in {self.last}, so it has no loss to train by"

    def help(self) -> str:
        return "end it in softmax over C x 1 x 1: the loss is then cross-entropy"


@dataclass(frozen=True, kw_only=True)
class HeadDiffers(Diagnostic):
    """An aux head's loss is on the labels of the net, so it has to tell the same classes apart."""

    code: ClassVar[str] = "E0508"
    head: str
    shape: str
    net: str

    def message(self) -> str:
        return (
            f"the head {self.head} ends in {self.shape}, the net in {self.net}: the labels are one"
        )

    def help(self) -> str:
        return "give both the same parameter: fc(classes) softmax"


@dataclass(frozen=True, kw_only=True)
class ScheduleTooLong(Diagnostic):
    """A part of the schedule takes all epochs, so what follows it would never come."""

    code: ClassVar[str] = "E0510"
    schedule: str
    part: str
    epochs: int

    def message(self) -> str:
        return f"{self.schedule} has {self.part}, but training has {self.epochs}"

    def help(self) -> str:
        return "more epochs, or a shorter warm-up"


@dataclass(frozen=True, kw_only=True)
class ScheduleFollowsError(Diagnostic):
    """A schedule that follows the error held out, which is not measured after every epoch."""

    code: ClassVar[str] = "E0511"
    schedule: str
    every: int

    def message(self) -> str:
        return (
            f"{self.schedule} follows the error after every epoch, "
            f"but only every {self.every} are tested"
        )

    def help(self) -> str:
        return "leave out --test-every, or another schedule"


@dataclass(frozen=True, kw_only=True)
class StepAfterDense(Diagnostic):
    """`dense` applies the net to the whole image, so it is the last step of `evaluate`."""

    code: ClassVar[str] = "E0509"
    step: str

    def message(self) -> str:
        return f"'{self.step}' stands behind dense, which applies the net: it is the last step"

    def help(self) -> str:
        if self.step == "dense":
            return "one dense with several scales, such as dense([256, 384])"
        return f"{self.step} before dense"
