"""E05: the recipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from archc.diagnostics import Diagnostic, Label, did_you_mean
from archc.source import Span


@dataclass(frozen=True, kw_only=True)
class UnknownClause(Diagnostic):
    code: ClassVar[str] = "E0501"
    name: str
    known: tuple[str, ...]

    def message(self) -> str:
        return f"a recipe has no clause '{self.name}'"

    def help(self) -> str:
        return did_you_mean(self.name, self.known) or f"it has {', '.join(self.known)}"


@dataclass(frozen=True, kw_only=True)
class RepeatedClause(Diagnostic):
    code: ClassVar[str] = "E0502"
    name: str
    first: Span

    def message(self) -> str:
        return f"{self.name} is said twice in this recipe"

    def others(self) -> Sequence[Label]:
        return [Label(self.first, "first here")]


@dataclass(frozen=True, kw_only=True)
class MissingClause(Diagnostic):
    code: ClassVar[str] = "E0503"
    missing: tuple[str, ...]

    def message(self) -> str:
        return f"this recipe does not say its {', '.join(self.missing)}"

    def help(self) -> str:
        examples = {
            "optimizer": "optimizer sgd(lr = 0.01, momentum = 0.9)",
            "batch": "batch 128",
            "epochs": "epochs 90",
        }
        return "  ".join(examples[name] for name in self.missing)


@dataclass(frozen=True, kw_only=True)
class WrongClause(Diagnostic):
    code: ClassVar[str] = "E0504"
    name: str
    rule: str

    def message(self) -> str:
        return f"{self.name} {self.rule}"


@dataclass(frozen=True, kw_only=True)
class UnknownTarget(Diagnostic):
    code: ClassVar[str] = "E0505"
    name: str
    known: tuple[str, ...]

    def message(self) -> str:
        return f"this net has no layer, block or op '{self.name}' with weights"

    def help(self) -> str:
        return did_you_mean(self.name, self.known)


@dataclass(frozen=True, kw_only=True)
class NoRecipe(Diagnostic):
    code: ClassVar[str] = "E0506"
    net: str

    def message(self) -> str:
        return f"{self.net} has no recipe, so there is nothing to train it by"

    def help(self) -> str:
        return "recipe { optimizer sgd(lr = 0.01, momentum = 0.9)  batch 128  epochs 90 }"


@dataclass(frozen=True, kw_only=True)
class NoLoss(Diagnostic):
    code: ClassVar[str] = "E0507"
    net: str
    last: str

    def message(self) -> str:
        return f"{self.net} ends in {self.last}, so it has no loss to train by"

    def help(self) -> str:
        return "end it in softmax over C x 1 x 1: the loss is then cross-entropy"
