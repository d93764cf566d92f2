"""The input of a net: its first node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from archc import syntax
from archc.diagnostics import DiagnosticError, Sink
from archc.elaborate.graph_builder import MAX_ELEMENTS, GraphBuilder
from archc.elaborate.place import POISON, Cursor, Place
from archc.elaborate.structures import word_of
from archc.errors import names as errors
from archc.evaluate import Environment, PoisonedError, evaluate, shown
from archc.ir import Node
from archc.ops.base import Shape, elements

INPUT = "input(3x224x224)"
"""An input as a fault shows one."""

MAX_WIDTH = 64
"""The largest factor of all channel counts."""


class Arriving(NamedTuple):
    """The input of a net: its size, None after a fault, and the width of the net's layers.
    `written` is the size that the spec says."""

    shape: Shape | None
    width: float
    item: syntax.Item | None
    written: Shape | None = None


def read_input(
    net: syntax.Net,
    env: Environment,
    sink: Sink,
    *,
    shape: Shape | None = None,
    width: float | None = None,
) -> Arriving:
    """What `input(3x224x224, width = 0.5)` says, where `shape` and `width` do not say it."""
    at = next((i for i, step in enumerate(net.items) if word_of(step) == "input"), None)
    within = _within(net.items) if at is None else None
    if within is not None:
        problem = "the input stands first in the body of the net, outside of other braces"
        sink.add(errors.BadInput(problem=problem, span=within.span))
        return Arriving(None, width or 1.0, None)
    if at is None:
        problem = f"the net {net.name.text} has no input"
        fix = f"a net begins with it: {INPUT}"
        sink.add(errors.BadInput(problem=problem, fix=fix, span=net.name.span))
        return Arriving(None, width or 1.0, None)
    item = net.items[at]
    if not isinstance(item, syntax.Item):
        raise TypeError("only items have words")
    if at > 0:
        problem = f"the input comes first, before {net.items[0].span.text.split()[0]}"
        sink.add(errors.BadInput(problem=problem, span=item.span))
    found = _read(item, env, sink)
    return found._replace(
        shape=found.shape if shape is None else shape,
        width=found.width if width is None else width,
    )


def _within(steps: Sequence[syntax.Step]) -> syntax.Item | None:
    """The input, where it stands in the braces of something else."""
    waiting: list[syntax.Step] = list(steps)
    while waiting:
        step = waiting.pop()
        if isinstance(step, syntax.Item) and word_of(step) == "input":
            return step
        bodies = (step.then, step.otherwise) if isinstance(step, syntax.Choice) else (step.body,)
        for body in bodies:
            if isinstance(body, syntax.Chain):
                waiting += body.items
            elif isinstance(body, syntax.Branches):
                waiting += (inner for branch in body.branches for inner in branch.items)
            elif body is not None:
                waiting.append(body)
    return None


def _read(item: syntax.Item, env: Environment, sink: Sink) -> Arriving:
    nothing = Arriving(None, 1.0, item)
    if item.label is not None or item.body is not None:
        problem = "the input takes neither label nor braces"
        sink.add(errors.BadInput(problem=problem, fix=INPUT, span=item.span))
        return nothing
    try:
        values = [evaluate(arg.value, env) for arg in item.args if arg.name is None]
        named = {arg.name.text: evaluate(arg.value, env) for arg in item.args if arg.name}
    except PoisonedError:
        return nothing
    except DiagnosticError as error:
        sink.extend(error)
        return nothing
    width = named.pop("width", 1.0)
    if isinstance(width, bool) or not isinstance(width, int | float) or not 0 < width <= MAX_WIDTH:
        problem = f"width is a factor above 0, {MAX_WIDTH} at most"
        fix = "input(3x224x224, width = 0.5)"
        sink.add(errors.BadInput(problem=problem, fix=fix, span=item.span))
        return nothing
    unknown = next((arg for arg in item.args if arg.name and arg.name.text in named), None)
    if unknown is not None and unknown.name is not None:
        name, span = unknown.name
        sink.add(errors.UnknownArgument(form="input", name=name, known=("width",), span=span))
        return nothing
    if len(values) == 2:
        problem = "the input is one size, and its width is given by name"
        fix = f"input({shown(values[0])}, width = {shown(values[1])})"
        sink.add(errors.BadInput(problem=problem, fix=fix, span=item.span))
        return nothing
    value = values[0] if len(values) == 1 else None
    match value:
        case (int(c), int(h), int(w)) if all(type(size) is int and size > 0 for size in value):
            shape: Shape = (c, h, w)
        case _:
            flat = all(type(v) is int and v > 0 for v in values) and len(values) == 3
            fault = errors.BadInput(
                problem="the input is one size: channels x height x width, all above 0",
                fix=f"input({'x'.join(str(v) for v in values)})" if flat else INPUT,
                span=item.span,
            )
            sink.add(fault)
            return nothing
    return Arriving(shape, float(width), item, shape)


def begin(arriving: Arriving, place: Place, graph: GraphBuilder) -> Cursor:
    """The input as the graph's first node."""
    place.names["input"] = arriving.item.span if arriving.item else place.scope.span
    if arriving.shape is None or arriving.item is None:
        return POISON
    count = elements(arriving.shape)
    if count > MAX_ELEMENTS:
        place.too_large("an input", count, MAX_ELEMENTS, "elements", arriving.item.span)
    return graph.start(Node("input", None, (), arriving.shape, place.scope, arriving.item.span))
