"""One class of a program, filled from the instances that it serves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from archc import syntax
from archc.emit.outline.classes import (
    INPUT,
    Argument,
    Arm,
    Choice,
    ClassOutline,
    Element,
    Layer,
    Loop,
    Parameter,
    Part,
)
from archc.emit.outline.grouping import Groups, Shape, function
from archc.emit.outline.loops import counted_loop, runs
from archc.emit.outline.scopes import Scopes, parameter_names, value_of
from archc.emit.outline.symbolic import (
    Namer,
    bracket,
    either,
    is_constant,
    python_type,
    safe,
    substitute,
    summed,
    times,
    words_in,
)
from archc.emit.python import Text, identifier, literal
from archc.evaluate import Callee
from archc.ir import Node, Scope
from archc.ops.base import Op
from archc.ops.merge import Skip


@dataclass
class Chain:
    """Elements being put together, and the text of each value's channels."""

    channels: dict[int, Text]
    elements: list[Element] = field(default_factory=list[Element])

    def add(self, element: Element, channels: Text) -> int:
        self.elements.append(element)
        self.channels[len(self.elements) - 1] = channels
        return len(self.elements) - 1


class ClassBuilder:
    """Fills one class from the shape of its instances."""

    def __init__(
        self,
        name: str,
        shape: Shape,
        scopes: Scopes,
        groups: Groups,
        *,
        structural: Collection[str],
        reserved: frozenset[str],
        class_of: Callable[[int], ClassOutline],
    ) -> None:
        self.name = name
        self.shape = shape
        self.scope = shape.scope
        self.scopes = scopes
        self.groups = groups
        self.graph = scopes.graph
        self.structural = structural
        """Parameters of the net that are printed as constants."""
        self.reserved = reserved
        self.class_of = class_of
        """The class of a group, which is made before those that need it."""
        self.used: dict[str, str] = {}
        """Parameters that the class's text uses, and their names there."""
        self.uses_in = False
        self.attributes: dict[str, str] = {}
        self.flags: set[str] = set()
        self.in_name = "in_channels"
        while self.in_name in parameter_names(self.scope):
            self.in_name += "_"

    def build(self) -> ClassOutline:
        reads = self.scopes.reads(self.scope)
        source = reads[0] if reads else 0
        shape = self.graph.nodes[source].output
        is_net = self.scope.parent is None
        chain = Chain({INPUT: literal(shape[0]) if is_net else Text(self.in_name)})
        output = self._region(self.shape, INPUT, chain)
        return ClassOutline(
            name=self.name,
            scope=self.scope,
            parameters=self._parameters(),
            elements=tuple(chain.elements),
            output=output,
            flat_input=self.scopes.features[source],
            input_shape=shape,
            in_channels=self.in_name if self.uses_in else "",
            out_channels=chain.channels[output],
            keeps_size=self.shape.keeps_size,
            attributes=self.attributes,
        )

    # Regions -------------------------------------------------------------------------

    def _region(
        self,
        shape: Shape,
        source: int,
        chain: Chain,
        outside: Callable[[int], int] | None = None,
    ) -> int:
        """Add what lies in a scope; the value that leaves it.

        `source` is the value that arrives, `outside` tells the values of nodes elsewhere.
        """
        scope = shape.scope
        values: dict[int, int] = {}

        def value(node: int) -> int:
            if node in values:
                return values[node]
            return source if outside is None else outside(node)

        last = source
        for place, element in enumerate(self.scopes.contents(scope).elements):
            if isinstance(element, Scope):
                reads = [value(node) for node in self.scopes.reads(element)]
                last = self._scope(element, place, shape, reads, chain, value)
                for node in self.scopes.contents(element).nodes:
                    values[node] = last
            else:
                node = self.graph.nodes[element]
                if isinstance(node.op, Skip) and not node.callee:
                    last = value(node.inputs[0])
                else:
                    inputs = [value(i) for i in node.inputs]
                    layer = self._layer(element, inputs, chain)
                    last = chain.add(layer, self._channels_of(layer, chain))
                values[element] = last
        # What leaves the net or a head was tapped before the last that lies in it, perhaps.
        end = self._end(scope)
        return last if end is None else value(end)

    def _end(self, scope: Scope) -> int | None:
        """The node whose value leaves the net or a head."""
        if scope.parent is None:
            return self.graph.output
        return next((head.output for head in self.graph.heads if head.scope is scope), None)

    def _scope(
        self,
        scope: Scope,
        place: int,
        shape: Shape,
        reads: Sequence[int],
        chain: Chain,
        value: Callable[[int], int],
    ) -> int:
        if scope.kind == "arm":
            return self._arm(scope, shape.arms.get(place), reads, chain, value)
        if scope.kind == "repeat":
            return self._repeat(scope, place, shape, reads, chain)
        made = self.class_of(self.groups.of[id(scope)])
        args = self.arguments(scope, made, chain.channels[reads[0]])
        last = self.scopes.contents(scope).nodes[-1]
        part = Part(
            scope=scope,
            made=made,
            name=self._attribute(scope.name),
            inputs=tuple(reads),
            args=args,
            features=self.scopes.features[last],
            shape=self.graph.nodes[last].output,
        )
        out = self.after(made, args, chain.channels[reads[0]], part.shape[0])
        return chain.add(part, out)

    def _arm(
        self,
        scope: Scope,
        known: dict[str, Shape] | None,
        reads: Sequence[int],
        chain: Chain,
        value: Callable[[int], int],
    ) -> int:
        if known is None:
            # Said by the structure: all instances have this very arm.
            inner = self.groups.closed[id(scope)]
            return self._region(inner, reads[0] if reads else INPUT, chain, value)
        if len(known) == 1:
            (only,) = known.values()
            return self._region(only, reads[0], chain)
        step = scope.definition
        if not isinstance(step, syntax.Choice):
            raise TypeError("an arm belongs to a choice")
        arriving = chain.channels[reads[0]]
        condition = self.said(step.condition, scope, arriving, whole=False)
        arms: dict[str, tuple[Arm, Text, Element | None]] = {}
        for which in ("then", "else"):
            inner = Chain({INPUT: arriving})
            output = self._region(known[which], INPUT, inner)
            first = next((e for e in inner.elements if self._has_arrays(e)), None)
            arm = Arm(tuple(inner.elements), output)
            arms[which] = arm, inner.channels[output], first
        then, otherwise = arms["then"], arms["else"]
        last = self.scopes.contents(scope).nodes[-1]
        choice = Choice(
            scope=scope,
            condition=condition,
            name=self._flag(condition, then[2], otherwise[2]),
            inputs=(reads[0],),
            then=then[0],
            otherwise=otherwise[0],
            features=self.scopes.features[last],
            shape=self.graph.nodes[last].output,
        )
        return chain.add(choice, either(condition, then[1], otherwise[1]))

    def _flag(self, condition: Text, then: Element | None, otherwise: Element | None) -> str:
        """The attribute that keeps a condition: `has_conv3`, or as the parameter that it is."""
        marked = then or otherwise
        name = "condition"
        if condition.text.isidentifier():
            name = condition.text
        elif not (then and otherwise) and marked and not isinstance(marked, Choice):
            name = f"has_{marked.name}" if then else f"lacks_{marked.name}"
        taken = self.reserved | set(self.attributes.values()) | self.flags
        found = identifier(name, taken)
        self.flags.add(found)
        return found

    def _has_arrays(self, element: Element) -> bool:
        return not isinstance(element, Layer) or bool(self.graph.weights(element.node))

    def _repeat(
        self, scope: Scope, place: int, shape: Shape, reads: Sequence[int], chain: Chain
    ) -> int:
        arriving = chain.channels[reads[0]]
        known = shape.repeats.get(place)
        iterations = self.iterations(scope)
        last = self.scopes.contents(scope).nodes[-1]
        if known is not None:
            if known.group is None:
                return reads[0]  # no instance has any
            found, out = counted_loop(self, known, arriving)
        elif not iterations:
            return reads[0]
        else:
            found, out = runs(self, iterations, arriving)
        loop = Loop(
            scope=scope,
            name=self._attribute(scope.name),
            inputs=tuple(reads),
            runs=tuple(found),
            features=self.scopes.features[last],
            shape=self.graph.nodes[last].output,
        )
        return chain.add(loop, out)

    # Layers --------------------------------------------------------------------------

    def _layer(self, index: int, inputs: Sequence[int], chain: Chain) -> Layer:
        node = self.graph.nodes[index]
        if node.op is None:
            raise TypeError("the input is no layer")
        arriving = chain.channels[inputs[0]]
        parameter = ""
        if self.groups.is_handed_on(node):
            self.used[node.callee] = parameter = safe(node.callee)
        # Only what has weights is told how many channels arrive.
        told = bool(self.graph.weights(node))
        return Layer(
            node=node,
            name=self._attribute(node.name),
            inputs=tuple(inputs),
            fields={name: self._field(node, name, arriving) for name in type(node.op).model_fields},
            channels=tuple(
                self._told(chain.channels[i]) if told else chain.channels[i] for i in inputs
            ),
            shapes=tuple(self.graph.nodes[i].output for i in node.inputs),
            features=self.scopes.features[index],
            flat_inputs=tuple(self.scopes.features[i] for i in node.inputs),
            parameter=parameter,
        )

    def _field(self, node: Node, name: str, arriving: Text) -> Text:
        value = getattr(node.op, name)
        factor = node.factors.get(name, 1)
        if not self.groups.says_field(node, name):
            return literal(value)
        expr = node.exprs[name]
        namer = self._namer(node.scope, whole=not isinstance(value, float))
        text = namer.text(expr, lambda: self._told(arriving))
        if text is None:
            return literal(value)
        return text if factor == 1 else times(literal(factor), text)

    def _channels_of(self, layer: Layer, chain: Chain) -> Text:
        arriving = [chain.channels[i] for i in layer.inputs]
        if layer.parameter:
            return arriving[0]
        match layer.op.channels:
            case "in":
                return arriving[0]
            case "sum":
                return summed(arriving)
            case "copies" | "towers" as field_name:
                return times(layer.fields[field_name], arriving[0])
            case "part":
                whole, of = arriving[0], layer.fields["of"]
                if whole.text.isdigit() and of.text.isdigit():
                    return Text(str(int(whole.text) // int(of.text)))
                return Text(f"{bracket(whole)} // {bracket(of)}", tight=False)
            case field_name:
                return layer.fields[field_name]

    def _attribute(self, name: str) -> str:
        """The attribute for a name of the spec: no keyword, nothing of the framework's own.

        The two arms of a choice have the same names.
        """
        if name not in self.attributes:
            taken = self.reserved | set(self.attributes.values()) | self.flags
            self.attributes[name] = identifier(name, taken)
        return self.attributes[name]

    # Arguments -----------------------------------------------------------------------

    def arguments(
        self, scope: Scope, made: ClassOutline, arriving: Text, index: Text | None = None
    ) -> tuple[Argument, ...]:
        """What an instance of a class is given; `index` is the text of a repeat's counter."""
        found: list[Argument] = []
        names = {safe(name): name for name in parameter_names(scope)}
        for parameter in made.parameters:
            if parameter.name == made.in_channels:
                found.append(self._told(arriving))
            else:
                found.append(self._argument(scope, names[parameter.name], arriving, index))
        return tuple(found)

    def _argument(self, scope: Scope, name: str, arriving: Text, index: Text | None) -> Argument:
        """What is passed for a parameter of an inner class."""
        value = value_of(scope, name)
        if scope.kind != "block":
            # A head, and what is repeated, are written in the terms of what is around them.
            text = self._namer(scope, index).name(name)
        elif self.groups.says_argument(scope, name):
            text = self._said_argument(scope, name, arriving, index)
        else:
            text = None
        if text is not None and not is_constant(text):
            return text
        if isinstance(value, Callee):
            op: Op | None = function(value)
            if op is None:
                raise TypeError("only functions are handed on")
            return op
        return literal(value)

    def _said_argument(
        self, scope: Scope, name: str, arriving: Text, index: Text | None
    ) -> Text | None:
        """An argument in this class's terms; a default by way of the arguments it is made of."""
        whole = isinstance(scope.arguments[name], int)
        if name in scope.exprs:
            around = scope.parent if scope.parent is not None else scope
            namer = self._namer(around, index, scope, whole=whole)
            return namer.text(scope.exprs[name], lambda: self._told(arriving))
        block = scope.definition
        if not isinstance(block, syntax.Block):
            raise TypeError("only blocks have parameters")
        default = next(p.default for p in block.params if p.name.text == name)
        if default is None:
            return None
        namer = Namer(lambda each: self._said_argument(scope, each, arriving, index), whole=whole)
        return namer.text(default, lambda: self._told(arriving))

    def after(
        self, made: ClassOutline, args: Sequence[Argument], arriving: Text, constant: int
    ) -> Text:
        """The channels that leave an instance, in this class's terms."""
        given = {
            p.name: arg
            for p, arg in zip(made.parameters, args, strict=True)
            if isinstance(arg, Text)
        }
        inner = made.out_channels
        if made.in_channels == "" and "in_channels" in words_in(inner.text):
            # A class that is not told hands on what arrives.
            given["in_channels"] = arriving
        return substitute(inner, given, constant)

    def said(self, expr: syntax.Expr, scope: Scope, arriving: Text, *, whole: bool = True) -> Text:
        """An expression in a scope, which was found to be one that can be said."""
        text = self._namer(scope, whole=whole).text(expr, lambda: self._told(arriving))
        if text is None:
            raise TypeError("an expression that cannot be said")
        return text

    def iterations(self, scope: Scope) -> list[Scope]:
        """The instances that a repeat holds."""
        return [e for e in self.scopes.contents(scope).elements if isinstance(e, Scope)]

    def channels_behind(self, scope: Scope) -> int:
        """How many channels leave a scope."""
        return self.graph.nodes[self.scopes.contents(scope).nodes[-1]].output[0]

    def _told(self, text: Text) -> Text:
        """Channels, noting that the class needs to be told how many arrive."""
        if self.in_name in words_in(text.text) and self.scope.parent is not None:
            self.uses_in = True
        return text

    # Names ---------------------------------------------------------------------------

    def _namer(
        self,
        scope: Scope,
        index: Text | None = None,
        called: Scope | None = None,
        *,
        whole: bool = True,
    ) -> Namer:
        """How text in a scope is said in this class."""
        counter = _counter(called.parent if called is not None else scope)

        def named(name: str) -> Text | None:
            if name == counter and index is not None:
                return index
            if scope.owner.kind == "net" and name in self.structural:
                return None
            if name not in parameter_names(self.scope):
                return None
            value = value_of(self.scope, name)
            if isinstance(value, Callee) and function(value) is None:
                return None
            self.used[name] = safe(name)
            return Text(safe(name))

        return Namer(named, whole=whole)

    def _parameters(self) -> tuple[Parameter, ...]:
        found: list[Parameter] = []
        if self.uses_in:
            found.append(Parameter(self.in_name, "int"))
        for name in parameter_names(self.scope):
            if name not in self.used:
                continue
            value = value_of(self.scope, name)
            default = ""
            if self.scope.parent is None and not isinstance(value, Callee):
                default = literal(value).text
            found.append(Parameter(self.used[name], python_type(value), default))
        return tuple(found)


def _counter(scope: Scope | None) -> str:
    """The counter of the repeat that a scope is an iteration of."""
    if scope is not None and scope.kind == "iteration":
        scope = scope.parent
    step = scope.definition if scope is not None and scope.kind == "repeat" else None
    return step.counter.text if isinstance(step, syntax.Repeat) and step.counter else ""
