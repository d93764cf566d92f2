"""A class of the outline as a class of the program."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from archc import syntax
from archc.emit.constructor import constructor
from archc.emit.dialect import Dialect
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
from archc.emit.written import Written
from archc.ir import Graph
from archc.ops.base import written as shape_text
from archc.ops.linear import SlidingFc

ATTRIBUTE = re.compile(r"\bself\.(\w+)")


class ClassWriter:
    """Writes one class; the net's own has shapes and lines beside its statements.

    `classifies`: the spec ended in softmax, so that the net has a `predict`.
    """

    def __init__(
        self, outline: Outline, made: ClassOutline, dialect: Dialect, *, classifies: bool
    ) -> None:
        self.outline = outline
        self.dialect = dialect
        self.graph: Graph = outline.graph
        self.made = made
        self.is_net = made is outline.net
        self.classifies = classifies
        self.slides = any(isinstance(node.op, SlidingFc) for node in self.graph.nodes)
        """Whether the net takes images that are larger than its input."""
        self.written: dict[int, Written] = {}
        """What each layer is in the framework, by its identity."""
        self.keeping: dict[str, str] = {}
        """Parameters that `forward` may need, and the attributes that would keep them."""
        for layer in _layers(made.elements):
            self.written[id(layer)] = self._written(layer)

    def _written(self, layer: Layer) -> Written:
        if layer.parameter:
            function = self._kept(Text(layer.parameter)).text
            return Written(function=lambda x: Call(function, x))
        found = self.dialect.written(layer, self.made)
        if found.module is not None:
            return found
        # A function is called in `forward`, where the constructor's parameters are gone.
        fields = {name: self._kept(text) for name, text in layer.fields.items()}
        channels = tuple(self._kept(text) for text in layer.channels)
        return self.dialect.written(replace(layer, fields=fields, channels=channels), self.made)

    def _kept(self, text: Text) -> Text:
        """Text in the parameters of the constructor as `forward` says it."""
        kept: dict[str, Text] = {}
        for parameter in self.made.parameters:
            name = parameter.name
            if name in words_in(text.text) and name not in self.keeping:
                taken = {*self.made.attributes.values(), *self.keeping.values()}
                self.keeping[name] = identifier(name, taken | self.dialect.reserved)
            if name in self.keeping:
                kept[name] = Text(f"self.{self.keeping[name]}")
        return renamed(text, kept)

    @property
    def helpers(self) -> set[str]:
        """What the class needs of the runtime."""
        return {layer.helper for layer in self.written.values() if layer.helper}

    def lines(self) -> list[str]:
        lines = [f"class {self.made.name}({self.dialect.base}):", *self._docstring(), ""]
        forward = self._forward()
        said = {word for line in forward for word in ATTRIBUTE.findall(line)}
        stored = {name: kept for name, kept in self.keeping.items() if kept in said}
        taps = self.outline.taps if self.is_net else ()
        made = constructor(self.made, self.written, stored, self.dialect, taps, is_net=self.is_net)
        if made:
            lines += [*made, ""]
        lines += forward
        if self.is_net:
            for method in self.dialect.methods(
                classifies=self.classifies,
                before=self._shape_before(),
                after=self._shape_after(),
            ):
                lines += ["", *method]
        return lines

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
        return [*lines, "", f"    {self._signature()}", *self._on_sizes(), '    """']

    def _on_sizes(self) -> list[str]:
        """What the net does with images larger than its input, where it takes them."""
        if not (self.is_net and self.slides):
            return []
        _, height, width = self.graph.input
        text = (
            f"It is trained at {height}x{width}. Over the map of a larger image the fully "
            "connected layers slide, and the scores of all places are averaged."
        )
        return ["", *(f"    {line}" for line in wrapped(text, 84).split("\n"))]

    def _signature(self) -> str:
        """`(N, in_channels, H, W) -> (N, n, H, W)`."""
        made = self.made
        if self.is_net:
            return f"{self._shape_before()} -> {self._shape_after()}"
        channels = made.in_channels or "C"
        before = f"(N, {channels})"
        if not made.flat_input:
            before = self.dialect.map_shape(channels, "H", "W")
        out = made.out_channels.text
        if not made.in_channels and out == "in_channels":
            out = "C"
        if " if " in out or len(out) > 40:
            out = "C_out"  # more than a reader would take in
        if made.features:
            return f"{before} -> (N, {out})"
        size = ("H", "W") if made.keeps_size else ("H_out", "W_out")
        return f"{before} -> {self.dialect.map_shape(out, *size)}"

    def _shape_before(self) -> str:
        channels, height, width = map(str, self.graph.input)
        if self.slides:
            height, width = "H", "W"
        return self.dialect.map_shape(channels, height, width)

    def _shape_after(self) -> str:
        shape, classes = self.made.shape, self.made.out_channels.text
        if self.made.features or shape[1:] == (1, 1):
            return f"(N, {classes})"
        return self.dialect.map_shape(classes, str(shape[1]), str(shape[2]))

    # The forward function

    def _apply(self, element: Element, inputs: Sequence[Tree]) -> Tree:
        if not isinstance(element, Layer):
            return Call(f"self.{element.name}", inputs)
        layer = self.written[id(element)]
        if layer.function is not None:
            return layer.function(inputs)
        adapted = [self.dialect.adapted(tree, element, i) for i, tree in enumerate(inputs)]
        return Call(f"self.{element.name}", adapted)

    def _forward(self) -> list[str]:
        taps: Sequence[Tap] = self.outline.taps if self.is_net else ()
        returns = array = self.dialect.array
        if taps:
            returns = f"{array} | tuple[{', '.join([array] * (len(taps) + 1))}]"
        lines = function_head(self.dialect.forward, ["self", f"x: {array}"], returns, 4)
        results = [self.made.output, *(tap.source for tap in taps)]
        skipped = {tap.part for tap in taps}
        body = forward(self.made.elements, self._apply, self.dialect.names, results, skipped)
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
        lines += [f"        if {self.dialect.training}:", *_return_tuple(everything, 12)]
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
                shape = element.shape
                remark = shape_text(shape[:1] if element.features else self.dialect.sizes(shape))
            lines += statement(f"{line.target} = ", line.tree, indent, remark)
        return lines

    def _flat_logits(self, tree: Tree) -> Tree:
        """Logits as (N, classes), also where they come from a 1x1 map."""
        last = self.is_net or self.made.scope.kind == "aux"
        if not (last and self.classifies) or self.made.features:
            return tree
        if self.made.shape[1:] != (1, 1):
            return tree
        return self.dialect.vectors(tree)


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
