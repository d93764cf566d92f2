"""One class of a program, filled from the first scope that it serves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from archc import syntax
from archc.emit.outline.classes import INPUT, ClassOutline, Element, Layer, Parameter, Part
from archc.emit.outline.scopes import Scopes, parameter_names
from archc.emit.outline.symbolic import (
    bracket,
    names_in,
    python_type,
    safe,
    substitute,
    summed,
    times,
    words_in,
)
from archc.emit.python import Text, identifier, literal
from archc.evaluate import Environment, evaluate
from archc.ir import Node, Scope


class ClassBuilder:
    """Fills one class from its first instance."""

    def __init__(
        self,
        name: str,
        scope: Scope,
        scopes: Scopes,
        *,
        structural: Collection[str],
        reserved: frozenset[str],
        class_of: Callable[[Scope], ClassOutline],
    ) -> None:
        self.name = name
        self.scope = scope
        self.scopes = scopes
        self.graph = scopes.graph
        self.structural = structural
        """Parameters of the net that are printed as constants."""
        self.reserved = reserved
        self.class_of = class_of
        """The class of an inner scope, made where there is none yet."""
        self.used: dict[str, str] = {}
        """Parameters of the definition that the class's text uses, and their attribute names."""
        self.uses_in = False
        self.taken: set[str] = set()
        self.channels: dict[int, Text] = {}
        """Text of a value's channels, by local value."""
        self.in_name = "in_channels"

    def build(self) -> ClassOutline:
        graph, contents = self.graph, self.scopes.contents(self.scope)
        local = self.scopes.local(self.scope)
        reads = self.scopes.reads(self.scope)
        source = reads[0] if reads else 0
        is_net = self.scope.parent is None
        parameters = set(parameter_names(self.scope, graph))
        while self.in_name in parameters:
            self.in_name += "_"
        self.channels[INPUT] = (
            literal(graph.nodes[source].output[0]) if is_net else Text(self.in_name)
        )
        elements: list[Element] = []
        for position, element in enumerate(contents.elements):
            if isinstance(element, Scope):
                elements.append(self._part(element, local))
            else:
                elements.append(self._layer(element, local))
            self.channels[position] = self._channels_after(elements[-1])
        last = local[self._last()]
        return ClassOutline(
            name=self.name,
            scope=self.scope,
            parameters=self._parameters(),
            elements=tuple(elements),
            output=last,
            flat_input=self.scopes.features[source],
            in_channels=self.in_name if self.uses_in else "",
            out_channels=self.channels[last],
        )

    def _last(self) -> int:
        """The node whose value leaves the scope."""
        if self.scope.parent is None:
            return self.graph.output
        for head in self.graph.heads:
            if head.scope is self.scope:
                return head.output
        return self.scopes.contents(self.scope).nodes[-1]

    def _attribute(self, name: str) -> str:
        """The attribute for a name of the spec: no keyword, nothing of the framework's own."""
        found = identifier(name, self.reserved | self.taken)
        self.taken.add(found)
        return found

    # Elements

    def _layer(self, index: int, local: Mapping[int, int]) -> Layer:
        node = self.graph.nodes[index]
        if node.op is None:
            raise TypeError("the input is no layer")
        inputs = tuple(local[i] for i in node.inputs)
        fields = {name: self._field(node, name, inputs) for name in type(node.op).model_fields}
        return Layer(
            node=node,
            name=self._attribute(node.name),
            inputs=inputs,
            fields=fields,
            # Only what has weights is told how many channels arrive.
            channels=tuple(
                self._in(i) if self.graph.weights(node) else self.channels[i] for i in inputs
            ),
            shapes=tuple(self.graph.nodes[i].output for i in node.inputs),
            features=self.scopes.features[index],
            flat_inputs=tuple(self.scopes.features[i] for i in node.inputs),
        )

    def _field(self, node: Node, name: str, inputs: Sequence[int]) -> Text:
        value = getattr(node.op, name)
        expr = node.exprs.get(name)
        factor = node.factors.get(name, 1)
        if expr is None or isinstance(value, str):
            return literal(value)
        text = self.text(expr, lambda: self._in(inputs[0]))
        if text is None:
            return literal(value)
        return text if factor == 1 else times(literal(factor), text)

    def _part(self, scope: Scope, local: Mapping[int, int]) -> Part:
        made = self.class_of(scope)
        inputs = tuple(local[i] for i in self.scopes.reads(scope))
        args: list[Text] = []
        for parameter in made.parameters:
            if parameter.name == made.in_channels:
                args.append(self._in(inputs[0]))
            else:
                args.append(self._argument(scope, parameter.name, inputs[0]))
        last = self.scopes.contents(scope).nodes[-1]
        return Part(
            scope=scope,
            made=made,
            name=self._attribute(scope.name),
            inputs=inputs,
            args=tuple(args),
            features=self.scopes.features[last],
            shape=self.graph.nodes[last].output,
        )

    def _argument(self, scope: Scope, attribute_name: str, source: int) -> Text:
        """What is passed for a parameter of an inner class."""
        names = {safe(name): name for name in parameter_names(scope, self.graph)}
        name = names[attribute_name]
        if scope.kind == "aux":
            # An aux head is written in the net's own terms.
            return self._name(name) or literal(self.scope.arguments[name])
        expr = scope.exprs.get(name)
        if expr is None:
            return literal(scope.arguments[name])
        text = self.text(expr, lambda: self._in(source))
        return literal(scope.arguments[name]) if text is None else text

    def _channels_after(self, element: Element) -> Text:
        if isinstance(element, Part):
            args = {p.name: a for p, a in zip(element.made.parameters, element.args, strict=True)}
            inner = element.made.out_channels
            return substitute(inner, args, element.shape[0])
        match element.op.channels:
            case "in":
                return self.channels[element.inputs[0]]
            case "sum":
                return summed([self.channels[i] for i in element.inputs])
            case "copies":
                return times(element.fields["copies"], self.channels[element.inputs[0]])
            case "part":
                whole, of = self.channels[element.inputs[0]], element.fields["of"]
                if whole.text.isdigit() and of.text.isdigit():
                    return Text(str(int(whole.text) // int(of.text)))
                return Text(f"{bracket(whole)} // {bracket(of)}", tight=False)
            case field_name:
                return element.fields[field_name]

    def _in(self, value: int) -> Text:
        """The channels of a value, noting that the class needs to be told how many arrive."""
        text = self.channels[value]
        if self.in_name in words_in(text.text) and self.scope.parent is not None:
            self.uses_in = True
        return text

    # Expressions

    def text(self, expr: syntax.Expr, arriving: Callable[[], Text]) -> Text | None:
        """An expression in Python, or None where a constant has to stand for it."""
        if not names_in(expr):
            return literal(evaluate(expr, Environment()))
        match expr:
            case syntax.Name(parts=("in",)):
                return arriving()
            case syntax.Name(parts=(name,)):
                return self._name(name)
            case syntax.Binary(left=left, operator=operator, right=right) if operator != "/":
                # `/` is exact division there: only a constant can stand for it.
                a, b = self.text(left, arriving), self.text(right, arriving)
                if a is None or b is None:
                    return None
                return Text(f"{bracket(a)} {operator} {bracket(b)}", tight=False)
            case syntax.Negative(operand=operand):
                inner = self.text(operand, arriving)
                return None if inner is None else Text(f"-{bracket(inner)}", tight=False)
            case _:
                return None

    def _name(self, name: str) -> Text | None:
        if self.scope.kind in ("net", "aux") and name in self.structural:
            return None
        if name not in parameter_names(self.scope, self.graph):
            return None
        self.used[name] = safe(name)
        return Text(safe(name))

    def _parameters(self) -> tuple[Parameter, ...]:
        found: list[Parameter] = []
        if self.uses_in:
            found.append(Parameter(self.in_name, "int"))
        arguments = self.graph.scope.arguments if self.scope.kind == "aux" else None
        values = self.scope.arguments if arguments is None else arguments
        for name in parameter_names(self.scope, self.graph):
            if name in self.used:
                kind = python_type(values[name])
                default = literal(values[name]).text if self.scope.parent is None else ""
                found.append(Parameter(self.used[name], kind, default))
        return tuple(found)
