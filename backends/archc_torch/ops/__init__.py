"""An emitter an op, in files of the same names as `archc/ops`."""

from __future__ import annotations

from archc.emit.outline import Layer
from archc.emit.python import Call, Text, Tree, flat, literal
from archc.ir import Node, Scope
from archc.ops.base import Op
from archc_torch.ops import activation, conv, crop, dropout, linear, merge, norm, pool
from archc_torch.ops.base import EMITTERS, Written

__all__ = [
    "EMITTERS",
    "Written",
    "activation",
    "as_function",
    "conv",
    "crop",
    "dropout",
    "linear",
    "merge",
    "norm",
    "pool",
    "written",
]


def as_function(op: Op, scope: Scope) -> Tree:
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
    function = written(layer).function
    if function is None:
        raise TypeError(f"{op.word} is no function")
    tree = function([Text("x")])
    if tree == Text("x"):
        return Call("nn.Identity")
    if isinstance(tree, Call) and flat(tree) == f"{tree.function}(x)":
        return Text(tree.function)
    return Text(f"lambda x: {flat(tree)}")


def written(layer: Layer) -> Written:
    """A layer in PyTorch. Every op of the library has an emitter (a contract test)."""
    return EMITTERS[type(layer.op)](layer, layer.op)
