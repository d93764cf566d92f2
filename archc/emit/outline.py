"""Graph -> Outline: the classes of a program, before any framework's words.

One class a block, with the block's parameters as constructor arguments; an instance where
the spec calls it. Instances share a class where everything that is printed of them is
equal, the parameters aside, so that a program cannot differ from its graph.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from archc import syntax
from archc.emit.python import Text, class_name, identifier, literal
from archc.evaluate import Environment, Value, evaluate
from archc.ir import Graph, Node, Scope
from archc.ops.base import Op, Shape
from archc.ops.linear import Fc

INPUT = -1
"""The value that arrives at a class, where elements are counted from 0."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A node within a class. `fields` and `channels` are text in the class's parameters."""

    node: Node
    name: str
    inputs: tuple[int, ...]
    fields: Mapping[str, Text]
    channels: tuple[Text, ...]
    """The channels of each input."""
    shapes: tuple[Shape, ...]
    """The inputs' shapes in the first instance of the class."""
    features: bool
    """Whether its output is a vector `(N, C)`; else a map `(N, C, H, W)`."""
    flat_inputs: tuple[bool, ...]

    @property
    def op(self) -> Op:
        if self.node.op is None:
            raise TypeError("the input is no layer")
        return self.node.op


@dataclass(frozen=True, eq=False)
class Part:
    """An instance of another class within a class."""

    scope: Scope
    made: ClassOutline
    name: str
    inputs: tuple[int, ...]
    args: tuple[Text, ...]
    features: bool
    shape: Shape


Element = Layer | Part


@dataclass(frozen=True)
class Parameter:
    """A constructor argument: its name, its Python type, and its default's text."""

    name: str
    type: str
    default: str = ""


@dataclass(eq=False)
class ClassOutline:
    """A class of the program: a block, an aux head, or the net itself."""

    name: str
    scope: Scope
    parameters: tuple[Parameter, ...] = ()
    elements: tuple[Element, ...] = ()
    output: int = INPUT
    flat_input: bool = False
    in_channels: str = ""
    """The parameter that says how many channels arrive; empty where the class has none."""
    out_channels: Text = field(default_factory=lambda: Text(""))
    instances: int = 1


@dataclass(frozen=True, eq=False)
class Tap:
    """An aux head of the net: the element it is, applied to value `source`."""

    part: int
    source: int
    weight: float


@dataclass(frozen=True, eq=False)
class Outline:
    """A program: its classes in the order they need each other, the net's last."""

    graph: Graph
    classes: tuple[ClassOutline, ...]
    taps: tuple[Tap, ...]
    keys: Mapping[str, str]
    """Canonical weight name to the program's attribute path."""

    @property
    def net(self) -> ClassOutline:
        return self.classes[-1]


def outline(graph: Graph, reserved: Collection[str]) -> Outline:
    """The outline of a graph without towers.

    `reserved` are the names that no attribute of a module may have in the backend.
    """
    return _Outliner(graph, reserved).outline()


def attribute(name: str, reserved: Collection[str]) -> str:
    """The attribute for a name of the spec: no keyword, nothing of the framework's own."""
    return identifier(name, reserved)


@dataclass(eq=False)
class _Contents:
    """What lies directly in a scope, in order: nodes by index, and scopes."""

    scope: Scope
    elements: list[int | Scope] = field(default_factory=list[int | Scope])
    nodes: list[int] = field(default_factory=list[int])
    """Every node within, at any depth."""


class _Outliner:
    def __init__(self, graph: Graph, reserved: Collection[str]) -> None:
        self.graph = graph
        self.reserved = frozenset(reserved)
        self.contents = _contents(graph)
        self.features = _features(graph)
        self.classes: list[ClassOutline] = []
        self.by_key: dict[object, ClassOutline] = {}
        self.net_name = self._free(class_name(graph.name, graph.doc), "Net")
        self.class_names: set[str] = {self.net_name}
        self.unsafe = _structural_names(graph)
        self.keys: dict[str, str] = {}

    def outline(self) -> Outline:
        net = self._class(self.graph.scope)
        taps: list[Tap] = []
        positions = {id(e.scope): i for i, e in enumerate(net.elements) if isinstance(e, Part)}
        for head in self.graph.heads:
            part = positions[id(head.scope)]
            taps.append(Tap(part, net.elements[part].inputs[0], head.weight))
        self._map_keys(net, "", "")
        return Outline(self.graph, tuple(self.classes), tuple(taps), self.keys)

    # Classes -------------------------------------------------------------------------

    def _class(self, scope: Scope) -> ClassOutline:
        key = self._key(scope)
        if key in self.by_key:
            made = self.by_key[key]
            made.instances += 1
            return made
        made = _ClassBuilder(self, scope).build()
        self.by_key[key] = made
        self.classes.append(made)
        return made

    def _key(self, scope: Scope) -> object:
        """Equal for scopes that one class can serve: all that is printed but parameters."""
        contents = self.contents[id(scope)]
        local = _local_values(contents, self.contents)
        kinds = tuple(_python_type(value) for value in scope.arguments.values())
        parts: list[object] = [_definition(scope), kinds]
        for position, element in enumerate(contents.elements):
            if isinstance(element, Scope):
                inner = self.contents[id(element)]
                reads = tuple(local[i] for i in self._reads(inner))
                parts.append((position, reads, self._key(element)))
                continue
            node = self.graph.nodes[element]
            if node.op is None:
                continue
            constants = tuple(
                (name, getattr(node.op, name))
                for name in type(node.op).model_fields
                if name not in node.exprs or not _names(node.exprs[name])
            )
            shapes = [self.graph.nodes[i].output for i in node.inputs]
            parts.append(
                (
                    type(node.op),
                    constants,
                    tuple(sorted(node.factors.items())),
                    tuple(local[i] for i in node.inputs),
                    # What fc flattens is printed as a number.
                    shapes[0][1:] if isinstance(node.op, Fc) else None,
                    tuple(self.features[i] for i in node.inputs),
                )
            )
        return tuple(parts)

    def _reads(self, contents: _Contents) -> list[int]:
        """The nodes outside a scope that nodes within it read, in order, each once."""
        inside = set(contents.nodes)
        found: dict[int, None] = {}
        for i in contents.nodes:
            for j in self.graph.nodes[i].inputs:
                if j not in inside:
                    found[j] = None
        return list(found)

    def new_class_name(self, scope: Scope) -> str:
        if scope.parent is None:
            return self.net_name
        if isinstance(scope.definition, syntax.Item):
            base = "AuxHead"
        else:
            block = scope.definition
            base = self._free(class_name(block.name.text, block.doc), "Block")
        name, n = base, 1
        while name in self.class_names:
            n += 1
            name = f"{base}{n}"
        self.class_names.add(name)
        return name

    def _free(self, name: str, suffix: str) -> str:
        """A class's name that is neither Python's nor the framework's: `FNet` for `F`."""
        return f"{name}{suffix}" if keyword.iskeyword(name) or name in self.reserved else name

    def _map_keys(self, made: ClassOutline, canonical: str, attributes: str) -> None:
        for element in made.elements:
            if isinstance(element, Part):
                self._map_keys(
                    element.made,
                    f"{canonical}{element.scope.name}.",
                    f"{attributes}{element.name}.",
                )
                continue
            arrays = self.graph.weights(element.node) | self.graph.buffers(element.node)
            for weight in arrays:
                path = f"{canonical}{element.node.name}.{weight}"
                self.keys[path] = f"{attributes}{element.name}.{weight}"


class _ClassBuilder:
    """Fills one class from its first instance."""

    def __init__(self, outliner: _Outliner, scope: Scope) -> None:
        self.o = outliner
        self.graph = outliner.graph
        self.scope = scope
        self.contents = outliner.contents[id(scope)]
        self.used: dict[str, str] = {}
        """Parameters of the definition that the class's text uses, and their attribute names."""
        self.uses_in = False
        self.taken: set[str] = set()
        self.channels: dict[int, Text] = {}
        """Text of a value's channels, by local value."""
        self.in_name = "in_channels"

    def build(self) -> ClassOutline:
        graph, contents = self.graph, self.contents
        local = _local_values(contents, self.o.contents)
        reads = self.o._reads(contents)  # pyright: ignore[reportPrivateUsage]
        source = reads[0] if reads else 0
        is_net = self.scope.parent is None
        parameters = set(_parameter_names(self.scope, graph))
        while self.in_name in parameters:
            self.in_name += "_"
        self.channels[INPUT] = (
            literal(graph.nodes[source].output[0]) if is_net else Text(self.in_name)
        )
        name = self.o.new_class_name(self.scope)
        elements: list[Element] = []
        for position, element in enumerate(contents.elements):
            if isinstance(element, Scope):
                elements.append(self._part(element, local))
            else:
                elements.append(self._layer(element, local))
            self.channels[position] = self._channels_after(elements[-1])
        last = local[self._last()]
        return ClassOutline(
            name=name,
            scope=self.scope,
            parameters=self._parameters(),
            elements=tuple(elements),
            output=last,
            flat_input=self.o.features[source],
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
        return self.contents.nodes[-1]

    def _attribute(self, name: str) -> str:
        found = attribute(name, self.o.reserved | self.taken)
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
            features=self.o.features[index],
            flat_inputs=tuple(self.o.features[i] for i in node.inputs),
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
        return text if factor == 1 else _times(literal(factor), text)

    def _part(self, scope: Scope, local: Mapping[int, int]) -> Part:
        inner = self.o.contents[id(scope)]
        made = self.o._class(scope)  # pyright: ignore[reportPrivateUsage]
        reads = self.o._reads(inner)  # pyright: ignore[reportPrivateUsage]
        inputs = tuple(local[i] for i in reads)
        args: list[Text] = []
        for parameter in made.parameters:
            if parameter.name == made.in_channels:
                args.append(self._in(inputs[0]))
            else:
                args.append(self._argument(scope, parameter.name, inputs[0]))
        last = inner.nodes[-1]
        return Part(
            scope=scope,
            made=made,
            name=self._attribute(scope.name),
            inputs=inputs,
            args=tuple(args),
            features=self.o.features[last],
            shape=self.graph.nodes[last].output,
        )

    def _argument(self, scope: Scope, attribute_name: str, source: int) -> Text:
        """What is passed for a parameter of an inner class."""
        names = {_safe(name): name for name in _parameter_names(scope, self.graph)}
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
            return _substitute(inner, args, element.shape[0])
        match element.op.channels:
            case "in":
                return self.channels[element.inputs[0]]
            case "sum":
                return _sum([self.channels[i] for i in element.inputs])
            case "copies":
                return _times(element.fields["copies"], self.channels[element.inputs[0]])
            case "part":
                whole, of = self.channels[element.inputs[0]], element.fields["of"]
                if whole.text.isdigit() and of.text.isdigit():
                    return Text(str(int(whole.text) // int(of.text)))
                return Text(f"{_bracket(whole)} // {_bracket(of)}", tight=False)
            case field_name:
                return element.fields[field_name]

    def _in(self, value: int) -> Text:
        """The channels of a value, noting that the class needs to be told how many arrive."""
        text = self.channels[value]
        if self.in_name in _words(text.text) and self.scope.parent is not None:
            self.uses_in = True
        return text

    # Expressions

    def text(self, expr: syntax.Expr, arriving: Callable[[], Text]) -> Text | None:
        """An expression in Python, or None where a constant has to stand for it."""
        if not _names(expr):
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
                return Text(f"{_bracket(a)} {operator} {_bracket(b)}", tight=False)
            case syntax.Negative(operand=operand):
                inner = self.text(operand, arriving)
                return None if inner is None else Text(f"-{_bracket(inner)}", tight=False)
            case _:
                return None

    def _name(self, name: str) -> Text | None:
        if self.scope.kind in ("net", "aux") and name in self.o.unsafe:
            return None
        if name not in _parameter_names(self.scope, self.graph):
            return None
        self.used[name] = _safe(name)
        return Text(_safe(name))

    def _parameters(self) -> tuple[Parameter, ...]:
        found: list[Parameter] = []
        if self.uses_in:
            found.append(Parameter(self.in_name, "int"))
        arguments = self.graph.scope.arguments if self.scope.kind == "aux" else None
        values = self.scope.arguments if arguments is None else arguments
        for name in _parameter_names(self.scope, self.graph):
            if name in self.used:
                kind = _python_type(values[name])
                default = literal(values[name]).text if self.scope.parent is None else ""
                found.append(Parameter(self.used[name], kind, default))
        return tuple(found)


# The scopes of a graph ---------------------------------------------------------------------


def _contents(graph: Graph) -> dict[int, _Contents]:
    """What lies in each scope; scopes by identity, in the order of their first node."""
    found: dict[int, _Contents] = {id(graph.scope): _Contents(graph.scope)}
    for i, node in enumerate(graph.nodes):
        for scope in _path(node.scope):
            if id(scope) not in found:
                found[id(scope)] = _Contents(scope)
                found[id(scope.parent)].elements.append(scope)
            found[id(scope)].nodes.append(i)
        # The input is no element of the net: it is what arrives.
        if node.op is not None:
            found[id(node.scope)].elements.append(i)
    return found


def _path(scope: Scope) -> Sequence[Scope]:
    """The scopes from the net down to this one."""
    path: list[Scope] = []
    here: Scope | None = scope
    while here is not None:
        path.append(here)
        here = here.parent
    return path[::-1]


def _local_values(contents: _Contents, all_contents: Mapping[int, _Contents]) -> dict[int, int]:
    """Nodes as seen in a scope: INPUT for one outside, else the element that holds it."""
    local = _Outside()
    for position, element in enumerate(contents.elements):
        if isinstance(element, Scope):
            for i in all_contents[id(element)].nodes:
                local[i] = position
        else:
            local[element] = position
    return local


class _Outside(dict[int, int]):
    def __missing__(self, key: int) -> int:
        return INPUT


def _features(graph: Graph) -> list[bool]:
    """Which nodes give a vector a sample rather than a map."""
    found: list[bool] = []
    for node in graph.nodes:
        if node.op is None or node.op.layout == "map":
            found.append(False)
        elif node.op.layout == "features":
            found.append(True)
        else:
            found.append(all(found[i] for i in node.inputs))
    return found


def _definition(scope: Scope) -> object:
    """The same for instances of one block, and for aux heads with the same text."""
    if isinstance(scope.definition, syntax.Item):
        body = scope.definition.body
        return "aux", "" if body is None else " ".join(body.span.text.split())
    return id(scope.definition)


def _parameter_names(scope: Scope, graph: Graph) -> Sequence[str]:
    """The parameters that text in a scope may use: an aux head's are the net's."""
    return list((graph.scope if scope.kind == "aux" else scope).arguments)


# Which parameters of the net can stay open -------------------------------------------------


OPEN_FIELDS = frozenset({"out", "p"})
"""Fields that change no height, width or grouping, whatever their value."""


def _structural_names(graph: Graph) -> frozenset[str]:
    """The net's parameters that shapes depend on: these are printed as constants.

    A parameter may stay a constructor argument where it only says how wide a layer is; the
    same is asked of the parameters of blocks that it is handed to.
    """
    blocks: dict[int, set[str]] = {}
    structural: set[str] = set()
    input_item = graph.net.items[0]
    for arg in input_item.args:
        structural |= _names(arg.value)
    for node in reversed(graph.nodes):
        found = blocks.setdefault(id(_owner(node.scope)), set())
        for name, expr in node.exprs.items():
            if name not in OPEN_FIELDS:
                found |= _names(expr)
        grouped = getattr(node.op, "groups", 1) > 1 and node.factors.get("groups", 1) == 1
        if grouped and "out" in node.exprs:
            found |= _names(node.exprs["out"])
    scopes = {id(node.scope): node.scope for node in graph.nodes}
    for scope in scopes.values():
        while scope.parent is not None and scope.kind == "block":
            inner = blocks.get(id(scope), set())
            outer = blocks.setdefault(id(_owner(scope.parent)), set())
            for name, expr in scope.exprs.items():
                if name in inner:
                    outer |= _names(expr)
            scope = scope.parent
    return frozenset(structural | blocks.get(id(graph.scope), set()))


def _owner(scope: Scope) -> Scope:
    """The scope whose parameters a scope's text uses: an aux head's is the net."""
    return scope.parent if scope.kind == "aux" and scope.parent is not None else scope


# Text --------------------------------------------------------------------------------------


def _safe(name: str) -> str:
    return identifier(name, ("self", "super", "x", "nn", "nnx", "torch", "F", "rngs", "__class__"))


def _names(expr: syntax.Expr) -> set[str]:
    match expr:
        case syntax.Name(parts=parts):
            return {parts[0]}
        case syntax.Binary(left=left, right=right):
            return _names(left) | _names(right)
        case syntax.Negative(operand=operand):
            return _names(operand)
        case syntax.Sequence(values=values):
            return {name for value in values for name in _names(value)}
        case _:
            return set()


def _python_type(value: Value) -> str:
    """`int`, `tuple[int, int]`: the annotation of a parameter that has this value."""
    if isinstance(value, tuple):
        return f"tuple[{', '.join(_python_type(part) for part in value)}]"
    return type(value).__name__


def _bracket(text: Text) -> str:
    return text.text if text.tight else f"({text.text})"


def _times(a: Text, b: Text) -> Text:
    if a.text.isdigit() and b.text.isdigit():
        return Text(str(int(a.text) * int(b.text)))
    return Text(f"{_bracket(a)} * {_bracket(b)}", tight=False)


def _sum(texts: Sequence[Text]) -> Text:
    if all(text.text.isdigit() for text in texts):
        return Text(str(sum(int(text.text) for text in texts)))
    if len(texts) == 1:
        return texts[0]
    return Text(" + ".join(_bracket(text) for text in texts), tight=False)


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def _substitute(text: Text, args: Mapping[str, Text], constant: int) -> Text:
    """A class's output channels in the terms of its caller; a number where all are."""
    words = _words(text.text)
    if all(args[word].text.isdigit() for word in words if word in args):
        return literal(constant)

    def passed(match: re.Match[str]) -> str:
        word = match.group()
        return _bracket(args[word]) if word in args else word

    return Text(re.sub(r"\w+", passed, text.text), tight=text.tight and len(words) <= 1)
