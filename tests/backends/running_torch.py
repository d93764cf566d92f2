"""Programs for PyTorch, run for tests; see `running`."""

from __future__ import annotations

import sys

import numpy as np
import torch
import torch.nn.functional as F
from archc_torch import backend
from torch import Tensor, nn

from archc.backend import Program
from archc.ir import Graph
from archc.program_module import load_program

from .running import Arrays, Dtype, Trained, as_map


def emit(graph: Graph) -> Program:
    return backend.emit(graph)


def evaluate(program: Program, weights: Arrays, x: np.ndarray, dtype: Dtype) -> np.ndarray:
    module = _module(program, weights, dtype).eval()
    with torch.no_grad():
        return as_map(module(_tensor(x, dtype)).numpy())


def train(
    program: Program, weights: Arrays, x: np.ndarray, labels: np.ndarray, dtype: Dtype
) -> Trained:
    module = _module(program, weights, dtype).train()
    images = _tensor(x, dtype).requires_grad_()
    outputs = module(images)
    every: tuple[Tensor, ...] = outputs if isinstance(outputs, tuple) else (outputs,)
    factors = getattr(load_program(program), "LOSS_WEIGHTS", {"logits": 1.0}).values()
    if hasattr(module, "predict"):
        wanted = torch.from_numpy(labels)
        losses = [F.cross_entropy(logits, wanted) for logits in every]
    else:
        losses = [logits.square().mean() for logits in every]
    loss = sum(factor * each for factor, each in zip(factors, losses, strict=True))
    if not isinstance(loss, Tensor):
        raise TypeError("a program without outputs")
    loss.backward()
    names = {key: name for name, key in program.keys.items()}
    # What the loss does not depend on has no gradient in PyTorch.
    gradients = {
        names[key]: torch.zeros_like(each).numpy() if each.grad is None else each.grad.numpy()
        for key, each in module.named_parameters()
    }
    statistics = {
        names[key]: array.numpy() for key, array in module.named_buffers() if key in names
    }
    seen = torch.zeros_like(images) if images.grad is None else images.grad
    logits = [as_map(each.detach().numpy()) for each in every]
    return Trained(logits, float(loss.detach()), gradients, seen.numpy(), statistics)


def forget() -> None:
    """Programs are modules, which Python keeps."""
    for name in [name for name in sys.modules if name.startswith("archc_program_")]:
        del sys.modules[name]


def _tensor(array: np.ndarray, dtype: Dtype) -> Tensor:
    return torch.from_numpy(array.astype(dtype))


def _module(program: Program, weights: Arrays, dtype: Dtype) -> nn.Module:
    made: nn.Module = getattr(load_program(program), program.class_name)()
    made = made.to(getattr(torch, dtype))
    state = {program.keys[name]: _tensor(array, dtype) for name, array in weights.items()}
    # The count of batches is no number of the language's.
    state |= {k: v for k, v in made.state_dict().items() if k.endswith("num_batches_tracked")}
    made.load_state_dict(state)
    return made
