"""What is JAX's own in emitted programs."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from archc_jax.emit.names import MODULE_NAMES
from flax import nnx

from archc.ir import Graph
from archc.program_module import load_program
from tests.nets import SMALL, SPECS, net, spec
from tests.programs.emitting import program

REST = "optimizer sgd(lr = 0.01)  batch 8  epochs 1"
"""What every recipe has to say."""


def built(graph: Graph) -> tuple[nnx.Module, dict[str, str]]:
    """The net of a graph, its arrays by shape only, and the keys of its program."""
    emitted = program("jax", graph)
    made = getattr(load_program(emitted), emitted.class_name)
    return nnx.eval_shape(lambda: made(rngs=nnx.Rngs(0))), dict(emitted.keys)


def initialised(recipe: str, body: str = "conv(3, 1, 40, groups=4) fc(50)") -> nnx.State:
    graph = net(f"input(8x12x12) {body} softmax recipe {{ {recipe} {REST} }}")
    emitted = program("jax", graph)
    made = getattr(load_program(emitted), emitted.class_name)
    return nnx.state(made(rngs=nnx.Rngs(0)), nnx.Param)


@pytest.mark.parametrize("name", [*(path.stem for path in SPECS), *SMALL])
def test_keys_name_every_array_with_its_shape(name: str) -> None:
    paths = {path.stem: path for path in SPECS}
    graph = spec(paths[name]) if name in paths else SMALL[name]
    model, keys = built(graph)
    # What a stream of random numbers keeps is no part of a net.
    state = nnx.state(model, (nnx.Param, nnx.BatchStat))
    shapes = {".".join(map(str, path)): v.shape for path, v in nnx.to_flat_state(state)}
    assert shapes == {
        keys[f"{node.path}.{array}"]: tuple(
            info.shape[i] for i in {4: (2, 3, 1, 0), 2: (1, 0), 1: (0,)}[len(info.shape)]
        )
        for node in graph.nodes
        for array, info in (graph.weights(node) | graph.buffers(node)).items()
    }


def test_every_name_of_a_module_is_kept_clear_of() -> None:
    class Module(nnx.Module):
        pass

    module = Module()
    present = {*dir(module), *vars(module)}
    assert present - MODULE_NAMES - {"__firstlineno__", "__static_attributes__"} == set()


def test_names_that_python_or_the_framework_has_taken() -> None:
    graph = net(
        """input(3x8x8)
        class: conv(3, 1, 4) lambda: relu
        __call__: conv(1, 1, 4, pad=0)
        train: conv(1, 1, 3) deterministic: dropout(0.5) rngs: conv(1, 1, 3)
        print: self(2) nnx: self(2) weight: jax(3)
        x: concat { | jnp: conv(1, 1, 2) | Array: relu }
        predict: fc(x) sow: softmax""",
        """block self(self) { self_: conv(1, 1, self) super: relu }
        block jax(rngs) { conv(1, 1, rngs) x: conv(1, 1, in + rngs) }""",
        params="(x = 3)",
    )
    emitted = program("jax", graph)
    model = getattr(load_program(emitted), emitted.class_name)(rngs=nnx.Rngs(0))
    model.eval()
    assert model(jnp.zeros((2, 8, 8, 3))).shape == (2, 3)
    assert emitted.keys["class.weight"] == "class_.kernel"
    assert emitted.keys["train.weight"] == "train_.kernel"


def test_init_rules_by_kind_and_by_layer() -> None:
    body = "conv(3, 1, 40) b(30) b(50) fc(60) fc(70) softmax"
    graph = net(
        f"""input(8x12x12) {body}
        recipe {{ init {{
          conv: normal(0.5, 0.1), bias 2;  fc: uniform(-3, -1), bias ones;
          b2.conv1: normal(0, 0.2), bias 3;  fc2: constant(7), bias zeros
        }} {REST} }}""",
        "block b(n) { conv(3, 1, n) relu }",
    )
    emitted = program("jax", graph)
    model = getattr(load_program(emitted), emitted.class_name)(rngs=nnx.Rngs(0))

    def values(path: str) -> np.ndarray:
        found = model
        for part in path.split("."):
            found = getattr(found, part)
        return np.asarray(found[...])

    for path, mean, std in (
        ("conv1.kernel", 0.5, 0.1),
        ("b1.conv1.kernel", 0.5, 0.1),
        ("b2.conv1.kernel", 0.0, 0.2),
        ("fc1.kernel", -2.0, 2 / np.sqrt(12)),
    ):
        # Over at least 2,880 draws: five standard errors.
        draws = values(path)
        assert abs(draws.mean() - mean) < 5 * std / np.sqrt(draws.size), path
        assert abs(draws.std() / std - 1) < 5 / np.sqrt(draws.size), path
    assert values("fc1.kernel").min() >= -3
    assert values("fc1.kernel").max() < -1
    for path, value in (
        ("conv1.bias", 2),
        ("b1.conv1.bias", 2),
        ("b2.conv1.bias", 3),
        ("fc1.bias", 1),
        ("fc2.kernel", 7),
        ("fc2.bias", 0),
    ):
        assert (values(path) == value).all(), path


@pytest.mark.parametrize(
    ("body", "bounds"),
    [
        # sqrt(6 / (fan_in + fan_out)), both within a group: 9 * (2 + 10), 8 + 50.
        ("conv(3, 1, 40, groups=4) global_avgpool fc(50, groups=5)", (108, 18)),
        ("conv(3, 1, 40) global_avgpool fc(50)", (9 * 48, 90)),
        ("deconv(3, 2, 40, groups=4) global_avgpool fc(50)", (9 * (2 + 10), 90)),
        ("towers(2) { conv(3, 1, 20) } global_avgpool fc(50)", (9 * (8 + 20), 90)),
    ],
)
def test_glorot_within_groups_and_towers(body: str, bounds: tuple[int, int]) -> None:
    kernels = [
        np.asarray(v[...])
        for path, v in nnx.to_flat_state(initialised("", body))
        if path[-1] == "kernel"
    ]
    assert len(kernels) == 2
    for kernel, fans in zip(kernels, bounds, strict=True):
        bound = np.sqrt(6 / fans)
        assert np.abs(kernel).max() <= bound
        # The largest of n draws is this near to the bound but once in e^7 times.
        assert np.abs(kernel).max() > bound * (1 - 7 / kernel.size)


def test_he_keeps_its_tails() -> None:
    state = initialised("init { conv, deconv: he }", "deconv(3, 2, 64, groups=2) conv(3, 1, 64)")
    for path, fan_in in (("deconv1", 9 * 4), ("conv1", 9 * 64)):
        kernel = np.asarray(state[path]["kernel"][...]) / np.sqrt(2 / fan_in)
        assert abs(kernel.std() - 1) < 5 / np.sqrt(kernel.size)
        # Of a normal distribution cut at two deviations nothing would lie beyond 2.3.
        assert np.abs(kernel).max() > 2.5


def test_a_net_parameter_stays_open_where_it_only_says_how_wide() -> None:
    text = program(
        "jax", net("input(3x9x9) conv(k, 1, w) relu fc(n) softmax", params="(w=4, n=5, k=3)")
    ).text
    assert "def __init__(self, w: int = 4, n: int = 5, *, rngs: nnx.Rngs) -> None:" in text
    assert 'Conv(3, w, (3, 3), padding="VALID", rngs=rngs)' in text
    assert "Linear(w * 7 * 7, n, rngs=rngs)" in text


def test_dropout_draws_anew_each_time_and_by_its_seed() -> None:
    graph = net("input(3x8x8) conv(3, 1, 4) droppath(0.5) dropout(0.5) fc(3) softmax")
    emitted = program("jax", graph)
    made = getattr(load_program(emitted), emitted.class_name)
    x = jax.random.normal(jax.random.key(0), (4, 8, 8, 3))
    first, second = made(rngs=nnx.Rngs(0)), made(rngs=nnx.Rngs(0))
    one, two = first(x), first(x)
    assert not jnp.array_equal(one, two)
    assert jnp.array_equal(second(x), one)
    first.eval()
    assert jnp.array_equal(first(x), first(x))


@pytest.mark.parametrize("body", ["droppath(0.25)", "fc(6) droppath(0.25)"])
def test_droppath_drops_whole_samples(body: str) -> None:
    """Of maps and of vectors: what is kept is scaled by 1 / (1 - p)."""
    emitted = program("jax", net(f"input(3x4x5) {body}"))
    model = getattr(load_program(emitted), emitted.class_name)(rngs=nnx.Rngs(0))
    x = jax.random.normal(jax.random.key(1), (64, 4, 5, 3))
    dropped = np.asarray(model(x)).reshape(64, -1)
    model.eval()
    whole = np.asarray(model(x)).reshape(64, -1)
    gone = (dropped == 0).all(axis=1)
    assert 4 <= gone.sum() <= 32  # of 64 by 1/4: four deviations either way
    assert np.allclose(dropped[~gone], whole[~gone] / 0.75, rtol=1e-5)
