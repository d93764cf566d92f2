"""A file's net and all that it says, as a graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from archc import ops, syntax
from archc.diagnostics import DiagnosticError, Sink
from archc.elaborate.declared import Declared
from archc.elaborate.graph_builder import GraphBuilder
from archc.elaborate.initial import INIT
from archc.elaborate.input import INPUT, Arriving, begin, read_input
from archc.elaborate.last import last_layers
from archc.elaborate.parameters import check_params, net_parameters
from archc.elaborate.place import Cursor, Place
from archc.elaborate.recipe import elaborate_recipe
from archc.elaborate.size import check_size
from archc.elaborate.sizes import sizes
from archc.elaborate.structures import STRUCTURES
from archc.elaborate.walk import Walk
from archc.errors import names as errors
from archc.evaluate import Environment, Value
from archc.ir import Graph, Scope
from archc.ops.base import Shape


def elaborate(
    file: syntax.File,
    settings: Mapping[str, Value] | None = None,
    *,
    imported: Sequence[syntax.File] = (),
    shape: Shape | None = None,
    width: float | None = None,
) -> Graph:
    """The graph of a file's net, with the blocks that it and what it imports hold.

    `settings` are values of the net's parameters; `shape` and `width` take the place of what
    its input says. Raises `DiagnosticError` with every independent fault, up to twenty.
    """
    altered: dict[str, Value] = dict(settings or {})
    sink = Sink()
    net = _single_net(file)
    blocks, shadowed = _blocks([file, *imported], sink)

    def is_callable(word: str) -> bool:
        return word in blocks or word == "skip" or ops.find(word) is not None

    # Without a recipe there is nothing to set, and this is a parameter that the net lacks.
    parameters = {n: v for n, v in altered.items() if n != INIT or not net.recipes}
    env = net_parameters(net, parameters, sink, is_callable)
    check_size(net, blocks)
    declared = Declared(net, env, sink, blocks)
    arriving = read_input(net, env, sink, shape=shape, width=width)
    following = sizes(net, arriving, altered)
    if shape is not None:
        altered["--input"] = shape
    if width is not None:
        altered["--width"] = width

    def walked(width: float, known: _Last) -> _Walked:
        walk = Walk(
            blocks, shadowed, declared, GraphBuilder(width), sink, known.after, known.classes
        )
        return _Walked(walk, net, env, arriving)

    # Which layers are the last is known when all have been walked once.
    known = _Last({}, frozenset())
    but_last = [after for _, after in declared.afters if after.but_last]
    if but_last or arriving.width != 1.0:
        known = _last(walked(1.0, known), declared)
        sink.raise_if_failed()
    found = walked(arriving.width, known)
    walk, graph = found.walk, found.graph
    if len(graph.nodes) == 1 and not sink.failed:
        problem, fix = "this net has no layers", f"{INPUT} conv(3, 1, 64) relu ..."
        sink.add(errors.BadInput(problem=problem, fix=fix, span=net.name.span))
    recipe, changes = elaborate_recipe(
        net, env, graph.nodes, graph.stages, sink, walk.assumed, following, altered.get(INIT)
    )
    sink.raise_if_failed()
    return Graph(
        name=net.name.text,
        doc=net.doc,
        source=file.span.source,
        net=net,
        scope=found.scope,
        nodes=tuple(graph.nodes),
        output=found.end.node or 0,
        stages=tuple(graph.stages),
        heads=tuple(graph.heads),
        recipe=recipe,
        assumed=tuple(walk.assumed),
        altered=altered,
        changes=changes,
        width=arriving.width,
        sources=tuple(each.span.source for each in (file, *imported)),
    )


class _Last(NamedTuple):
    """The last layers: of those that each declaration is about, and those of the classes."""

    after: Mapping[syntax.After, frozenset[str]]
    classes: frozenset[str]


def _last(walked: _Walked, declared: Declared) -> _Last:
    graph, end = walked.graph, walked.end
    after = {
        after: last_layers(graph, end, lambda op, names=names: op.word in names)
        for names, after in declared.afters
        if after.but_last
    }
    return _Last(after, last_layers(graph, end, lambda op: op.counted))


class _Walked:
    """A walk over a net from its input to its end."""

    def __init__(self, walk: Walk, net: syntax.Net, env: Environment, arriving: Arriving) -> None:
        self.walk = walk
        self.graph = walk.graph
        self.scope = Scope("net", net.name.text, net, env.values, {}, None, net.name.span)
        place = Place(self.scope, env, walk.sink)
        cursor = begin(arriving, place, walk.graph)
        items = tuple(step for step in net.items if step is not arriving.item)
        self.end: Cursor = walk.items(items, cursor, place)


def _single_net(file: syntax.File) -> syntax.Net:
    if len(file.nets) != 1:
        nets = tuple(net.name.text for net in file.nets)
        span = file.nets[1].name.span if nets else None
        name = file.span.source.name
        raise DiagnosticError([errors.NoSingleNet(file=name, nets=nets, span=span)])
    return file.nets[0]


def _blocks(
    files: Sequence[syntax.File], sink: Sink
) -> tuple[Mapping[str, syntax.Block], frozenset[str]]:
    """The blocks of all files by name, and the ops whose names were taken for blocks."""
    blocks: dict[str, syntax.Block] = {}
    shadowed: set[str] = set()
    for block in (block for file in files for block in file.blocks):
        name = block.name.text
        if name in blocks:
            first = blocks[name].name.span
            sink.add(
                errors.RepeatedName(name=name, kind="block", first=first, span=block.name.span)
            )
        elif ops.find(name) is not None or name.lower() in STRUCTURES:
            problem = "is the name of an op (in capitals or not), so no block can have it"
            sink.add(
                errors.MisplacedStructure(name=f"'{name}'", rule=problem, span=block.name.span)
            )
            shadowed.add(name.lower())
        else:
            blocks[name] = block
        check_params(block.params, sink)
    return blocks, frozenset(shadowed)
