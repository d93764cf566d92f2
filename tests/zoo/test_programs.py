"""The emitted program of every net: it builds, has the net's parameters, and learns."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import archc
from tests.zoo.small import small

NAMES = """resnet18 resnet50 resnext50_32x4d densenet121 squeezenet1_1 inception_v3 mobilenet_v2
mobilenet_v3_large shufflenet_v2_x1_0 efficientnet_b0 convnext_tiny unet""".split()
"""The nets that followed; tests/torch/test_zoo.py has the founding ones."""


@pytest.mark.parametrize("name", NAMES)
def test_has_the_parameters_of_the_spec(name: str) -> None:
    net = archc.load(name)
    with torch.device("meta"):
        made = net.to_torch()
    assert sum(parameter.numel() for parameter in made.parameters()) == net.params


def loss_of(outputs: Tensor | tuple[Tensor, ...], classes: int) -> Tensor:
    """Cross-entropy, an aux head's and a pixel's among it."""
    heads = outputs if isinstance(outputs, tuple) else (outputs,)
    losses = []
    for logits in heads:
        assert logits.shape[1] == classes
        target = torch.arange(logits[:, 0].numel()).reshape(logits[:, 0].shape) % classes
        losses.append(F.cross_entropy(logits, target))
    return torch.stack(losses).sum()


@pytest.mark.parametrize("name", NAMES)
def test_a_small_one_takes_a_step_of_training(name: str) -> None:
    torch.manual_seed(0)
    net = small(name)
    classes = net.output[0]
    made = net.to_torch().train()
    assert sum(parameter.numel() for parameter in made.parameters()) == net.params

    optimizer = torch.optim.SGD(made.parameters(), lr=1e-3)
    loss = loss_of(made(torch.randn(4, *net.input)), classes)
    assert torch.isfinite(loss)
    loss.backward()
    for key, parameter in made.named_parameters():
        assert parameter.grad is not None, key
        assert torch.isfinite(parameter.grad).all(), key
    before = {key: array.clone() for key, array in made.state_dict().items()}
    optimizer.step()
    assert any(not torch.equal(before[key], array) for key, array in made.state_dict().items())
    with torch.no_grad():
        assert torch.isfinite(loss_of(made.eval()(torch.randn(2, *net.input)), classes))
