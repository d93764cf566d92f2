"""The recipe's model: how a net is trained, as its paper says it.

Pure values: importing this loads neither NumPy nor a framework.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, NamedTuple

from pydantic import Field, model_validator
from typing_extensions import override

from archc.data.dense import Dense
from archc.data.transforms import TRANSFORMS, Transform, spell
from archc.form import Form
from archc.runtime.schedules import cosine, plateau

__all__ = [
    "AVERAGES",
    "INITIALISERS",
    "LIMITS",
    "LOSSES",
    "OPTIMIZERS",
    "SCHEDULES",
    "TRANSFORMS",
    "AdamW",
    "Average",
    "ConstantRate",
    "ConstantValue",
    "Cosine",
    "CrossEntropy",
    "Dense",
    "Ema",
    "FilterRms",
    "Glorot",
    "He",
    "InitRule",
    "Initialiser",
    "Normal",
    "Ones",
    "Optimizer",
    "Plateau",
    "Polyak",
    "Progress",
    "Recipe",
    "Schedule",
    "Sgd",
    "StepDecay",
    "Transform",
    "Uniform",
    "Zeros",
    "spell",
]

Rate = Annotated[float, Field(gt=0)]
Factor = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(gt=0)]


Decay = Annotated[float, Field(ge=0, lt=1)]


class Optimizer(Form, ABC):
    """How a step follows from gradients. `lr` is the rate that the schedule starts from."""

    lr: Rate

    @property
    @abstractmethod
    def buffers(self) -> int:
        """How many numbers it remembers of each weight."""


class Sgd(Optimizer):
    """Stochastic gradient descent with momentum, by AlexNet's rule (section 5):
    `v := momentum v - weight_decay lr w - lr g;  w := w + v`, `g` the gradient of the mean
    loss over the batch.

    The learning rate is inside the velocity: a change of the rate leaves the velocity as it
    is. Weight decay acts on every weight and bias, as in the papers, unless
    `decay_bias = false`.
    """

    word = "sgd"
    momentum: Decay = 0.9
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    decay_bias: bool = True

    @property
    @override
    def buffers(self) -> int:
        return 1 if self.momentum else 0


class AdamW(Optimizer):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2), at step t:
    `m := beta1 m + (1 - beta1) g;  v := beta2 v + (1 - beta2) g^2;
    w := w - lr (m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps) + weight_decay w)`,
    `g` the gradient of the mean loss over the batch.

    The decay is multiplied by the rate of the step, as PyTorch and optax have it. It acts on
    every weight and bias, unless `decay_bias = false`.
    """

    word = "adamw"
    beta1: Decay = 0.9
    beta2: Decay = 0.999
    eps: Annotated[float, Field(gt=0)] = 1e-8
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    decay_bias: bool = True

    @property
    @override
    def buffers(self) -> int:
        return 2


class Progress(NamedTuple):
    """How far a run is: `step` of `steps` are done, and `epoch` full ones of `epochs`."""

    step: int
    steps: int
    epoch: int
    epochs: int


class Schedule(Form, ABC):
    """How the learning rate changes. A pure function of how far the run is and of its history,
    so that a run which is continued needs no state but its metrics."""

    follows_error: ClassVar[bool] = False
    """Whether it needs the error held out of every epoch."""

    @abstractmethod
    def rate(self, lr: float, errors: Sequence[float], progress: Progress) -> float | None:
        """The rate of the next step. At the start of an epoch None, where training ends.

        `lr` is the optimiser's rate, `errors` the validation errors so far: of every epoch, where
        the schedule follows them.
        """

    def longer_than(self, epochs: int) -> str:
        """What of it a run of so many epochs has no room for; nothing where it fits."""
        return ""


class ConstantRate(Schedule):
    """The same learning rate throughout."""

    word = "constant"

    @override
    def rate(self, lr: float, errors: Sequence[float], progress: Progress) -> float | None:
        return lr


class StepDecay(Schedule):
    """The rate is multiplied by `factor` after every `every` epochs
    (GoogLeNet, section 6: by 0.96 every 8)."""

    word = "step"
    every: Count
    factor: Factor = 0.1

    @override
    def rate(self, lr: float, errors: Sequence[float], progress: Progress) -> float | None:
        return lr * self.factor ** (progress.epoch // self.every)


class Plateau(Schedule):
    """The rate is multiplied by `factor` when the validation error stops improving, `times`
    times; when it then stops improving once more, training ends (AlexNet, section 5; VGG,
    section 3.1: divided by 10, three times).

    It "stops improving" when `patience` epochs in a row were no better than the best before
    them, counted anew after each reduction. The papers judged that by eye and print no
    number: the default of 5 is ours.
    """

    word = "plateau"
    follows_error = True
    factor: Factor = 0.1
    times: Annotated[int, Field(ge=0)] = 3
    patience: Count = 5

    @override
    def rate(self, lr: float, errors: Sequence[float], progress: Progress) -> float | None:
        return plateau(lr, errors, self.factor, self.times, self.patience)


class Cosine(Schedule):
    """The rate rises in a line over the first `warmup` epochs, then falls along half a cosine
    to `floor` times itself at the end of training (Loshchilov & Hutter 2017, equation 5,
    without restarts; the warm-up is that of Goyal et al. 2017, section 2.2, from 0).

    It changes with every step. With S steps in the warm-up and T in the run, both of the
    recipe's epochs, step t (from 0) has `lr (t + 1) / S` before S, and after it
    `lr (floor + (1 - floor) (1 + cos(pi (t - S) / (T - S))) / 2)`.
    """

    word = "cosine"
    warmup: Annotated[float, Field(ge=0)] = 0.0
    floor: Decay = 0.0

    @override
    def rate(self, lr: float, errors: Sequence[float], progress: Progress) -> float | None:
        rising = self.warmup * progress.steps / progress.epochs
        return cosine(lr, progress.step, progress.steps, rising, self.floor)

    @override
    def longer_than(self, epochs: int) -> str:
        return f"a warm-up of {self.warmup:g} epochs" if self.warmup >= epochs else ""


class CrossEntropy(Form):
    """The mean over the batch of `-sum_k q_k log p_k`, p the softmax, of every head by itself.

    With `smoothing`, q is `1 - smoothing` for the label and `smoothing / K` more for each of
    the K classes (Szegedy et al. 2015, section 7).
    """

    word = "cross_entropy"
    smoothing: Decay = 0.0


class Average(Form, ABC):
    """A running average of the weights and statistics, which is what is measured and kept:
    after each step `a := keep a + (1 - keep) w`."""

    @abstractmethod
    def keep(self, step: int) -> float:
        """How much of the average so far is kept at a step, the first of which is 1."""


class Polyak(Average):
    """The mean of the weights after every step so far (Polyak & Juditsky 1992)."""

    word = "polyak"

    @override
    def keep(self, step: int) -> float:
        return (step - 1) / step


class Ema(Average):
    """An exponential moving average, which keeps `min(decay, (1 + t) / (10 + t))` at step t, so
    that the start is soon forgotten (TensorFlow's `ExponentialMovingAverage`)."""

    word = "ema"
    decay: Factor = 0.9999

    @override
    def keep(self, step: int) -> float:
        return min(self.decay, (1 + step) / (10 + step))


class FilterRms(Form):
    """After every step, each filter of a conv whose root mean square is above `most` is scaled
    back to it (ZFNet, section 3: 0.1). A filter is all that makes one channel of the output."""

    word = "filter_rms"
    most: Rate


class Initialiser(Form):
    """Where a weight or bias starts."""


class Normal(Initialiser):
    """N(mean, std); AlexNet, section 5: N(0, 0.01)."""

    word = "normal"
    mean: float = 0.0
    std: Annotated[float, Field(gt=0)] = 0.01


class Uniform(Initialiser):
    """Every value from `low` up to `high` equally likely."""

    word = "uniform"
    low: float
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> "Uniform":
        if self.low >= self.high:
            raise ValueError("low must be less than high")
        return self


class ConstantValue(Initialiser):
    """One value everywhere."""

    word = "constant"
    value: float


class Zeros(Initialiser):
    """Zero everywhere."""

    word = "zeros"


class Ones(Initialiser):
    """One everywhere (AlexNet, section 5: the biases of some layers)."""

    word = "ones"


class Glorot(Initialiser):
    """Uniform within +-sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio 2010, equation 16)."""

    word = "glorot"


class He(Initialiser):
    """N(0, sqrt(2 / fan_in)) (He et al. 2015, equation 10)."""

    word = "he"


OPTIMIZERS: dict[str, type[Sgd | AdamW]] = {Sgd.word: Sgd, AdamW.word: AdamW}
"""Every optimiser, by the name that specs use."""

LOSSES: dict[str, type[CrossEntropy]] = {CrossEntropy.word: CrossEntropy}
"""Every loss, by the name that specs use."""

AVERAGES: dict[str, type[Average]] = {form.word: form for form in (Polyak, Ema)}
"""Every average of the weights, by the name that specs use."""

LIMITS: dict[str, type[FilterRms]] = {FilterRms.word: FilterRms}
"""Everything that weights are held to, by the name that specs use."""

SCHEDULES: dict[str, type[Schedule]] = {
    form.word: form for form in (ConstantRate, StepDecay, Plateau, Cosine)
}
"""Every schedule, by the name that specs use."""

INITIALISERS: dict[str, type[Initialiser]] = {
    form.word: form for form in (Normal, Uniform, ConstantValue, Zeros, Ones, Glorot, He)
}
"""Every initialiser, by the name that specs use."""


@dataclass(frozen=True)
class InitRule:
    """`conv, fc: normal(0, 0.01), bias 0`: what some ops or layers start from.

    `targets` are op words or layer names. None leaves what an earlier rule said.
    """

    targets: tuple[str, ...]
    weight: Initialiser | None = None
    bias: Initialiser | None = None


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a net is trained. `batch` is the global batch, whatever the number of devices."""

    batch: int
    epochs: int
    augment: tuple[Transform, ...] = ()
    evaluate: tuple[Transform, ...] = ()
    dense: Dense | None = None
    """The last step of `evaluate { }`, where the net is applied to whole images."""
    init: tuple[InitRule, ...] = ()
    optimizer: Sgd | AdamW | None = None
    schedule: Schedule = field(default_factory=ConstantRate)
    loss: CrossEntropy = field(default_factory=CrossEntropy)
    average: Average | None = None
    limit: FilterRms | None = None
    assumed: tuple[tuple[str, str], ...] = ()
    """(what, source): the values that the paper does not state."""

    def init_of(self, op: str, layer: str) -> tuple[Initialiser | None, Initialiser | None]:
        """What a layer's weight and bias start from; later rules win, None where none says."""
        weight: Initialiser | None = None
        bias: Initialiser | None = None
        for rule in self.init:
            if op in rule.targets or layer in rule.targets:
                weight = rule.weight or weight
                bias = rule.bias or bias
        return weight, bias

    def described(self) -> dict[str, object]:
        """The recipe for a JSON file, each form spelt as in a spec."""
        return {
            "augment": [spell(step) for step in self.augment],
            "evaluate": [
                *(spell(step) for step in self.evaluate),
                *([spell(self.dense)] if self.dense else []),
            ],
            "init": [
                {
                    "of": list(rule.targets),
                    "weight": spell(rule.weight) if rule.weight else None,
                    "bias": spell(rule.bias) if rule.bias else None,
                }
                for rule in self.init
            ],
            "optimizer": spell(self.optimizer) if self.optimizer else None,
            "schedule": spell(self.schedule),
            "loss": spell(self.loss),
            "average": spell(self.average) if self.average else None,
            "limit": spell(self.limit) if self.limit else None,
            "batch": self.batch,
            "epochs": self.epochs,
            "assumed": [{"what": what, "source": source} for what, source in self.assumed],
        }
