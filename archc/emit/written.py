"""How an op is written in a framework: a module and its call, or a function of its inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from archc.emit.outline import Layer
from archc.emit.python import Call, Text, Tree, flat, literal
from archc.ir import Node, Scope
from archc.ops.base import Op

Function = Callable[[Sequence[Tree]], Tree]


@dataclass(frozen=True)
class Written:
    """A layer in a framework.

    `module` is what the constructor makes, None for what has no weights or state. `function` is
    the layer applied to its inputs; without one the module is called. `helper` names a function
    or class of the backend's `runtime` that the program must carry.
    """

    module: Call | None = None
    function: Function | None = None
    helper: str = ""


AnOp = TypeVar("AnOp", bound=Op)
Emitter = Callable[[Layer, AnOp], Written]


class Emitters(dict[type[Op], Emitter[Any]]):
    """Every op's emitter in one framework; the modules of the backend's `ops` fill it."""

    def of(self, op: type[AnOp]) -> Callable[[Emitter[AnOp]], Emitter[AnOp]]:
        """Registers the emitter of an op."""

        def register(emitter: Emitter[AnOp]) -> Emitter[AnOp]:
            self[op] = emitter
            return emitter

        return register

    def written(self, layer: Layer) -> Written:
        """A layer in the framework. Every op of the library has an emitter (a contract test)."""
        return self[type(layer.op)](layer, layer.op)

    def as_function(self, op: Op, scope: Scope, identity: Tree) -> Tree:
        """An op that is a function of its input alone, as what can be called, for `scope`."""
        layer = Layer(
            node=Node("", op, (), (1, 1, 1), scope, scope.span),
            name="",
            inputs=(0,),
            fields={name: literal(getattr(op, name)) for name in type(op).model_fields},
            channels=(Text("1"),),
            shapes=((1, 1, 1),),
            features=False,
            flat_inputs=(False,),
        )
        function = self.written(layer).function
        if function is None:
            raise TypeError(f"{op.word} is no function")
        tree = function([Text("x")])
        if tree == Text("x"):
            return identity
        if isinstance(tree, Call) and flat(tree) == f"{tree.function}(x)":
            return Text(tree.function)
        return Text(f"lambda x: {flat(tree)}")


def is_open(layer: Layer, field: str) -> bool:
    """Whether a field is text in the class's parameters, not one value."""
    return layer.fields[field] != literal(getattr(layer.op, field))
