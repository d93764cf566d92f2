"""The initialisation of a recipe as Flax says it: an argument of each layer.

What most layers of a kind begin with is bound to `Conv` and `Linear`; a layer that begins
otherwise says so in its own call. Only where instances of one class begin differently, the
net's constructor fills them afterwards.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from archc.emit.initialisation import groups_of, layers_of, op_of, own_groups, rules
from archc.emit.outline import ClassOutline, Layer, Outline
from archc.emit.python import (
    Call,
    Items,
    Text,
    Tree,
    comment,
    layout,
    literal,
    number,
    statement,
    wrapped,
)
from archc.ir import Node
from archc.ops.conv import Conv, Deconv
from archc.ops.linear import Fc
from archc.recipe import (
    ConstantValue,
    Glorot,
    He,
    Initialiser,
    Normal,
    Ones,
    Uniform,
    Zeros,
)

BOUND = {
    "nnx.Conv": "Conv",
    "nnx.ConvTranspose": "ConvTranspose",
    "nnx.Linear": "Linear",
}
"""Flax's layers, and what they are called with their kind's initialisers bound."""

FIXED = {"nnx.ConvTranspose": [("transpose_kernel", literal(True))]}
"""What else is bound: then its kernel is that of the convolution it transposes, as ours."""

ARGUMENTS = {"weight": "kernel_init", "bias": "bias_init"}
PARAMETERS = {"weight": "kernel", "bias": "bias"}


class Initialisation:
    """Where every weight and bias of a program begins."""

    def __init__(self, outline: Outline) -> None:
        self._outline = outline
        self._rules, self._said = rules(outline)
        self._nodes = {node.path: node for node in layers_of(outline).values()}
        self._instances: dict[tuple[ClassOutline, str], list[Node]] = {}
        """The layers that each attribute of a class is, in the class's instances."""
        for path, node in self._nodes.items():
            self._instances.setdefault(outline.homes[path], []).append(node)

    def covers(self, path: str) -> bool:
        """Whether a layer is one that recipes initialise: it has a kernel."""
        return path in self._nodes

    def bound(self, functions: Collection[str]) -> list[str]:
        """`Conv = partial(nnx.Conv, kernel_init=...)`, for those of Flax's layers there are."""
        lines: list[str] = []
        for function, word in (
            ("nnx.Conv", Conv.word),
            ("nnx.ConvTranspose", Deconv.word),
            ("nnx.Linear", Fc.word),
        ):
            if BOUND[function] in functions:
                named = [*FIXED.get(function, ()), *self._of_kind(word)]
                call = Call("partial", [Text(function)], named)
                lines += statement(f"{BOUND[function]} = ", call, 0)
        if not lines:
            return []
        said = wrapped(comment(f"{self._said}."), 86).split("\n")
        return ["\n".join([*(f"# {line}" for line in said), *lines])]

    def initialised(self, call: Call, layer: Layer, made: ClassOutline) -> Call:
        """A layer's call with what it does not share with its kind."""
        own: list[tuple[str, Tree]] = []
        kind = dict(self._of_kind(op_of(layer.node).word))
        biased = getattr(layer.op, "bias", False)
        for what in ("weight", "bias") if biased else ("weight",):
            argument = ARGUMENTS[what]
            said = self._agreed(what, self._instances[made, layer.name], layer.fields["groups"])
            usual = kind.get(argument, Text("nnx.initializers.zeros"))
            if said is not None and said != usual:
                own.append((argument, said))
            elif call.function not in BOUND and argument in kind:
                # Nothing is bound to a class of the runtime.
                own.append((argument, usual))
        *named, rngs = call.named
        function = BOUND.get(call.function, call.function)
        return replace(call, function=function, named=[*named, *own, rngs])

    def afterwards(self) -> list[str]:
        """Statements of the net's constructor for what the classes cannot say."""
        filled: dict[tuple[str, str], list[str]] = {}
        trees: dict[str, Tree] = {}
        for instances in self._instances.values():
            for what in ("weight", "bias"):
                groups = Text(str(own_groups(instances[0])))
                if self._agreed(what, instances, groups) is not None:
                    continue
                for node in instances:
                    tree = self._own(what, node)
                    if what == "weight" or getattr(node.op, "bias", False):
                        filled.setdefault((what, str(tree)), []).append(self._access(node))
                        trees[str(tree)] = tree
        lines: list[str] = []
        for (what, key), layers in filled.items():
            lines += _filled(layers, PARAMETERS[what], trees[key])
        return lines

    def _of_kind(self, word: str) -> list[tuple[str, Tree]]:
        """The arguments that say what a kind of layer begins with, beside Flax's zero biases."""
        weight, bias = self._forms(word, "")
        named: list[tuple[str, Tree]] = [("kernel_init", _tree(weight, Text("1"), word))]
        if not _is_zero(bias):
            named.append(("bias_init", _tree(bias, Text("1"), word)))
        return named

    def _forms(self, word: str, path: str) -> tuple[Initialiser, Initialiser]:
        """What a layer's weight and bias begin as; later rules win."""
        weight: Initialiser = Glorot()
        bias: Initialiser = Zeros()
        for rule in self._rules:
            if word in rule.targets or path in rule.targets:
                weight, bias = rule.weight or weight, rule.bias or bias
        return weight, bias

    def _form(self, what: str, node: Node) -> Initialiser:
        weight, bias = self._forms(op_of(node).word, node.path)
        return weight if what == "weight" else bias

    def _own(self, what: str, node: Node) -> Tree:
        word = op_of(node).word
        return _tree(self._form(what, node), Text(str(groups_of(node))), word)

    def _agreed(self, what: str, instances: Sequence[Node], groups: Text) -> Tree | None:
        """What all instances of a layer begin with; None where they differ.

        `groups` is the text of the layer's groups in its class.
        """
        form = self._form(what, instances[0])
        if any(self._form(what, node) != form for node in instances):
            return None
        word = op_of(instances[0]).word
        if all(groups_of(node) == own_groups(node) for node in instances):
            return _tree(form, groups, word)
        if len({groups_of(node) for node in instances}) > 1 and isinstance(form, Glorot | He):
            return None
        return _tree(form, Text(str(groups_of(instances[0]))), word)

    def _access(self, node: Node) -> str:
        """A layer as an attribute of the net: `self.stage2.layers[0].conv1`."""
        parts = self._outline.paths[node.path].split(".")
        return "self" + "".join(f".layers[{p}]" if p.isdigit() else f".{p}" for p in parts)


def _filled(layers: Sequence[str], parameter: str, tree: Tree) -> list[str]:
    """`layer.kernel[...] = init(...)` for each of these layers."""
    head = layout(Items([Text(layer) for layer in layers], "()"), 8, "for layer in ", ":")
    target = f"layer.{parameter}"
    shape = Text(f"{target}.shape")
    init = Call("__call__", [Text("rngs.params()"), shape], on=tree)
    if isinstance(tree, Text):
        init = Call(tree.text, [Text("rngs.params()"), shape])
    return [*head, *statement(f"{target}[...] = ", init, 12)]


def _is_zero(form: Initialiser) -> bool:
    return form in (Zeros(), ConstantValue(value=0.0))


def _tree(form: Initialiser, groups: Text, word: str) -> Tree:
    """An initialiser of Flax, or of the runtime."""
    match form:
        case Normal(mean=0.0, std=std):
            return Call("nnx.initializers.normal", [Text(number(std))])
        case Normal(mean=mean, std=std):
            return Call("normal", [Text(number(mean)), Text(number(std))])
        case Uniform(low=low, high=high):
            return Call("uniform", [Text(number(low)), Text(number(high))])
        case Zeros() | ConstantValue(value=0.0):
            return Text("nnx.initializers.zeros")
        case Ones() | ConstantValue(value=1.0):
            return Text("nnx.initializers.ones")
        case ConstantValue(value=value):
            return Call("nnx.initializers.constant", [Text(number(value))])
        case Glorot():
            if groups.text == "1":
                return Call("nnx.initializers.glorot_uniform")
            return Call("glorot", [groups])
        case He():
            return _he(groups, word)
        case _:
            raise TypeError(f"no JAX for the initialiser {form.word}")


def _he(groups: Text, word: str) -> Call:
    """N(0, sqrt(2 / fan_in)); nnx's he_normal cuts the tails off."""
    named: list[tuple[str, Tree]] = []
    scale = Text("2.0")
    if word == Deconv.word:
        # The kernel is (k, k, out / groups, in), and an output sees in / groups channels.
        named = [("in_axis", Text("-1")), ("out_axis", Text("-2"))]
        scale = scale if groups.text == "1" else Text(f"2.0 * {groups.text}")
    args = [scale, Text('"fan_in"'), Text('"normal"')]
    return Call("nnx.initializers.variance_scaling", args, named)
