"""The input of a net: its first node."""

from __future__ import annotations

from collections.abc import Sequence

from archc import syntax
from archc.diagnostics import DiagnosticError
from archc.elaborate.graph_builder import MAX_ELEMENTS, GraphBuilder
from archc.elaborate.place import POISON, Cursor, Place
from archc.elaborate.structures import NOT_YET, word_of
from archc.errors import names as errors
from archc.evaluate import PoisonedError, evaluate
from archc.ir import Node
from archc.ops.base import Shape, elements

INPUT = "input(3x224x224)"
"""An input as a fault shows one."""


def net_input(
    net: syntax.Net, place: Place, graph: GraphBuilder
) -> tuple[Cursor, Sequence[syntax.Item]]:
    """The input's node, and the items that follow."""
    at = next((i for i, item in enumerate(net.items) if word_of(item) == "input"), None)
    if at is None:
        problem = f"the net {net.name.text} has no input"
        fix = f"a net begins with it: {INPUT}"
        place.report(errors.BadInput(problem=problem, fix=fix, span=net.name.span))
        return POISON, net.items
    item = net.items[at]
    if at > 0 and word_of(net.items[0]) not in NOT_YET:
        problem = f"the input comes first, before {net.items[0].span.text.split()[0]}"
        place.report(errors.BadInput(problem=problem, span=item.span))
    return _input_node(item, place, graph), (*net.items[:at], *net.items[at + 1 :])


def _input_node(item: syntax.Item, place: Place, graph: GraphBuilder) -> Cursor:
    if item.label is not None or item.body is not None:
        problem = "the input takes neither label nor braces"
        place.report(errors.BadInput(problem=problem, fix=INPUT, span=item.span))
        return POISON
    try:
        values = [evaluate(arg.value, place.env) for arg in item.args if arg.name is None]
    except PoisonedError:
        return POISON
    except DiagnosticError as error:
        place.report_all(error)
        return POISON
    value = values[0] if len(values) == len(item.args) == 1 else None
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
            place.report(fault)
            return POISON
    if elements(shape) > MAX_ELEMENTS:
        count = elements(shape)
        place.too_large("an input", count, MAX_ELEMENTS, "elements", item.span)
    graph.nodes.append(Node("input", None, (), shape, place.scope, item.span))
    place.names["input"] = item.span
    return Cursor(0)
