"""Outline -> a program for JAX and Flax NNX."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace

from typing_extensions import override

from archc.backend import Program
from archc.emit import program
from archc.emit.carried import carried
from archc.emit.dialect import Dialect
from archc.emit.outline import Choice, ClassOutline, Element, Layer, Loop, Outline, Part, Tap
from archc.emit.python import Call, Text, Tree
from archc.emit.written import Written
from archc.ir import Graph, Scope
from archc.ops.base import Op, Shape
from archc_jax.emit.initialise import Initialisation
from archc_jax.emit.names import GLOBALS, METHODS, MODULE_NAMES
from archc_jax.ops import EMITTERS
from archc_jax.ops.base import RNGS, as_features, as_map, vectors
from archc_jax.runtime import FUNCTIONS, TOWERS


def emit(graph: Graph) -> Program:
    """The JAX program of a graph without towers."""
    return program.emit(graph, Jax)


class Jax(Dialect):
    """JAX: maps (N, H, W, C), Flax NNX modules that are handed their source of chance."""

    base = "nnx.Module"
    array = "Array"
    forward = "__call__"
    sequential = "nnx.Sequential"
    training = "not self.deterministic"
    reserved = MODULE_NAMES | METHODS
    names = GLOBALS
    called = ("flatten", "normal", "uniform", "glorot")

    def __init__(self, outline: Outline) -> None:
        super().__init__(outline)
        self._initialisation = Initialisation(outline)
        self._draws: dict[ClassOutline, bool] = {}
        self._called: set[str] = set()
        """The modules that the classes make."""

    @override
    def written(self, layer: Layer, made: ClassOutline) -> Written:
        found = EMITTERS.written(layer)
        if found.module is None or not layer.op.counted:
            return found
        call = self._initialisation.initialised(found.module, layer, made)
        self._called.add(call.function)
        return replace(found, module=call)

    @override
    def as_function(self, op: Op, scope: Scope) -> Tree:
        return EMITTERS.as_function(op, scope, Text("nnx.identity"))

    @override
    def adapted(self, tree: Tree, layer: Layer, i: int) -> Tree:
        return as_features(tree, layer, i) if layer.features else as_map(tree, layer, i)

    @override
    def vectors(self, tree: Tree) -> Tree:
        return vectors(tree)

    @override
    def map_shape(self, channels: str, height: str, width: str) -> str:
        return f"(N, {height}, {width}, {channels})"

    @override
    def sizes(self, shape: Shape) -> Sequence[int]:
        return (*shape[1:], shape[0])

    @override
    def instance(self, call: Call, made: ClassOutline) -> Call:
        return replace(call, named=[*call.named, RNGS]) if self._is_drawing(made) else call

    @override
    def constructor_parameters(self, made: ClassOutline) -> Sequence[str]:
        return ["*", "rngs: nnx.Rngs"] if self._is_drawing(made) else []

    @override
    def before_modules(self, made: ClassOutline, taps: Sequence[Tap]) -> Sequence[str]:
        return ["        self.deterministic = False  # train() and eval() set it"] if taps else []

    @override
    def after_modules(self, made: ClassOutline) -> Sequence[str]:
        return self._initialisation.afterwards()

    @override
    def methods(self, *, classifies: bool, before: str, after: str) -> Sequence[Sequence[str]]:
        return [_predict(before, after, heads=bool(self.outline.taps))] if classifies else []

    @override
    def runtime(self, names: Collection[str]) -> list[str]:
        return [*carried(TOWERS, names), *carried(FUNCTIONS, names)]

    @override
    def imports(self, code: str) -> list[str]:
        # The parameters are counted with jax, and zeros are made by jnp, in every program.
        lax = ", lax" if re.search(r"\blax\.", code) else ""
        return [
            "import jax",
            "import jax.numpy as jnp",
            "from flax import nnx",
            f"from jax import Array{lax}",
            *(["from jax.sharding import PartitionSpec"] if "PartitionSpec(" in code else []),
        ]

    @override
    def preamble(self) -> list[str]:
        return self._initialisation.bound(self._called)

    @override
    def main(self) -> str:
        channels, height, width = self.outline.graph.input
        method = ".predict" if self.outline.taps else ""
        towers = self.outline.graph.part_of
        if towers > 1:
            return _main_of_one(
                self.outline.net.name, f"1, {height}, {width}, {channels}", towers, method
            )
        return "\n".join(
            [
                'if __name__ == "__main__":',
                f"    model = {self.outline.net.name}(rngs=nnx.Rngs(0))",
                "    model.eval()",
                f"    outputs = model{method}(jnp.zeros((1, {height}, {width}, {channels})))",
                "    parameters = jax.tree.leaves(nnx.state(model, nnx.Param))",
                "    count = sum(parameter.size for parameter in parameters)",
                '    print(f"{outputs.shape}, {count:,} parameters")',
            ]
        )

    @override
    def key(self, name: str) -> str:
        path, _, array = name.rpartition(".")
        layer = ".".join(
            f"layers.{part}" if part.isdigit() else part
            for part in self.outline.paths[path].split(".")
        )
        if array == "weight":
            return f"{layer}.{'kernel' if self._initialisation.covers(path) else 'scale'}"
        return f"{layer}.{array.removeprefix('running_')}"

    def _is_drawing(self, made: ClassOutline) -> bool:
        """Whether a class holds what begins with chance or draws later; the net always may."""
        if made is self.outline.net:
            return True
        if made not in self._draws:
            self._draws[made] = any(map(self._draws_in, made.elements))
        return self._draws[made]

    def _draws_in(self, element: Element) -> bool:
        match element:
            case Layer():
                module = EMITTERS.written(element).module if not element.parameter else None
                return module is not None and RNGS in module.named
            case Part():
                return self._is_drawing(element.made)
            case Loop():
                return any(self._is_drawing(run.made) for run in element.runs)
            case Choice():
                arms = (*element.then.elements, *element.otherwise.elements)
                return any(map(self._draws_in, arms))


def _main_of_one(name: str, shape: str, towers: int, method: str) -> str:
    """What a program of one tower does that is run: a device of the CPU is a tower."""
    return "\n".join(
        [
            'if __name__ == "__main__":',
            f'    jax.config.update("jax_num_cpu_devices", {towers})',
            f'    mesh = jax.make_mesh(({towers},), ("tower",), devices=jax.devices("cpu"))',
            f"    model = {name}(rngs=nnx.Rngs(0))",
            "    model.eval()",
            "    whole = PartitionSpec()",
            "    run = jax.shard_map(",
            f"        model{method}, mesh=mesh, in_specs=whole, out_specs=whole, check_vma=False",
            "    )",
            f"    outputs = jax.jit(run)(jnp.zeros(({shape})))",
            "    parameters = jax.tree.leaves(nnx.state(model, nnx.Param))",
            "    count = sum(parameter.size for parameter in parameters)",
            '    print(f"{outputs.shape}, {count:,} parameters a tower")',
        ]
    )


def _predict(before: str, after: str, *, heads: bool) -> list[str]:
    line = f'        """{before} -> class probabilities {after}; call eval() first."""'
    if len(line) > 88:
        line = '        """Class probabilities; call eval() first."""'
    lines = ["    def predict(self, x: Array) -> Array:", line]
    if not heads:
        return [*lines, "        return nnx.softmax(self(x))"]
    return [
        *lines,
        "        outputs = self(x)",
        "        logits = outputs[0] if isinstance(outputs, tuple) else outputs",
        "        return nnx.softmax(logits)",
    ]
