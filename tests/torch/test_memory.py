"""The bytes that archc works out, against those of tensors that PyTorch made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

from archc.analysis.memory import Precision, memory
from archc.ir import Graph
from archc.program_module import load_program
from tests.nets import SMALL, net
from tests.torch.programs import program

# No softmax at the end, which a program leaves to its loss.
CHAIN = net(
    """input(3x16x16) conv(3, 1, 8, pad=same) bn relu maxpool(2, 2)
    concat { | conv(1, 1, 4) relu | conv(3, 1, 4, pad=same) tanh } dropout(0.5)
    add { | skip | conv(1, 1, 8) } global_avgpool fc(12) relu fc(5)
    recipe { optimizer sgd(lr = 0.1) batch 4 epochs 1 }"""
)
# What CPUs compute in bfloat16 throughout under autocast.
PLAIN = net(
    """input(3x12x12) conv(3, 1, 8) relu conv(3, 2, 8) tanh fc(12) relu fc(5)
    recipe { optimizer sgd(lr = 0.1) batch 4 epochs 1 }"""
)


class Outputs(TorchFunctionMode):
    """Keeps every tensor that a call of PyTorch's makes, views of others left out."""

    def __init__(self) -> None:
        super().__init__()
        # Kept alive, so that no address is used twice.
        self.made: dict[int, torch.Tensor] = {}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        # What is called in turn inside is not seen: the mode is off while it runs.
        found = func(*args, **(kwargs or {}))
        if isinstance(found, torch.Tensor):
            self.made.setdefault(found.untyped_storage().data_ptr(), found)
        return found

    def bytes_without(self, known: Iterable[torch.Tensor]) -> int:
        addresses = {tensor.untyped_storage().data_ptr() for tensor in known}
        return sum(
            tensor.nbytes for address, tensor in self.made.items() if address not in addresses
        )


def size(tensors: Iterable[torch.Tensor]) -> int:
    return sum(tensor.nbytes for tensor in tensors)


def built(graph: Graph) -> torch.nn.Module:
    emitted = program(graph)
    return getattr(load_program(emitted), emitted.class_name)().train()


@pytest.mark.parametrize(
    ("graph", "batch", "precision"),
    [(CHAIN, 1, "fp32"), (CHAIN, 6, "fp32"), (PLAIN, 6, "fp32"), (PLAIN, 6, "bf16")],
)
def test_training(graph: Graph, batch: int, precision: Precision) -> None:
    model = built(graph)
    images = torch.rand(batch, *graph.input)
    images = images.bfloat16() if precision == "bf16" else images
    parameters = list(model.parameters())
    with (
        Outputs() as outputs,
        torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"),
    ):
        made = model(images)
    buffers = list(model.buffers())
    kept = outputs.bytes_without([*parameters, *buffers, images]) + images.nbytes
    sgd = torch.optim.SGD(parameters, lr=0.1, momentum=0.9)
    F.cross_entropy(made.float(), torch.zeros(batch, dtype=torch.long)).backward()
    sgd.step()
    found = memory(graph).at(batch=batch, precision=precision).training
    assert found.activations == kept
    assert found.weights == size(parameters)
    assert found.gradients == size(p.grad for p in parameters if p.grad is not None)
    assert found.momentum == size(state["momentum_buffer"] for state in sgd.state.values())


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_weights_at_inference(name: str, precision: Precision) -> None:
    """Of every small net: what a program has as parameters, converted to the precision."""
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
    parameters = built(SMALL[name]).to(dtype).parameters()
    assert memory(SMALL[name]).at(precision=precision).inference.weights == size(parameters)
