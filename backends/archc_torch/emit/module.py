"""A class of the outline as an `nn.Module`."""

from __future__ import annotations

from collections.abc import Sequence

from archc import syntax
from archc.emit.forward import Body, forward
from archc.emit.outline import ClassOutline, Element, Layer, Outline, Part, Tap
from archc.emit.python import (
    Call,
    Items,
    Text,
    Tree,
    comment,
    docstring,
    flat,
    function_head,
    statement,
)
from archc.ir import Graph
from archc.ops.base import written as shape_text
from archc_torch.emit.initialise import reset_parameters
from archc_torch.emit.names import GLOBALS
from archc_torch.ops import Written, written
from archc_torch.ops.base import as_features, as_map


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
        self.written: dict[int, Written] = {
            i: written(element)
            for i, element in enumerate(made.elements)
            if isinstance(element, Layer)
        }

    @property
    def helpers(self) -> set[str]:
        """What the class needs of the runtime."""
        return {layer.helper for layer in self.written.values() if layer.helper}

    def lines(self) -> list[str]:
        lines = [f"class {self.made.name}(nn.Module):", *self._docstring(), ""]
        constructor = self._constructor()
        if constructor:
            lines += [*constructor, ""]
        lines += self._forward()
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
            first = docstring(self.graph.doc or self.graph.name).split("\n")
        elif isinstance(scope.definition, syntax.Item):
            first = [f"An auxiliary head  --  line {scope.span.line}"]
        else:
            names = ", ".join(param.name.text for param in scope.definition.params)
            place = scope.definition.name.span
            call = f"{scope.definition.name.text}({names})"
            file = comment(place.source.name.rsplit("/", 1)[-1])
            first = [docstring(f"{call}  --  {file}:{place.line}")]
            if scope.definition.doc:
                first = [docstring(scope.definition.doc), "", *first]
        lines = [f'    """{first[0]}', *(f"    {line}".rstrip() for line in first[1:])]
        return [*lines, "", f"    {self._signature()}", '    """']

    def _signature(self) -> str:
        """`(N, in_channels, H, W) -> (N, n, H, W)`."""
        if self.is_net:
            before = ", ".join(str(size) for size in self.graph.input)
            after = self._shape_after(self.made.output)
            return f"(N, {before}) -> {after}"
        first = self.made.elements[0]
        size = (first.shapes[0] if isinstance(first, Layer) else first.shape)[1:]
        channels = self.made.in_channels or "C"
        before = f"(N, {channels})" if self.made.flat_input else f"(N, {channels}, H, W)"
        element = self.made.elements[self.made.output]
        out = self.made.out_channels.text
        if not self.made.in_channels and out == "in_channels":
            out = "C"
        if element.features:
            return f"{before} -> (N, {out})"
        kept = isinstance(first, Layer) and _shape(element, self.graph)[1:] == size
        return f"{before} -> (N, {out}, {'H, W' if kept else 'H_out, W_out'})"

    def _shape_after(self, value: int) -> str:
        element = self.made.elements[value]
        shape = _shape(element, self.graph)
        classes = self.made.out_channels.text
        if element.features or shape[1:] == (1, 1):
            return f"(N, {classes})"
        return f"(N, {classes}, {shape[1]}, {shape[2]})"

    # The constructor

    def _constructor(self) -> list[str]:
        made = [
            (element, self._instance(i, element)) for i, element in enumerate(self.made.elements)
        ]
        kept = [(element, call) for element, call in made if call is not None]
        if not kept:
            return []
        params = ["self"]
        for parameter in self.made.parameters:
            default = f" = {parameter.default}" if parameter.default else ""
            params.append(f"{parameter.name}: {parameter.type}{default}")
        lines = function_head("__init__", params, "None", 4)
        lines.append("        super().__init__()")
        for element, call in kept:
            remark = f"line {_line(element)}" if self.is_net else ""
            lines += statement(f"self.{element.name} = ", call, 8, remark)
        if self.is_net:
            lines.append("        self.reset_parameters()")
        return lines

    def _instance(self, i: int, element: Element) -> Call | None:
        if isinstance(element, Part):
            return Call(element.made.name, element.args)
        return self.written[i].module

    # The forward function

    def _body(self) -> Body:
        taps = self.outline.taps if self.is_net else ()
        skipped = {tap.part for tap in taps}
        results = [self.made.output, *(tap.source for tap in taps)]
        return forward(self.made, self._apply, GLOBALS, results, skipped)

    def _apply(self, element: Element, inputs: Sequence[Tree]) -> Tree:
        if isinstance(element, Part):
            return Call(f"self.{element.name}", inputs)
        layer = self.written[self.made.elements.index(element)]
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
        body = self._body()
        for line in body.statements:
            remark = ""
            if self.is_net:
                element = self.made.elements[line.value]
                shape = _shape(element, self.graph)
                remark = shape_text(shape[:1] if element.features else shape)
            lines += statement(f"{line.target} = ", line.tree, 8, remark)
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

    def _flat_logits(self, tree: Tree) -> Tree:
        """Logits as (N, classes), also where they come from a 1x1 map."""
        element = self.made.elements[self.made.output]
        shape = _shape(element, self.graph)
        last = self.is_net or self.made.scope.kind == "aux"
        if not (last and self.classifies) or element.features or shape[1:] != (1, 1):
            return tree
        return Call("flatten", [Text("1")], on=tree)

    def _predict(self) -> list[str]:
        shape = ", ".join(str(size) for size in self.graph.input)
        after = self._shape_after(self.made.output)
        return [
            "    @torch.no_grad()",
            "    def predict(self, x: Tensor) -> Tensor:",
            f'        """(N, {shape}) -> class probabilities {after}; call eval() first."""',
            "        return torch.softmax(self(x), dim=1)",
        ]


def _return_tuple(items: Items, indent: int) -> list[str]:
    """`return a, b`, in brackets where it is broken."""
    plain = f"{' ' * indent}return {flat(items)[1:-1]}"
    return [plain] if len(plain) <= 88 else statement("return ", items, indent)


def _adapted(tree: Tree, layer: Layer, i: int) -> Tree:
    """An input as the layer takes it: a vector where it gives one, else a map."""
    return as_features(tree, layer, i) if layer.features else as_map(tree, layer, i)


def _shape(element: Element, graph: Graph) -> tuple[int, int, int]:
    return element.node.output if isinstance(element, Layer) else element.shape


def _line(element: Element) -> int:
    return (element.node if isinstance(element, Layer) else element.scope).span.line
