"""Which instances share a class: those of which everything that is printed is equal.

Parameters apart, and apart from what the class says in their terms: which arm of an `if` there
is, how often a `repeat` goes round, which function an op that is a parameter is.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal

from archc import ops, syntax
from archc.binding import bind
from archc.diagnostics import DiagnosticError
from archc.emit.outline.scopes import Scopes, definition, parameter_names, stays_open, value_of
from archc.emit.outline.symbolic import python_type, sayable
from archc.evaluate import Callee, Environment, Value, evaluate
from archc.ir import Graph, Node, Scope
from archc.names import names_in
from archc.ops.base import Op
from archc.ops.linear import Fc
from archc.ops.merge import Concat, Skip

Pace = Literal["same", "grows"]
"""What the channels do in a repeat: nothing, or each time the same is joined to them."""


@dataclass(eq=False)
class Shape:
    """What is printed of a class or an arm, and the first instance that it was found in.

    `base` is equal for all instances; `arms` and `repeats` are what some of them may lack, by
    the place in the scope.
    """

    scope: Scope
    base: tuple[object, ...]
    arms: dict[int, dict[str, Shape]] = field(default_factory=dict[int, "dict[str, Shape]"])
    repeats: dict[int, Repeated] = field(default_factory=dict[int, "Repeated"])
    keeps_size: bool = True
    """Whether the map keeps its height and width in all instances."""

    def takes(self, other: Shape) -> bool:
        """Whether another instance can be of the same class."""
        return (
            self.base == other.base
            and all(
                which not in self.arms[place] or self.arms[place][which].takes(shape)
                for place, arms in other.arms.items()
                for which, shape in arms.items()
            )
            and all(
                self.repeats[place].takes(repeated) for place, repeated in other.repeats.items()
            )
        )

    def add(self, other: Shape) -> None:
        """Take what another instance has and this one lacks."""
        self.keeps_size &= other.keeps_size
        for place, arms in other.arms.items():
            for which, shape in arms.items():
                if which in self.arms[place]:
                    self.arms[place][which].add(shape)
                else:
                    self.arms[place][which] = shape
        for place, repeated in other.repeats.items():
            if self.repeats[place].group is None:
                self.repeats[place] = repeated


@dataclass(frozen=True)
class Repeated:
    """A repeat whose count is the class's to say: the group of its iterations, if there are any."""

    scope: Scope
    group: int | None
    pace: Pace | None
    given: object = ()
    """What each iteration is given that the class does not say in its parameters."""

    def takes(self, other: Repeated) -> bool:
        return None in (self.group, other.group) or (
            (self.group, self.pace, self.given) == (other.group, other.pace, other.given)
        )


class Groups:
    """The classes that a graph needs: a shape each, in the order they need one another."""

    def __init__(self, graph: Graph, scopes: Scopes, structural: Collection[str]) -> None:
        self.graph = graph
        self.scopes = scopes
        self.structural = structural
        """Parameters of the net that are printed as constants."""
        self.shapes: list[Shape] = []
        self.of: dict[int, int] = {}
        """The group of a scope, by its identity."""
        self.closed: dict[int, Shape] = {}
        """The arms that are said by the structure alone."""
        self._group(graph.scope)

    def _group(self, scope: Scope) -> int:
        if id(scope) not in self.of:
            shape = self._shape(scope)
            for i, known in enumerate(self.shapes):
                if known.takes(shape):
                    known.add(shape)
                    self.of[id(scope)] = i
                    break
            else:
                self.shapes.append(shape)
                self.of[id(scope)] = len(self.shapes) - 1
        return self.of[id(scope)]

    def _shape(self, scope: Scope) -> Shape:
        kinds = tuple(python_type(value_of(scope, name)) for name in parameter_names(scope))
        found = Shape(scope, (definition(scope), kinds))
        local = self.scopes.local(scope)
        parts: list[object] = list(found.base)
        for place, element in enumerate(self.scopes.contents(scope).elements):
            if isinstance(element, Scope):
                reads = tuple(local[i] for i in self.scopes.reads(element))
                parts.append((place, reads, self._part(element, place, found)))
            else:
                parts.append(self._layer(self.graph.nodes[element], element, local))
        found.base = tuple(parts)
        nodes, reads = self.graph.nodes, self.scopes.reads(scope)
        before = nodes[reads[0] if reads else 0].output
        found.keeps_size = nodes[self.scopes.contents(scope).nodes[-1]].output[1:] == before[1:]
        return found

    def _part(self, scope: Scope, place: int, found: Shape) -> object:
        last = self.scopes.contents(scope).nodes[-1]
        features = self.scopes.features[last]
        match scope.kind:
            case "arm":
                if self._decidable(scope):
                    found.arms[place] = {scope.name: self._shape(scope)}
                    return "choice", id(scope.definition), features
                inner = self.closed[id(scope)] = self._shape(scope)
                return "arm", scope.name, _closed(inner)
            case "repeat":
                inner = [e for e in self.scopes.contents(scope).elements if isinstance(e, Scope)]
                groups = tuple(self._group(each) for each in inner)
                pace = self.pace(inner) if len(set(groups)) == 1 else None
                if self._countable(scope) and (pace or not inner):
                    group = groups[0] if groups else None
                    given = {self._given(each) for each in inner}
                    if len(given) > 1:
                        return "iterations", groups, tuple(self._given(each) for each in inner)
                    found.repeats[place] = Repeated(
                        scope, group, pace, given.pop() if given else ()
                    )
                    return "repeat", id(scope.definition), features
                return "iterations", groups, tuple(self._given(each) for each in inner)
            case _:
                return "part", self._group(scope), self._given(scope)

    def _layer(self, node: Node, index: int, local: dict[int, int]) -> object:
        if node.op is None:
            return "input"
        inputs = tuple(local[i] for i in node.inputs)
        flat = tuple(self.scopes.features[i] for i in node.inputs)
        if self.is_handed_on(node):
            return "function", node.callee, inputs, flat
        constants = tuple(
            (name, None if self.says_field(node, name) else getattr(node.op, name))
            for name in type(node.op).model_fields
        )
        shapes = [self.graph.nodes[i].output for i in node.inputs]
        return (
            type(node.op),
            constants,
            tuple(sorted(node.factors.items())),
            inputs,
            # What fc flattens is printed as a number.
            shapes[0][1:] if isinstance(node.op, Fc) else None,
            flat,
        )

    # What a class can say ------------------------------------------------------------

    def says_field(self, node: Node, name: str) -> bool:
        """Whether a field is said in the parameters of the class that the node is in."""
        if not stays_open(node, name) or not self.says(node.exprs[name], node.scope):
            return False
        arriving = self.graph.nodes[node.inputs[0]].output[0]
        factor, value = node.factors.get(name, 1), getattr(node.op, name)
        found = self._worked_out(node.exprs[name], node.scope, arriving)
        return (factor * found if isinstance(found, int) else found) == value

    def is_handed_on(self, node: Node) -> bool:
        """Whether an op is a function that its class is given; the net is given none."""
        in_net = node.scope.owner.kind == "net"
        return bool(node.callee) and not in_net and node.op is not None and node.op.is_function

    def _worked_out(
        self, expr: syntax.Expr, scope: Scope, arriving: int | None, called: Scope | None = None
    ) -> Value | None:
        """What an expression that can be said comes to in the program; None for no value.

        That may not be what the graph has: in the layer that towers became, the channels that
        arrive are those of all; and in a scaled net numbers are not those that are written.
        `called` is the call that it is an argument of.
        """
        known: dict[str, Value] = {**scope.owner.arguments, **scope.arguments}
        here: Scope | None = scope
        while here is not None and here.kind not in ("net", "block"):
            # The counters of the repeats around.
            known |= {name: value for name, value in here.arguments.items() if name not in known}
            here = here.parent
        step = scope.definition if scope.kind == "repeat" else None
        if called is not None and isinstance(step, syntax.Repeat) and step.counter is not None:
            known[step.counter.text] = int(called.name)
        try:
            return evaluate(expr, Environment(known).at(arriving))
        except DiagnosticError:
            return None

    def says(self, expr: syntax.Expr, scope: Scope) -> bool:
        """Whether the text of a scope can say an expression, so that a constant need not."""
        if not sayable(expr):
            return False
        known = parameter_names(scope)
        for name in names_in(expr) - {"in"}:
            if name not in known:
                return False
            if scope.owner.kind == "net" and name in self.structural:
                return False
            value = scope.owner.arguments.get(name, 0)
            if isinstance(value, Callee) and (scope.owner.kind == "net" or function(value) is None):
                return False
        return True

    def says_argument(self, scope: Scope, name: str) -> bool:
        """Whether what a call gives for a parameter is said in the terms of the text around it."""
        block, value = scope.definition, scope.arguments[name]
        if scope.foreign or not isinstance(block, syntax.Block):
            return False
        if name in scope.exprs:
            expr = scope.exprs[name]
            # An op that is named here is handed over as it is.
            if isinstance(value, Callee) and isinstance(expr, syntax.Call):
                return False
            around = scope.parent if scope.parent is not None else scope
            if not self.says(expr, around):
                return False
            # An op is passed on; of what is calculated the value has to be the graph's.
            found = self._worked_out(expr, around, self._arriving(scope), scope)
            return isinstance(value, Callee) or found == value
        default = next(p.default for p in block.params if p.name.text == name)
        if default is None or isinstance(value, Callee) or not sayable(default):
            return False
        if self._worked_out(default, scope, self._arriving(scope)) != value:
            return False
        return all(self.says_argument(scope, each) for each in names_in(default) - {"in"})

    def _given(self, scope: Scope) -> object:
        """The arguments of a call that are printed as constants."""
        if scope.kind != "block":
            return ()
        return tuple(
            (name, _constant(value))
            for name, value in scope.arguments.items()
            if not self.says_argument(scope, name)
        )

    def _decidable(self, scope: Scope) -> bool:
        """Whether a class can say the condition of an arm, which reads one value at most."""
        step = scope.definition
        if not isinstance(step, syntax.Choice) or len(self.scopes.reads(scope)) != 1:
            return False
        if not self._sayable(step.condition, scope):
            return False
        taken = self._worked_out(step.condition, scope, self._arriving(scope))
        return taken is (scope.name == "then")

    def _countable(self, scope: Scope) -> bool:
        """Whether a class can say how often something is repeated, by a parameter."""
        step = scope.definition
        if not isinstance(step, syntax.Repeat) or len(step.args) != 1:
            return False
        count = step.args[0].value
        if not names_in(count) or not self._sayable(count, scope):
            return False
        # A pass may have left some out.
        env = Environment(scope.arguments).at(self._arriving(scope))
        found = [e for e in self.scopes.contents(scope).elements if isinstance(e, Scope)]
        return evaluate(count, env) == len(found)

    def _arriving(self, scope: Scope) -> int | None:
        """The channels that arrive at a scope."""
        reads = self.scopes.reads(scope)
        return self.graph.nodes[reads[0]].output[0] if reads else None

    def _sayable(self, expr: syntax.Expr, scope: Scope) -> bool:
        if self.graph.width != 1.0 or scope.owner.kind == "net":
            return False
        names = names_in(expr) - {"in"}
        known = [name for name in names if name in parameter_names(scope)]
        plain = not any(isinstance(value_of(scope, name), Callee) for name in known)
        return len(known) == len(names) and plain and sayable(expr)

    def pace(self, iterations: Sequence[Scope]) -> Pace | None:
        """What the channels do from one iteration to the next."""
        nodes = self.graph.nodes
        steps: set[int] = set()
        for scope in iterations:
            reads = self.scopes.reads(scope)
            if len(reads) != 1:
                return None
            last = self.scopes.contents(scope).nodes[-1]
            steps.add(nodes[last].output[0] - nodes[reads[0]].output[0])
        if steps == {0}:
            return "same"
        return "grows" if len(steps) == 1 and all(map(self._joins, iterations)) else None

    def _joins(self, scope: Scope) -> bool:
        """Whether an iteration ends by joining something to what arrived."""
        last = self.graph.nodes[self.scopes.contents(scope).nodes[-1]]
        return (
            last.scope is scope
            and isinstance(last.op, Concat)
            and last.op.groups == 1
            and last.inputs[0] == self.scopes.reads(scope)[0]
        )


def _constant(value: object) -> object:
    """A value as what tells classes apart."""
    if isinstance(value, Callee):
        return value.text
    return type(value), value


def _closed(shape: Shape) -> object:
    """A shape as a value: for an arm that only instances with the very same arm share."""
    return (
        shape.base,
        tuple(
            (place, which, _closed(each))
            for place, arms in sorted(shape.arms.items())
            for which, each in sorted(arms.items())
        ),
        tuple(
            (place, each.group, each.pace, each.given)
            for place, each in sorted(shape.repeats.items())
        ),
    )


def function(value: Callee) -> Op | None:
    """The op that a parameter is, if programs can hand it on as a function of a map."""
    op = Skip if value.name.text == "skip" else ops.find(value.name.text)
    if op is None or not op.is_function:
        return None
    return bind(op, value.args, value.env, value.name.span).form


def passed_on(scope: Scope, names: Collection[str]) -> list[str]:
    """The parameters among `names` that a program can hand on: no blocks, no layers."""
    return [
        name
        for name in names
        if not isinstance(value := value_of(scope, name), Callee) or function(value) is not None
    ]
