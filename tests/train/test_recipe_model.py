"""The recipe's forms: their bounds, and schedules as functions of the history."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from pydantic import ValidationError

from archc.data.transforms import Flip, Normalize, RandomCrop, spell
from archc.recipe import (
    AVERAGES,
    INITIALISERS,
    LIMITS,
    LOSSES,
    OPTIMIZERS,
    SCHEDULES,
    TRANSFORMS,
    ConstantRate,
    ConstantValue,
    Cosine,
    InitRule,
    Normal,
    Ones,
    Plateau,
    Progress,
    Recipe,
    Sgd,
    StepDecay,
    Uniform,
    Zeros,
)
from tests.nets import net


def test_importing_the_recipe_loads_no_numerical_library() -> None:
    code = (
        "import sys, archc.recipe; "
        "print(sorted({'numpy', 'PIL', 'torch', 'sklearn', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_form_is_registered_under_its_own_word() -> None:
    assert set(OPTIMIZERS) == {"sgd", "adamw"}
    assert set(SCHEDULES) == {"constant", "step", "plateau", "cosine"}
    assert set(INITIALISERS) == {"normal", "uniform", "constant", "zeros", "ones", "glorot", "he"}
    assert set(TRANSFORMS) == {
        "resize", "center_crop", "random_crop", "flip", "shift", "subtract_mean", "pca_color",
        "scale", "normalize", "ten_crop", "jitter_resize", "random_area_crop", "one_of_ten_crop",
        "photometric", "multi_scale_crop",
    }  # fmt: skip
    assert set(LOSSES) == {"cross_entropy"}
    assert set(AVERAGES) == {"polyak", "ema"}
    assert set(LIMITS) == {"filter_rms"}
    for registry in (OPTIMIZERS, SCHEDULES, INITIALISERS, TRANSFORMS, LOSSES, AVERAGES, LIMITS):
        for word, form in registry.items():
            assert form.word == word
            assert form.__doc__


def test_whole_numbers_are_taken_where_numbers_are_meant() -> None:
    assert Sgd(lr=1).lr == 1.0
    assert Normal(mean=0, std=1) == Normal(mean=0.0, std=1.0)


@pytest.mark.parametrize(
    ("form", "arguments"),
    [
        ("sgd", {"lr": 0}),
        ("sgd", {"lr": -0.1}),
        ("sgd", {"lr": float("inf")}),
        ("sgd", {"lr": float("nan")}),
        ("sgd", {"lr": "0.1"}),
        ("sgd", {"lr": 0.1, "momentum": 1}),
        ("sgd", {"lr": 0.1, "momentum": -0.1}),
        ("sgd", {"lr": 0.1, "weight_decay": -1e-4}),
        ("sgd", {"lr": 0.1, "nesterov": True}),
        ("sgd", {}),
        ("adamw", {}),
        ("adamw", {"lr": 0}),
        ("adamw", {"lr": 0.1, "beta1": 1}),
        ("adamw", {"lr": 0.1, "beta2": -0.1}),
        ("adamw", {"lr": 0.1, "eps": 0}),
        ("adamw", {"lr": 0.1, "weight_decay": -1}),
        ("adamw", {"lr": 0.1, "momentum": 0.9}),
        ("step", {"every": 0}),
        ("step", {"every": 1, "factor": 1}),
        ("cross_entropy", {"smoothing": 1}),
        ("cross_entropy", {"smoothing": -0.1}),
        ("ema", {"decay": 1}),
        ("ema", {"decay": 0}),
        ("polyak", {"decay": 0.9}),
        ("filter_rms", {"most": 0}),
        ("filter_rms", {}),
        ("cosine", {"warmup": -1}),
        ("cosine", {"floor": 1}),
        ("cosine", {"floor": -0.1}),
        ("plateau", {"factor": 0}),
        ("plateau", {"patience": 0}),
        ("plateau", {"times": -1}),
        ("normal", {"std": 0}),
        ("uniform", {"low": 1, "high": 1}),
        ("resize", {"size": 0}),
        ("resize", {"size": True}),
        ("resize", {"size": 5000}),
        ("resize", {"size": (8, 8, 3)}),
        ("random_crop", {"size": 8, "pad": -1}),
        ("subtract_mean", {"per": "image"}),
        ("scale", {"factor": 0}),
        ("normalize", {"mean": 0, "std": (1, 0, 1)}),
        ("shift", {"pixels": 1.5}),
    ],
)
def test_what_is_out_of_range_is_refused(form: str, arguments: dict[str, object]) -> None:
    forms = OPTIMIZERS | SCHEDULES | INITIALISERS | TRANSFORMS | LOSSES | AVERAGES | LIMITS
    with pytest.raises(ValidationError):
        forms[form].model_validate(arguments)


ANY = Progress(step=0, steps=100, epoch=0, epochs=10)
"""For schedules that look at the errors alone."""


def test_constant_rate() -> None:
    assert ConstantRate().rate(0.1, [], ANY) == 0.1
    assert ConstantRate().rate(0.1, [0.9] * 50, ANY) == 0.1


def test_step_decay_is_googlenets() -> None:
    schedule = StepDecay(every=8, factor=0.96)
    after = {n: schedule.rate(0.01, [], Progress(9 * n, 900, n, 100)) for n in (0, 7, 8, 24)}
    assert after[0] == after[7] == 0.01
    assert after[8] == pytest.approx(0.01 * 0.96)
    assert after[24] == pytest.approx(0.01 * 0.96 * 0.96 * 0.96)


def test_plateau_reduces_three_times_then_ends() -> None:
    schedule = Plateau(factor=0.1, times=3, patience=2)
    errors = [0.5, 0.4]
    rates: list[float | None] = []
    for _ in range(8):
        errors.append(0.4)  # as good as the best is no improvement
        rates.append(schedule.rate(1.0, errors, ANY))
    assert rates == [
        1.0, pytest.approx(0.1), pytest.approx(0.1), pytest.approx(0.01), pytest.approx(0.01),
        pytest.approx(0.001), pytest.approx(0.001), None,
    ]  # fmt: skip


def test_plateau_counts_anew_after_an_improvement() -> None:
    schedule = Plateau(patience=2)
    assert schedule.rate(1.0, [0.5, 0.6, 0.4, 0.5], ANY) == 1.0
    assert schedule.rate(1.0, [0.5, 0.6, 0.4, 0.5, 0.5], ANY) == pytest.approx(0.1)


def test_plateau_improves_on_the_best_not_on_the_last() -> None:
    schedule = Plateau(patience=3)
    assert schedule.rate(1.0, [0.3, 0.6, 0.5, 0.4], ANY) == pytest.approx(0.1)


def test_cosine_rises_and_falls_with_every_step() -> None:
    """Ten steps an epoch, two epochs of warm-up of six: by hand."""
    schedule = Cosine(warmup=2, floor=0.1)
    rates = [schedule.rate(0.5, [], Progress(step, 60, step // 10, 6)) for step in range(60)]
    assert rates[0] == pytest.approx(0.5 / 20)
    assert rates[9] == pytest.approx(0.25)
    assert rates[19] == rates[20] == pytest.approx(0.5)
    assert rates[30] == pytest.approx(0.5 * (0.1 + 0.9 * (1 + 2**-0.5) / 2))
    assert rates[40] == pytest.approx(0.5 * 0.55)
    assert rates[59] == pytest.approx(0.05, abs=0.5 * 0.9 * 0.25 * (np.pi / 40) ** 2)
    assert all(a > b for a, b in pairwise(rates[20:]) if a is not None and b is not None)


def test_cosine_without_a_warm_up_and_with_less_than_a_step() -> None:
    assert Cosine().rate(0.5, [], Progress(0, 60, 0, 6)) == 0.5
    assert Cosine(warmup=0.01).rate(0.5, [], Progress(0, 60, 0, 6)) == 0.5
    assert Cosine(warmup=5).longer_than(5) == "a warm-up of 5 epochs"
    assert not Cosine(warmup=4.5).longer_than(5)


def test_later_rules_win_and_leave_what_they_do_not_say() -> None:
    recipe = Recipe(
        batch=1,
        epochs=1,
        init=(
            InitRule(("conv", "fc"), weight=Normal(), bias=Zeros()),
            InitRule(("conv2", "fc6"), bias=Ones()),
            InitRule(("fc6",), weight=Uniform(low=-1, high=1)),
        ),
    )
    assert recipe.init_of("conv", "conv1") == (Normal(), Zeros())
    assert recipe.init_of("conv", "conv2") == (Normal(), Ones())
    assert recipe.init_of("fc", "fc6") == (Uniform(low=-1, high=1), Ones())
    assert recipe.init_of("bn", "bn1") == (None, None)


def test_what_is_assumed_is_listed_in_the_words_of_the_spec() -> None:
    graph = net("""input(3x8x8) fc(2) softmax recipe {
      augment { resize(8) assumed "a"  subtract_mean(per=channel assumed "b")  flip assumed "c" }
      init { fc: weight glorot assumed "d", bias -1 assumed "e" }
      optimizer sgd(lr = 0.1 assumed "f") assumed "g"  batch 4 assumed "h"  epochs 2
    }""")
    assert graph.recipe is not None
    assert graph.recipe.assumed == (
        ("resize(8)", "a"),
        ("subtract_mean per channel", "b"),
        ("flip", "c"),
        ("weight glorot", "d"),
        ("bias -1", "e"),
        ('optimizer sgd(lr = 0.1 assumed "f")', "g"),
        ("sgd lr 0.1", "f"),
        ("batch 4", "h"),
    )


def test_forms_are_spelt_as_in_a_spec() -> None:
    assert spell(RandomCrop(size=(32, 24), pad=4)) == "random_crop(size = [32, 24], pad = 4)"
    assert spell(Flip()) == "flip"
    assert spell(Sgd(lr=0.1, decay_bias=False)).endswith("decay_bias = false)")
    assert spell(Normalize(mean=0, std=(1, 2, 4))) == "normalize(mean = 0.0, std = [1.0, 2.0, 4.0])"
    assert spell(ConstantValue(value=0)) == "constant(value = 0.0)"
