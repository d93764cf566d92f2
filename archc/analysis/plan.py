"""What training on several devices takes: memory a device, and what a step communicates.

Three forms: data parallelism (each device has the whole net and a share of the batch), towers
(each device has one tower of a net and the whole batch), and replicas of towers. Nothing is
measured: all of it follows from the graph (docs/plan.md has the formulas).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from archc.analysis.memory import BYTES, Precision, Usage, memory
from archc.diagnostics import Diagnostic, DiagnosticError
from archc.ir import Graph, Node
from archc.ops.base import Shape, elements
from archc.ops.exchange import CrossTowers, EnterTowers, Exchange, LeaveTowers
from archc.ops.norm import Bn
from archc.passes import SplitTowers, learning, replicas, run

Kind = Literal["all-gather", "reduce-scatter", "all-reduce"]
Name = Literal["data", "towers", "hybrid"]


@dataclass(frozen=True, slots=True)
class Collective:
    """One collective operation of a step among `devices`, on an array of `size` bytes.

    The array is the whole one: what all have after an all-gather, before a reduce-scatter, and
    each at both ends of an all-reduce.
    """

    kind: Kind
    size: int
    devices: int

    @property
    def sent(self) -> int:
        """Bytes that each device sends, around a ring: (N - 1) / N of the array, twice for an
        all-reduce; rounded up."""
        rounds = 2 if self.kind == "all-reduce" else 1
        return -(-rounds * (self.devices - 1) * self.size // self.devices)


@dataclass(frozen=True, slots=True)
class Place:
    """A place of the spec at which a step communicates.

    `source` is the layer whose map it is, `layer` the one that reads it: both the layer itself
    where it is its statistics. `shape` is `(C, H, W)` of the whole map.
    """

    source: str
    layer: str
    line: int
    column: int
    shape: Shape
    forward: Collective | None
    backward: Collective | None

    @property
    def sent(self) -> int:
        """Bytes that each device sends, forward and backward."""
        return sum(each.sent for each in (self.forward, self.backward) if each)


@dataclass(frozen=True, slots=True)
class Form:
    """One way to train on the devices: `replicas` of `towers` devices each.

    `memory` is that of a device, in bytes; `gradients` what replicas exchange of them, None
    where there is one.
    """

    name: Name
    replicas: int
    towers: int
    memory: Usage
    gradients: Collective | None
    places: tuple[Place, ...]

    @property
    def sent(self) -> int:
        """Bytes that each device sends a step."""
        gradients = self.gradients.sent if self.gradients else 0
        return gradients + sum(place.sent for place in self.places)


@dataclass(frozen=True, slots=True)
class Refused:
    """A way that these devices do not allow, and why."""

    name: Name
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """All three ways, for a number of devices, a global batch and a precision."""

    net: str
    doc: str
    devices: int
    batch: int
    precision: Precision
    forms: tuple[Form | Refused, ...]


def plan(
    graph: Graph, devices: int, *, batch: int | None = None, precision: Precision = "fp32"
) -> Plan:
    """The plan of a net for so many devices.

    `batch` is the global batch; None is the recipe's, and 1 where there is none.
    """
    if batch is None:
        batch = graph.recipe.batch if graph.recipe else 1
    try:
        part: Graph | str = run([SplitTowers()], graph)
    except DiagnosticError as error:
        part = _said(error.diagnostics[0])
    planner = _Planner(graph, part, devices, batch, precision)
    forms = (planner.data(), planner.towers(), planner.hybrid())
    return Plan(graph.name, graph.doc, devices, batch, precision, forms)


def _said(fault: Diagnostic) -> str:
    """A fault in a line, with its place."""
    return f"{fault.message()} ({fault.span})" if fault.span else fault.message()


@dataclass(frozen=True, slots=True)
class _Planner:
    """`part` is one tower's net, or why there is none."""

    graph: Graph
    part: Graph | str
    devices: int
    batch: int
    precision: Precision

    def data(self) -> Form | Refused:
        return self._form("data", self.graph, self.devices)

    def towers(self) -> Form | Refused:
        if isinstance(self.part, str):
            return Refused("towers", self.part)
        towers = self.part.part_of
        if self.devices != towers:
            return Refused("towers", f"{towers} towers take {towers} devices, not {self.devices}")
        return self._form("towers", self.part, 1)

    def hybrid(self) -> Form | Refused:
        if isinstance(self.part, str):
            return Refused("hybrid", self.part)
        towers = self.part.part_of
        if self.devices == towers:
            more = f"{2 * towers} devices would be 2 replicas"
            return Refused("hybrid", f"{towers} devices are one replica of {towers} towers; {more}")
        try:
            count = replicas(towers, self.devices)
        except DiagnosticError as error:
            return Refused("hybrid", _said(error.diagnostics[0]))
        return self._form("hybrid", self.part, count)

    def _form(self, name: Name, graph: Graph, replicas: int) -> Form | Refused:
        """The way in which each device computes a graph on its replica's share of the batch."""
        if replicas > self.batch:
            shares = f"{replicas} shares of a batch of {self.batch}"
            return Refused(name, f"{shares}: there are not enough images")
        share = -(-self.batch // replicas)
        found = memory(graph)
        # What enters a tower is the map that is there.
        entered = (node for node in graph.nodes if isinstance(node.op, EnterTowers))
        kept = found.kept - sum(elements(node.output) for node in entered)
        used = replace(found, kept=kept).at(batch=share, precision=self.precision).training
        places = [self._border(graph, i, share) for i in range(len(graph.nodes))]
        places += [_statistics(node, replicas) for node in graph.nodes]
        gradients = Collective("all-reduce", used.gradients, replicas) if replicas > 1 else None
        return Form(
            name=name,
            replicas=replicas,
            towers=graph.part_of,
            memory=used,
            gradients=gradients,
            places=tuple(
                sorted(
                    (place for place in places if place and place.sent),
                    key=lambda place: (place.line, place.column),
                )
            ),
        )

    def _border(self, graph: Graph, i: int, share: int) -> Place | None:
        """What is exchanged at a node, where it is an exchange."""
        node = graph.nodes[i]
        if not isinstance(node.op, Exchange):
            return None
        source = graph.nodes[node.inputs[0]]
        size = BYTES[self.precision] * share * elements(node.output)
        reader = next((each for each in graph.nodes[i + 1 :] if i in each.inputs), node)
        forward, backward = _DIRECTIONS[type(node.op)]
        if isinstance(node.op, CrossTowers) and not learning(graph)[node.inputs[0]]:
            backward = None
        return Place(
            source=_real(graph, source).path,
            layer=reader.path,
            line=node.span.line,
            column=node.span.column,
            shape=node.output,
            forward=Collective(forward, size, graph.part_of) if forward else None,
            backward=Collective(backward, size, graph.part_of) if backward else None,
        )


_DIRECTIONS: dict[type[Exchange], tuple[Kind | None, Kind | None]] = {
    EnterTowers: (None, "all-reduce"),
    CrossTowers: ("all-gather", "reduce-scatter"),
    LeaveTowers: ("all-gather", None),
}
"""What each exchange is, forward and backward."""


def _statistics(node: Node, replicas: int) -> Place | None:
    """What batch norm exchanges for statistics over the whole batch: mean and variance a channel,
    and the gradients of both."""
    if not isinstance(node.op, Bn) or replicas == 1:
        return None
    both = Collective("all-reduce", 2 * BYTES["fp32"] * node.output[0], replicas)
    span = node.span
    return Place(node.path, node.path, span.line, span.column, node.output, both, both)


def _real(graph: Graph, node: Node) -> Node:
    """A layer of the spec: what an exchange upon another takes."""
    while isinstance(node.op, Exchange):
        node = graph.nodes[node.inputs[0]]
    return node


def as_json(found: Plan) -> dict[str, object]:
    """The plan as the object that `archc plan --json` prints; sizes in bytes."""
    return {
        "net": found.net,
        "devices": found.devices,
        "batch": found.batch,
        "precision": found.precision,
        "forms": [
            {"form": form.name, "refused": form.why}
            if isinstance(form, Refused)
            else {
                "form": form.name,
                "replicas": form.replicas,
                "towers": form.towers,
                "memory": {
                    "weights": form.memory.weights,
                    "gradients": form.memory.gradients,
                    "momentum": form.memory.momentum,
                    "activations": form.memory.activations,
                    "total": form.memory.total,
                },
                "sent": form.sent,
                "gradients": _collective(form.gradients),
                "places": [
                    {
                        "line": place.line,
                        "column": place.column,
                        "source": place.source,
                        "layer": place.layer,
                        "shape": list(place.shape),
                        "forward": _collective(place.forward),
                        "backward": _collective(place.backward),
                    }
                    for place in form.places
                ],
            }
            for form in found.forms
        ],
    }


def _collective(found: Collective | None) -> dict[str, object] | None:
    if found is None:
        return None
    return {"kind": found.kind, "size": found.size, "sent": found.sent}


def counts(form: Form) -> dict[Kind, int]:
    """How many collectives of each kind a step has."""
    every: Sequence[Collective | None] = [
        form.gradients,
        *(each for place in form.places for each in (place.forward, place.backward)),
    ]
    found: dict[Kind, int] = {"all-gather": 0, "reduce-scatter": 0, "all-reduce": 0}
    for each in every:
        if each is not None:
            found[each.kind] += 1
    return found
