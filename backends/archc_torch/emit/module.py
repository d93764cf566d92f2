"""A class of the outline as an `nn.Module`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from archc import syntax
from archc.emit.forward import Branching, Line, forward
from archc.emit.outline import Choice, ClassOutline, Element, Layer, Outline, Tap
from archc.emit.outline.symbolic import renamed, words_in
from archc.emit.python import (
    Call,
    Items,
    Text,
    Tree,
    comment,
    docstring,
    flat,
    function_head,
    identifier,
    statement,
    wrapped,
)
from archc.ir import Graph
from archc.ops.base import written as shape_text
from archc_torch.emit.constructor import constructor
from archc_torch.emit.initialise import reset_parameters
from archc_torch.emit.names import GLOBALS, METHODS, MODULE_NAMES
from archc_torch.ops import Written, written
from archc_torch.ops.base import as_features, as_map

ATTRIBUTE = re.compile(r"\bself\.(\w+)")


class ModuleWriter:
    """Writes one class; the net's own has shapes and lines beside its statements.

    `classifies`: the spec ended in softmax, so that the net has a `predict`.
    """

    def __init__(self, outline: Outline, made: ClassOutline, *, classifies: bool) -> None:
        self.outline = outline
        self.graph: Graph = outline.graph
        self.made = made
        self.is_net = made is outline.net
        self.classifies = classifies
        self.written: dict[int, Written] = {}
        """What each layer is in PyTorch, by its identity."""
        self.keeping: dict[str, str] = {}
        """Parameters that `forward` may need, and the attributes that would keep them."""
        for layer in _layers(made.elements):
            self.written[id(layer)] = self._written(layer)

    def _written(self, layer: Layer) -> Written:
        if layer.parameter:
            function = self._kept(Text(layer.parameter)).text
            return Written(function=lambda x: Call(function, x))
        found = written(layer)
        if found.module is not None:
            return found
        # A function is called in `forward`, where the constructor's parameters are gone.
        fields = {name: self._kept(text) for name, text in layer.fields.items()}
        channels = tuple(self._kept(text) for text in layer.channels)
        return written(replace(layer, fields=fields, channels=channels))

    def _kept(self, text: Text) -> Text:
        """Text in the parameters of the constructor as `forward` says it."""
        kept: dict[str, Text] = {}
        for parameter in self.made.parameters:
            name = parameter.name
            if name in words_in(text.text) and name not in self.keeping:
                taken = {*self.made.attributes.values(), *self.keeping.values()}
                self.keeping[name] = identifier(name, taken | MODULE_NAMES | METHODS)
            if name in self.keeping:
                kept[name] = Text(f"self.{self.keeping[name]}")
        return renamed(text, kept)

    @property
    def helpers(self) -> set[str]:
        """What the class needs of the runtime."""
        return {layer.helper for layer in self.written.values() if layer.helper}

    def lines(self) -> list[str]:
        lines = [f"class {self.made.name}(nn.Module):", *self._docstring(), ""]
        forward = self._forward()
        said = {word for line in forward for word in ATTRIBUTE.findall(line)}
        stored = {name: kept for name, kept in self.keeping.items() if kept in said}
        made = constructor(self.made, self.written, stored, is_net=self.is_net)
        if made:
            lines += [*made, ""]
        lines += forward
        if self.is_net:
            if self.classifies:
                lines += ["", *self._predict()]
            if self.graph_has_weights:
                lines += ["", *reset_parameters(self.outline)]
        return lines

    @property
    def graph_has_weights(self) -> bool:
        return bool(self.outline.keys)

    # Docstrings

    def _docstring(self) -> list[str]:
        scope = self.made.scope
        if self.is_net:
            first = docstring(wrapped(self.graph.doc or self.graph.name, 81)).split("\n")
        elif isinstance(scope.definition, syntax.Block):
            names = ", ".join(param.name.text for param in scope.definition.params)
            place = scope.definition.name.span
            call = f"{scope.definition.name.text}({names})"
            file = comment(place.source.name.rsplit("/", 1)[-1])
            first = [docstring(f"{call}  --  {file}:{place.line}")]
            if scope.definition.doc:
                first = [*docstring(wrapped(scope.definition.doc, 81)).split("\n"), "", *first]
        elif scope.kind == "aux":
            first = [f"An auxiliary head  --  line {scope.span.line}"]
        else:
            file = comment(scope.span.source.name.rsplit("/", 1)[-1])
            around = scope.parent.name if scope.parent else ""
            first = [docstring(f"One of {around}  --  {file}:{scope.span.line}")]
        lines = [f'    """{first[0]}', *(f"    {line}".rstrip() for line in first[1:])]
        return [*lines, "", f"    {self._signature()}", '    """']

    def _signature(self) -> str:
        """`(N, in_channels, H, W) -> (N, n, H, W)`."""
        made = self.made
        if self.is_net:
            before = ", ".join(str(size) for size in self.graph.input)
            return f"(N, {before}) -> {self._shape_after()}"
        channels = made.in_channels or "C"
        before = f"(N, {channels})" if made.flat_input else f"(N, {channels}, H, W)"
        out = made.out_channels.text
        if not made.in_channels and out == "in_channels":
            out = "C"
        if " if " in out or len(out) > 40:
            out = "C_out"  # more than a reader would take in
        if made.features:
            return f"{before} -> (N, {out})"
        return f"{before} -> (N, {out}, {'H, W' if made.keeps_size else 'H_out, W_out'})"

    def _shape_after(self) -> str:
        shape, classes = self.made.shape, self.made.out_channels.text
        if self.made.features or shape[1:] == (1, 1):
            return f"(N, {classes})"
        return f"(N, {classes}, {shape[1]}, {shape[2]})"

    # The forward function

    def _apply(self, element: Element, inputs: Sequence[Tree]) -> Tree:
        if not isinstance(element, Layer):
            return Call(f"self.{element.name}", inputs)
        layer = self.written[id(element)]
        if layer.function is not None:
            return layer.function(inputs)
        adapted = [_adapted(tree, element, i) for i, tree in enumerate(inputs)]
        return Call(f"self.{element.name}", adapted)

    def _forward(self) -> list[str]:
        taps: Sequence[Tap] = self.outline.taps if self.is_net else ()
        returns = "Tensor"
        if taps:
            returns = f"Tensor | tuple[{', '.join(['Tensor'] * (len(taps) + 1))}]"
        lines = function_head("forward", ["self", "x: Tensor"], returns, 4)
        results = [self.made.output, *(tap.source for tap in taps)]
        skipped = {tap.part for tap in taps}
        body = forward(self.made.elements, self._apply, GLOBALS, results, skipped)
        lines += self._statements(body.statements, 8)
        logits = self._flat_logits(body.results[0])
        if not taps:
            return [*lines, *statement("return ", logits, 8)]
        if flat(logits) != "logits":
            lines += statement("logits = ", logits, 8)
        heads: list[Tree] = []
        for tap, source in zip(taps, body.results[1:], strict=True):
            heads.append(self._apply(self.made.elements[tap.part], [source]))
        everything = Items([Text("logits"), *heads], "()")
        lines += ["        if self.training:", *_return_tuple(everything, 12)]
        return [*lines, "        return logits"]

    def _statements(self, statements: Sequence[Line], indent: int) -> list[str]:
        lines: list[str] = []
        for line in statements:
            if isinstance(line, Branching):
                pad = " " * indent
                then = self._statements(line.then, indent + 4)
                otherwise = self._statements(line.otherwise, indent + 4)
                if not then:
                    lines += [f"{pad}if not {line.condition}:", *otherwise]
                    continue
                lines += [f"{pad}if {line.condition}:", *then]
                if otherwise:
                    lines += [f"{pad}else:", *otherwise]
                continue
            remark = ""
            if self.is_net:
                element = self.made.elements[line.value]
                remark = shape_text(element.shape[:1] if element.features else element.shape)
            lines += statement(f"{line.target} = ", line.tree, indent, remark)
        return lines

    def _flat_logits(self, tree: Tree) -> Tree:
        """Logits as (N, classes), also where they come from a 1x1 map."""
        last = self.is_net or self.made.scope.kind == "aux"
        if not (last and self.classifies) or self.made.features:
            return tree
        if self.made.shape[1:] != (1, 1):
            return tree
        return Call("flatten", [Text("1")], on=tree)

    def _predict(self) -> list[str]:
        shape = ", ".join(str(size) for size in self.graph.input)
        after = self._shape_after()
        return [
            "    @torch.no_grad()",
            "    def predict(self, x: Tensor) -> Tensor:",
            _predict_docstring(f"(N, {shape})", after),
            "        return torch.softmax(self(x), dim=1)",
        ]


def _predict_docstring(before: str, after: str) -> str:
    line = f'        """{before} -> class probabilities {after}; call eval() first."""'
    return line if len(line) <= 88 else '        """Class probabilities; call eval() first."""'


def _layers(elements: Sequence[Element]) -> list[Layer]:
    """Every layer of a class, those in the arms of its choices too."""
    found: list[Layer] = []
    for element in elements:
        if isinstance(element, Layer):
            found.append(element)
        elif isinstance(element, Choice):
            found += [*_layers(element.then.elements), *_layers(element.otherwise.elements)]
    return found


def _return_tuple(items: Items, indent: int) -> list[str]:
    """`return a, b`, in brackets where it is broken."""
    plain = f"{' ' * indent}return {flat(items)[1:-1]}"
    return [plain] if len(plain) <= 88 else statement("return ", items, indent)


def _adapted(tree: Tree, layer: Layer, i: int) -> Tree:
    """An input as the layer takes it: a vector where it gives one, else a map."""
    return as_features(tree, layer, i) if layer.features else as_map(tree, layer, i)
