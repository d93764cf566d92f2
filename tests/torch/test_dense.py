"""The net for whole images, against the plain net and against an oracle in NumPy."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from archc_torch.module import load_program
from safetensors.numpy import load_file
from sklearn.datasets import load_digits

from archc.cli import main
from archc.diagnostics import DiagnosticError
from archc.driver import check, compile_dense, compile_graph, load
from archc.ir import Graph
from archc.library import find
from archc.passes import Dense, MergeTowers, StripHeads, run
from archc.passes.dense import TooSmallError, check_input, dense_weights
from archc.train import DenseNet
from tests.nets import net
from tests.oracle import layers

Weights = dict[str, np.ndarray]

BODIES = {
    "vgg": """input(3x16x16) after conv, fc but last { relu } after fc but last { dropout(0.5) }
        conv3-6 conv3-6 maxpool(2, 2) conv3-8 maxpool(2, 2) FC-12 FC-12 fc(5) soft-max""",
    "towers": """input(3x19x19)
        towers(2) { conv(5, 2, 4) relu lrn(3) maxpool(3, 2, round=up) conv(3, 1, 6, pad=1) relu }
        towers(2) { fc(8) relu } towers(2) { fc(6) } fc(5) softmax""",
    "groups": "input(4x9x7) conv(3, 1, 8) fc(12, groups=4, bias=false) tanh fc(5) softmax",
    "no fc": "input(3x9x9) conv(3, 1, 4) relu conv(1, 1, 5) global_avgpool softmax",
    "after a mean": "input(3x9x9) conv(3, 1, 4) bn relu global_avgpool fc(5) softmax",
    "one fc": "input(3x8x8) fc(5) softmax",
    "aux": """input(3x12x12) conv(3, 1, 4) relu aux(weight = 0.3) { fc(6) relu fc(5) softmax }
        maxpool(2, 2) fc(5) softmax""",
}
BLOCKS = """
block head(n, layer = relu) { fc(n) layer dropout(0.5) }
block named(n, layer) { layer(out=n) tanh }
"""
BODIES["named"] = "input(3x7x7) conv(3, 1, 4) a: named(9, fc) b: named(8, fc) fc(5) softmax"
BODIES["blocks"] = """input(3x10x8) conv(3, 1, 4, pad=1) relu maxpool(2, 2)
    a: head(9) b: head(n=7, layer=tanh) mean: fc(5) softmax"""


def graph_of(name: str) -> Graph:
    return net(BODIES[name], BLOCKS)


def drawn(graph: Graph, seed: int = 0) -> Weights:
    """Random weights and buffers for a graph, in the canonical layout, float64."""
    rng = np.random.default_rng(seed)
    found: Weights = {}
    for node in graph.nodes:
        for name, weight in {**graph.weights(node), **graph.buffers(node)}.items():
            scale = 1 / np.sqrt(max(weight.fan_in, 1))
            found[f"{node.path}.{name}"] = (
                scale
                * rng.uniform(0.1, 1, weight.shape)
                * (1 if name == "running_var" else rng.choice([-1, 1], weight.shape))
            )
    return found


def modules(graph: Graph) -> tuple[torch.nn.Module, torch.nn.Module, Weights]:
    """The plain net and the dense one with the same weights, float64, in evaluation mode."""
    weights = drawn(graph)
    dense, program = compile_dense(graph, "torch")
    made: list[torch.nn.Module] = []
    for emitted, arrays in (
        (compile_graph(graph, "torch"), weights),
        (program, dense_weights(dense, weights)),
    ):
        module = getattr(load_program(emitted), emitted.class_name)().double().eval()
        module.load_state_dict(
            {emitted.keys[name]: torch.from_numpy(array) for name, array in arrays.items()}
        )
        made.append(module)
    return made[0], made[1], weights


def images(shape: tuple[int, int, int], n: int = 3, seed: int = 1) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(n, *shape)))


@pytest.mark.parametrize("name", BODIES)
def test_at_its_own_input_it_is_the_plain_net(name: str) -> None:
    graph = graph_of(name)
    plain, dense, _ = modules(graph)
    x = images(graph.input)
    with torch.no_grad():
        got, expected = dense(x), plain(x)
    assert got.shape == (3, 5)
    assert got.std() > 1e-3, "nothing to compare"
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["alexnet", "vgg_a", "vgg_d", "googlenet", "lenet", "resnet18"])
def test_nets_of_the_zoo(name: str) -> None:
    # The inputs are small, but no map comes out empty.
    shape = {"alexnet": (3, 99, 99), "lenet": (1, 32, 32), "googlenet": (3, 80, 80)}
    graph = check(find(name), {"classes": 5}, shape=shape.get(name, (3, 64, 64)), width=0.125)
    torch.manual_seed(0)
    dense_graph, program = compile_dense(graph, "torch")
    assert not any(node.op and node.op.word == "fc" for node in dense_graph.nodes)
    plain = compile_graph(graph, "torch")
    module = getattr(load_program(plain), plain.class_name)().double().eval()
    state = module.state_dict()
    weights = {name: state[key].numpy() for name, key in plain.keys.items()}
    for key in weights:
        if key.endswith("running_var") or weights[key].size == 1:
            continue
        # Whatever the recipe starts from, and biases that are not all alike.
        weights[key] = weights[key] + 0.1 * np.abs(weights[key]).mean() * np.random.default_rng(
            0
        ).normal(size=weights[key].shape)
    module.load_state_dict({plain.keys[k]: torch.from_numpy(v) for k, v in weights.items()})
    whole = getattr(load_program(program), program.class_name)().double().eval()
    whole.load_state_dict(
        {
            program.keys[k]: torch.from_numpy(v)
            for k, v in dense_weights(dense_graph, weights).items()
        }
    )
    x = images(graph.input)
    with torch.no_grad():
        expected = module.predict(x)
        torch.testing.assert_close(whole.predict(x), expected, rtol=1e-10, atol=1e-12)
        larger = images((graph.input[0], graph.input[1] + 41, graph.input[2] + 32))
        assert whole.predict(larger).shape == (3, 5)
    check_input(dense_graph, tuple(larger.shape[1:]))  # pyright: ignore[reportArgumentType]


def test_without_padding_it_is_the_mean_of_all_crops() -> None:
    """Every window of the net's size, a step of the net's stride apart, cut out and shown alone."""
    graph = net(
        "input(3x14x14) conv(3, 1, 6) relu maxpool(2, 2) conv(3, 1, 8) tanh avgpool(2, 2)"
        " fc(7) relu fc(5) softmax"
    )
    plain, dense, _ = modules(graph)
    x = images((3, 26, 38))
    crops = [x[:, :, y : y + 14, x0 : x0 + 14] for y in range(0, 13, 4) for x0 in range(0, 25, 4)]
    assert len(crops) == 28
    with torch.no_grad():
        expected = torch.stack([plain(crop) for crop in crops]).mean(dim=0)
        torch.testing.assert_close(dense(x), expected, rtol=1e-12, atol=1e-12)
        # The probabilities are those of the mean scores, not the mean of probabilities.
        torch.testing.assert_close(dense.predict(x), torch.softmax(expected, 1), rtol=0, atol=1e-12)


@pytest.mark.parametrize("size", [(16, 16), (17, 20), (24, 16), (29, 35)])
def test_with_padding_it_is_the_oracle(size: tuple[int, int]) -> None:
    """VGG's form: maps of the whole image, and `fc` on every window of the last, in loops."""
    graph = graph_of("vgg")
    _, dense, weights = modules(graph)
    x = images((3, *size), n=2)
    found = x.numpy()
    for name in ("conv1", "conv2", None, "conv3", None):
        if name is None:
            found = layers.maxpool(found, (2, 2), (2, 2), (0, 0))
            continue
        kernel, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
        found = layers.relu(layers.conv(found, kernel, bias, (1, 1), (1, 1)))
    scores: list[np.ndarray] = []
    for top in range(found.shape[2] - 3):
        for left in range(found.shape[3] - 3):
            window = found[:, :, top : top + 4, left : left + 4]
            for name in ("fc1", "fc2", "fc3"):
                window = layers.fc(window, weights[f"{name}.weight"], weights[f"{name}.bias"])
                window = window if name == "fc3" else layers.relu(window)
            scores.append(window)
    assert len(scores) == (size[0] // 4 - 3) * (size[1] // 4 - 3)
    with torch.no_grad():
        got = dense(x).numpy()
    np.testing.assert_allclose(got, np.mean(scores, axis=0).reshape(2, 5), rtol=1e-11, atol=1e-12)


def test_weights_of_heads_are_left_out_and_names_stay() -> None:
    graph = graph_of("aux")
    dense = run([StripHeads(), MergeTowers(), Dense()], graph)
    weights = drawn(graph)
    mapped = dense_weights(dense, weights)
    assert set(weights) - set(mapped) == {
        f"aux1.{layer}.{name}" for layer in ("fc1", "fc2") for name in ("weight", "bias")
    }
    assert mapped["fc1.weight"].shape == (5, 4, 5, 5)
    np.testing.assert_array_equal(mapped["fc1.weight"].reshape(5, -1), weights["fc1.weight"])
    assert graph.shape == dense.shape


def test_the_pass_is_pure_and_leaves_maps_alone() -> None:
    graph = graph_of("vgg")
    before = graph.nodes
    run([Dense()], graph)
    assert graph.nodes is before
    # Scores for each place are not averaged: that would be another function.
    each = net("input(3x8x8) conv(3, 1, 4, pad=1) softmax")
    assert [node.name for node in run([Dense()], each).nodes] == ["input", "conv1", "softmax1"]


def test_images_that_the_net_cannot_take() -> None:
    dense, program = compile_dense(graph_of("vgg"), "torch")
    tested = DenseNet(dense, lambda: pytest.fail(program.text))
    tested.check((3, 16, 16), "a.png")
    tested.check((3, 16, 300), "a.png")
    with pytest.raises(DiagnosticError, match=r"E0716.*'a\.png', 3x15x40: fc1: ") as caught:
        tested.check((3, 15, 40), "a.png")
    assert "dense" in str(caught.value)
    ragged = compile_dense(
        net("input(3x8x8) add { | conv(2, 2, 4) | conv(1, 2, 4, pad=0) } fc(2) softmax"),
        "torch",
    )[0]
    check_input(ragged, (3, 10, 10))
    with pytest.raises(TooSmallError, match="add1"):
        check_input(ragged, (3, 9, 9))


def test_it_is_checked_before_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "narrow.arch"
    body = BODIES["vgg"].replace("fc(5)", "fc(10)")
    spec.write_text(f"net narrow {{ {body} {RECIPE % 'dense([16, 15])'} }}", "utf-8")
    assert main(["train", str(spec), "-o", str(tmp_path / "run")]) == 1
    assert (
        "error[E0716]: the net cannot be applied to the image 'test digit 0', 3x15x15: fc1"
        in capsys.readouterr().err
    )
    assert not (tmp_path / "run").exists()


def test_the_command_prints_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "vgg_a", "--backend", "torch", "--dense"]) == 0
    assert capsys.readouterr().out == compile_dense(load("vgg_a"), "torch")[1].text
    with pytest.raises(SystemExit):
        main(["compile", "vgg_a", "--backend", "torch", "--dense", "--no-aux"])


RECIPE = """recipe {
    augment { resize(20) scale(1/16) subtract_mean(per=channel) random_crop(input) }
    evaluate { scale(1/16) subtract_mean(per=channel) %s }
    init { fc: normal(0, 0.1); fc3: glorot; conv: he }
    optimizer sgd(lr = 0.01, weight_decay = 0.0005) batch 100 epochs 2 }"""


def trained(folder: Path, evaluate: str) -> Path:
    folder.mkdir()
    spec = folder / "narrow.arch"
    # The dense form lacks the head, so making it draws fewer numbers than making the net.
    head = "aux(weight = 0.3) { fc(10) softmax }"
    body = BODIES["vgg"].replace("fc(5)", "fc(10)").replace("conv3-8", f"{head} conv3-8")
    spec.write_text(f"net narrow {{ {body} {RECIPE % evaluate} }}", "utf-8")
    command = ["train", str(spec), "--device", "cpu", "--quiet", "-o", str(folder / "run")]
    assert main(command) == 0
    return folder / "run"


def test_training_with_it(tmp_path: Path) -> None:
    """The error of every epoch's weights, worked out here from the run's weights alone; and
    training is what it is without `dense`, to the byte."""
    folder = tmp_path / "whole"
    found = trained(folder, "dense([16, 24, 19])")
    plain = trained(tmp_path / "plain", "resize(20) center_crop(input)")
    weights = load_file(found / "weights.safetensors")
    for name, array in load_file(plain / "weights.safetensors").items():
        np.testing.assert_array_equal(array, weights[name])
    lines = (found / "metrics.jsonl").read_text("utf-8").splitlines()
    assert json.loads(lines[-1])["test_wrong"] == _wrong(weights, found)
    # The spec of the run says the protocol, and trains again.
    assert "dense([16, 24, 19])" in (found / "spec.arch").read_text("utf-8")
    recipe = json.loads((found / "run.json").read_text("utf-8"))["recipe"]
    assert recipe["evaluate"][-1] == "dense(scales = [16, 24, 19])"


def test_measuring_with_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`archc evaluate` finds as many wrong as the loop below: of a run, of a spec with a file of
    weights, and on the other backend."""
    found = trained(tmp_path / "whole", "dense([16, 24, 19])")
    weights = found / "weights.safetensors"
    wrong = _wrong(load_file(weights), found)
    spec = str(tmp_path / "whole" / "narrow.arch")
    for words in (
        [str(found)],
        [str(found), "--backend", "jax"],
        [spec, "--weights", str(weights)],
    ):
        capsys.readouterr()
        assert main(["evaluate", *words, "--device", "cpu", "--quiet"]) == 0
        assert f"({wrong} of 360), top-5" in capsys.readouterr().out


def _wrong(weights: Weights, folder: Path) -> int:
    """How many of the digits held out are wrong: section 3.2 of VGG in a loop over the digits."""
    from PIL import Image

    digits = load_digits()
    order = np.argsort(digits.target, kind="stable")[::5]
    mean = next(iter(load_file(folder / "statistics.safetensors").values()))
    tensors = {name: torch.from_numpy(array) for name, array in weights.items()}
    wrong = 0
    for index in order:
        grey = Image.fromarray((digits.images[index] * 255 / 16).round().astype(np.float32))
        posterior = torch.zeros(10)
        for side in (16, 24, 19):
            pixels = np.asarray(grey.resize((side, side), Image.Resampling.BILINEAR)) / 16
            x = torch.from_numpy(np.stack([pixels] * 3) - mean[:, None, None]).float()[None]
            for shown in (x, x.flip(3)):
                maps = shown
                for name, pool in (("conv1", False), ("conv2", True), ("conv3", True)):
                    maps = F.conv2d(
                        maps, tensors[f"{name}.weight"], tensors[f"{name}.bias"], padding=1
                    ).relu()
                    maps = F.max_pool2d(maps, 2) if pool else maps
                windows = F.unfold(maps, 4).transpose(1, 2)
                for name in ("fc1", "fc2", "fc3"):
                    windows = F.linear(windows, tensors[f"{name}.weight"], tensors[f"{name}.bias"])
                    windows = windows if name == "fc3" else windows.relu()
                posterior += windows.mean(dim=1)[0].softmax(dim=0)
        wrong += int(posterior.argmax()) != digits.target[index]
    return wrong
