"""The emitted programs against the same nets written by hand, weights carried over."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

import archc
from archc.ir import Graph

# Small enough for two cores; the aux head of Inception-v3 needs the whole 299.
SIZES = {
    "resnet50": 96,
    "densenet121": 96,
    "inception_v3": 299,
    "mobilenet_v3_large": 128,
    "shufflenet_v2_x1_0": 128,
}
CLOSE = 1e-5


def arrays(graph: Graph) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The weights and statistics of a net in the order of its spec: names and shapes."""
    for node in graph.nodes:
        for name, weight in (graph.weights(node) | graph.buffers(node)).items():
            yield f"{node.path}.{name}", weight.shape


def carried(net: archc.Net, reference: nn.Module) -> dict[str, Tensor]:
    """The reference's arrays by the spec's names: both define their layers in the same order."""
    state = reference.state_dict()
    theirs = [name for name in state if not name.endswith("num_batches_tracked")]
    ours = list(arrays(net.graph))
    assert len(theirs) == len(ours)
    for name, (path, shape) in zip(theirs, ours, strict=True):
        assert tuple(state[name].shape) == shape, f"{name} is not {path}"
    return {path: state[name] for name, (path, _) in zip(theirs, ours, strict=True)}


def randomise(reference: nn.Module) -> None:
    """Random weights that keep values of the size of one, and random statistics."""
    for module in reference.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.normal_(module.weight, 0.0, (2 / module.weight[0].numel()) ** 0.5)
            if module.bias is not None:
                nn.init.normal_(module.bias, 0.0, 0.1)
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0.0, 0.1)
            nn.init.normal_(module.running_mean, 0.0, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)


def difference(ours: Tensor, theirs: Tensor) -> float:
    """The largest, relative to the largest value."""
    assert ours.shape == theirs.shape
    return float((ours - theirs).abs().max() / theirs.abs().max())


@pytest.mark.parametrize("name", SIZES)
def test_equals_the_net_written_by_hand(name: str) -> None:
    torch.manual_seed(0)
    size = SIZES[name]
    reference: nn.Module = importlib.import_module(f"tests.zoo.reference_{name}").Reference()
    randomise(reference)
    net = archc.load(name, input=(3, size, size))
    made = net.to_torch()
    missing = made.load_state_dict(carried(net, reference), strict=False).missing_keys
    assert all(key.endswith("num_batches_tracked") for key in missing)

    images = torch.randn(3, 3, size, size)
    with torch.no_grad():
        ours, theirs = made.eval()(images[:1]), reference.eval()(images[:1])
        assert theirs.std() > 0.01  # what is compared says something of the input
        assert difference(ours, theirs) < CLOSE

        # One forward in training moves the running statistics; what is dropped comes after them.
        made.train()(images)
        reference.train()(images)
    after = made.state_dict()
    moved = 0
    for path, values in carried(net, reference).items():
        if path.endswith((".running_mean", ".running_var")):
            assert difference(after[path], values) < CLOSE, path
            moved += 1
    assert moved
