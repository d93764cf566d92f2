"""Outline -> a PyTorch program."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from typing_extensions import override

from archc.backend import Program
from archc.emit import program
from archc.emit.carried import carried
from archc.emit.dialect import Dialect
from archc.emit.outline import ClassOutline, Layer, Tap
from archc.emit.python import Call, Text, Tree
from archc.emit.written import Written
from archc.ir import Graph, Scope
from archc.ops.base import Op, Shape
from archc_torch.emit.initialise import reset_parameters
from archc_torch.emit.names import GLOBALS, METHODS, MODULE_NAMES
from archc_torch.ops import EMITTERS
from archc_torch.ops.base import as_features, as_map
from archc_torch.runtime import FUNCTIONS, TOWERS


def emit(graph: Graph) -> Program:
    """The PyTorch program of a graph without towers."""
    return program.emit(graph, Torch)


class Torch(Dialect):
    """PyTorch: maps (N, C, H, W), modules with their weights made in the constructor."""

    base = "nn.Module"
    array = "Tensor"
    forward = "forward"
    sequential = "nn.Sequential"
    training = "self.training"
    reserved = MODULE_NAMES | METHODS
    names = GLOBALS
    called = ("glorot_", "he_up_")

    @override
    def written(self, layer: Layer, made: ClassOutline) -> Written:
        return EMITTERS.written(layer)

    @override
    def as_function(self, op: Op, scope: Scope) -> Tree:
        return EMITTERS.as_function(op, scope, Call("nn.Identity"))

    @override
    def adapted(self, tree: Tree, layer: Layer, i: int) -> Tree:
        return as_features(tree, layer, i) if layer.features else as_map(tree, layer, i)

    @override
    def vectors(self, tree: Tree) -> Tree:
        return Call("flatten", [Text("1")], on=tree)

    @override
    def map_shape(self, channels: str, height: str, width: str) -> str:
        return f"(N, {channels}, {height}, {width})"

    @override
    def sizes(self, shape: Shape) -> Sequence[int]:
        return shape

    @override
    def instance(self, call: Call, made: ClassOutline) -> Call:
        return call

    @override
    def constructor_parameters(self, made: ClassOutline) -> Sequence[str]:
        return ()

    @override
    def before_modules(self, made: ClassOutline, taps: Sequence[Tap]) -> Sequence[str]:
        return ["        super().__init__()"]

    @override
    def after_modules(self, made: ClassOutline) -> Sequence[str]:
        return ["        self.reset_parameters()"] if self.outline.keys else []

    @override
    def methods(self, *, classifies: bool, before: str, after: str) -> Sequence[Sequence[str]]:
        found: list[list[str]] = []
        if classifies:
            found.append(_predict(before, after))
        if self.outline.keys:
            found.append(reset_parameters(self.outline))
        return found

    @override
    def runtime(self, names: Collection[str]) -> list[str]:
        return [*carried(TOWERS, names), *carried(FUNCTIONS, names)]

    @override
    def imports(self, code: str) -> list[str]:
        functional = ["import torch.nn.functional as F"] if re.search(r"\bF\.", code) else []
        towers = ["import torch.distributed as dist"] if re.search(r"\bdist\.", code) else []
        return ["import torch", *towers, *functional, "from torch import Tensor, nn"]

    @override
    def preamble(self) -> list[str]:
        return []

    @override
    def main(self) -> str:
        shape = ", ".join(str(size) for size in self.outline.graph.input)
        towers = self.outline.graph.part_of
        if towers > 1:
            return _main_of_one(self.outline.net.name, shape, towers)
        return "\n".join(
            [
                'if __name__ == "__main__":',
                f"    model = {self.outline.net.name}().eval()",
                f"    outputs = model(torch.zeros(1, {shape}))",
                "    count = sum(parameter.numel() for parameter in model.parameters())",
                '    print(f"{tuple(outputs.shape)}, {count:,} parameters")',
            ]
        )

    @override
    def key(self, name: str) -> str:
        return self.outline.keys[name]


def _main_of_one(name: str, shape: str, towers: int) -> str:
    """What a program of one tower does that is run in a process a tower."""
    return "\n".join(
        [
            'if __name__ == "__main__":',
            f"    # torchrun --nproc-per-node {towers} FILE",
            '    dist.init_process_group("gloo")',
            f"    model = {name}().eval()",
            f"    outputs = model(torch.zeros(1, {shape}))",
            "    count = sum(parameter.numel() for parameter in model.parameters())",
            f"    tower = dist.get_rank() % {towers}",
            '    print(f"tower {tower}: {tuple(outputs.shape)}, {count:,} parameters")',
            "    dist.destroy_process_group()",
        ]
    )


def _predict(before: str, after: str) -> list[str]:
    line = f'        """{before} -> class probabilities {after}; call eval() first."""'
    if len(line) > 88:
        line = '        """Class probabilities; call eval() first."""'
    return [
        "    @torch.no_grad()",
        "    def predict(self, x: Tensor) -> Tensor:",
        line,
        "        return torch.softmax(self(x), dim=1)",
    ]
