"""What is known after an epoch, and within one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from archc.backend import Step
from archc.train.evaluate import Score


@dataclass(frozen=True)
class Running:
    """An epoch under way: what its metrics are made of, so that a run that goes on in its middle
    gives the same. Errors and losses are those of the batches, each before its step."""

    batches: int = 0
    """Trained so far."""
    images: int = 0
    loss: float = 0.0
    """The sum over the images."""
    wrong: int = 0
    lr: float = 0.0
    """Of the last step."""
    seconds: float = 0.0
    """Spent on training, without saving."""
    skipped: int = 0
    """Steps that were left out, as float16 needs it."""

    @property
    def mean_loss(self) -> float:
        return self.loss / self.images

    @property
    def error(self) -> float:
        """From 0 to 1."""
        return self.wrong / self.images

    def after(self, step: Step, images: int, lr: float, seconds: float) -> Running:
        """With one more batch."""
        return Running(
            self.batches + 1,
            self.images + images,
            self.loss + step.loss * images,
            self.wrong + step.wrong,
            lr,
            self.seconds + seconds,
            self.skipped + step.skipped,
        )


@dataclass(frozen=True)
class EpochMetrics:
    """One epoch. Errors are from 0 to 1, `images_per_second` counts training alone.

    `loss` and `train_error` are running values: each batch's, taken before its step, the
    mean over all images. `lr` is the rate of the last step, `score` of the weights at the end
    of the epoch; None where they were not tested.
    """

    epoch: int
    lr: float
    loss: float
    train_error: float
    score: Score | None
    images_per_second: float

    @classmethod
    def of(cls, epoch: int, trained: Running, score: Score | None) -> EpochMetrics:
        """Those of an epoch whose batches are all trained."""
        speed = trained.images / trained.seconds
        return cls(epoch, trained.lr, trained.mean_loss, trained.error, score, speed)

    def row(self, held_out: str) -> dict[str, float | int]:
        """Flat, with stable keys; `held_out` is `test` or `validation`."""
        row: dict[str, float | int] = {
            "epoch": self.epoch,
            "lr": self.lr,
            "loss": self.loss,
            "train_error": self.train_error,
            "images_per_second": round(self.images_per_second, 1),
        }
        if self.score is not None:
            row[f"{held_out}_error"] = self.score.error
            row[f"{held_out}_wrong"] = self.score.wrong
            row[f"{held_out}_total"] = self.score.total
            if self.score.error_top is not None:
                row[f"{held_out}_top5_error"] = self.score.error_top
        return row

    def scalars(self, held_out: str) -> dict[str, float]:
        """The curves that TensorBoard shows, grouped by the word before the slash."""
        curves = {
            "loss/train": self.loss,
            "error/train": self.train_error,
            "rate/learning_rate": self.lr,
            "rate/images_per_second": self.images_per_second,
        }
        if self.score is not None:
            curves[f"error/{held_out}"] = self.score.error
            if self.score.error_top is not None:
                curves[f"error/{held_out}_top5"] = self.score.error_top
        return curves

    def line(self, epochs: int, held_out: str) -> str:
        """One line for a log."""
        tested = ""
        if self.score is not None:
            tested = f"{held_out} error {self.score.error:.2%}"
            if self.score.error_top is not None:
                tested += f" (top-5 {self.score.error_top:.2%})"
            tested += "  "
        return (
            f"epoch {self.epoch:>{len(str(epochs))}}/{epochs}  loss {self.loss:.4f}  "
            f"training error {self.train_error:.2%}  {tested}"
            f"lr {self.lr:g}  {self.images_per_second:,.0f} images/s"
        )


class Tested(NamedTuple):
    """What the images held out said of the weights after an epoch."""

    epoch: int
    score: Score


def tested(history: Sequence[EpochMetrics]) -> list[Tested]:
    """The epochs that were tested, in their order."""
    return [Tested(each.epoch, each.score) for each in history if each.score is not None]


def best_of(history: Sequence[EpochMetrics]) -> Tested | None:
    """The epoch with the least error held out, the first of equals; None before the first."""
    return min(tested(history), key=lambda each: each.score.wrong, default=None)
