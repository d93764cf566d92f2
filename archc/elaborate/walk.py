"""The walk over a net's items, block by block: what each adds to the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from archc import syntax
from archc.binding import Bound, bind, signature
from archc.diagnostics import Diagnostic, DiagnosticError, Sink
from archc.elaborate.branches import branches_differ, is_skip
from archc.elaborate.graph_builder import GraphBuilder
from archc.elaborate.input import INPUT, net_input
from archc.elaborate.parameters import block_arguments, check_params, net_parameters
from archc.elaborate.place import POISON, Cursor, Place
from archc.elaborate.recipe import elaborate_recipe
from archc.elaborate.structures import MERGES, NOT_YET, STRUCTURES, Aux, Towers, word_of
from archc.errors import names as errors
from archc.errors.shapes import BranchesDiffer, GroupsDoNotDivide, WindowTooLarge
from archc.errors.text import NotYet, ReservedName
from archc.evaluate import PoisonedError, Value
from archc.form import Form
from archc.ir import Assumption, Graph, Head, Scope
from archc.ops import OPS
from archc.ops.activation import Softmax
from archc.ops.base import Op, OpError
from archc.ops.merge import Part
from archc.source import Source, Span

MAX_STEPS = 15_000
"""How many items an expansion may visit: blocks of blocks that hold nothing end here."""

MAX_NESTING = 100
"""How deep blocks and braces may hold one another, counted through calls."""


F = TypeVar("F", bound=Form)


def elaborate(file: syntax.File, settings: Mapping[str, Value] | None = None) -> Graph:
    """The graph of a file's net, its parameters overridden by `settings`.

    Raises `DiagnosticError` with every independent fault, up to twenty.
    """
    return _Elaborator(file).net(settings or {})


class _Elaborator:
    def __init__(self, file: syntax.File) -> None:
        self.file = file
        self.source: Source = file.span.source
        self.sink = Sink()
        self.graph = GraphBuilder()
        self.assumed: list[Assumption] = []
        self.assumed_at: set[Span] = set()
        self.steps = 0
        self.depth = 0
        self.calls: list[str] = []
        self.blocks: dict[str, syntax.Block] = {}
        self.shadowed: set[str] = set()
        """Ops whose name a block has too: which of them a call means is not known."""

    # Declarations --------------------------------------------------------------------

    def net(self, settings: Mapping[str, Value]) -> Graph:
        if len(self.file.nets) != 1:
            nets = tuple(net.name.text for net in self.file.nets)
            span = self.file.nets[1].name.span if nets else None
            fault = errors.NoSingleNet(file=self.source.name, nets=nets, span=span)
            raise DiagnosticError([fault])
        self._declare_blocks()
        net = self.file.nets[0]
        values = net_parameters(net, settings, self.sink)
        scope = Scope("net", net.name.text, net, values.values, {}, None, net.name.span)
        place = Place(scope, values, self.sink)
        cursor, items = net_input(net, place, self.graph)
        cursor = self._items(items, cursor, place)
        if len(self.graph.nodes) == 1 and not self.sink.failed:
            problem, fix = "this net has no layers", f"{INPUT} conv(3, 1, 64) relu ..."
            place.report(errors.BadInput(problem=problem, fix=fix, span=net.name.span))
        recipe = elaborate_recipe(
            net, values, self.graph.nodes, self.graph.stages, self.sink, self.assumed
        )
        self.sink.raise_if_failed()
        return Graph(
            name=net.name.text,
            doc=net.doc,
            source=self.source,
            net=net,
            scope=scope,
            nodes=tuple(self.graph.nodes),
            output=cursor.node or 0,
            stages=tuple(self.graph.stages),
            heads=tuple(self.graph.heads),
            recipe=recipe,
            assumed=tuple(self.assumed),
            altered=dict(settings),
        )

    def _declare_blocks(self) -> None:
        for block in self.file.blocks:
            name = block.name.text
            if name in self.blocks:
                first = self.blocks[name].name.span
                self.sink.add(
                    errors.RepeatedName(name=name, kind="block", first=first, span=block.name.span)
                )
            elif name.lower() in OPS or name.lower() in STRUCTURES:
                problem = "is the name of an op (in capitals or not), so no block can have it"
                self.sink.add(
                    errors.MisplacedStructure(name=f"'{name}'", rule=problem, span=block.name.span)
                )
                self.shadowed.add(name.lower())
            else:
                self.blocks[name] = block
            check_params(block.params, self.sink)

    # Chains --------------------------------------------------------------------------

    def _items(self, items: Sequence[syntax.Item], cursor: Cursor, place: Place) -> Cursor:
        self.depth += 1
        if self.depth > MAX_NESTING and items:
            place.too_large("a nesting", self.depth, MAX_NESTING, "levels", items[0].span)
        unsaid = False
        for item in items:
            self.steps += 1
            if self.steps > MAX_STEPS:
                place.too_large("an expansion", self.steps, MAX_STEPS, "ops", item.span)
            word = word_of(item)
            if unsaid or word == "else":
                # What goes on from a word that is not carried out: `repeat(2) as i { ... }`.
                unsaid = item.body is None
                continue
            cursor = self._item(item, cursor, place)
            unsaid = word in ("if", "repeat", "after") and item.body is None
        self.depth -= 1
        return cursor

    def _item(self, item: syntax.Item, cursor: Cursor, place: Place) -> Cursor:
        for arg in item.args:
            self._assume(item, arg)
        if item.name is None:
            return self._group(item, cursor, place)
        if item.name.text in self.blocks:
            return self._call(item, self.blocks[item.name.text], cursor, place)
        word = item.name.text.lower()
        if word in self.shadowed:
            return POISON
        if word in MERGES:
            return self._merge(item, word, cursor, place)
        if word == "from":
            return self._from(item, place)
        if word == "towers":
            return self._towers(item, cursor, place)
        if word == "aux":
            return self._aux(item, cursor, place)
        if word == "skip":
            rule = "is an empty branch: it stands alone after its '|'"
            fault = errors.MisplacedStructure(name="'skip'", rule=rule, span=item.span)
            place.report(fault)
            return POISON
        if word in OPS:
            if item.body is not None:
                place.wrong_body(item, "takes no braces", "")
            return self._op(item, OPS[word], (cursor,), place)
        if item.label is not None:
            # Taken all the same: what has the label too is told so now, not later.
            place.name(item, word)
        if word == "input":
            problem = "a net has one input, at its beginning"
            place.report(errors.BadInput(problem=problem, span=item.span))
        elif word in NOT_YET:
            place.report(NotYet(word=word, span=item.name.span))
        elif word in syntax.RESERVED:
            role = "the name of an op or a block"
            place.report(ReservedName(word=word, role=role, span=item.name.span))
        else:
            known = (*OPS, *self.blocks, "towers", "aux")
            fault = errors.UnknownForm(
                name=item.name.text, kind="op or block", known=known, span=item.name.span
            )
            place.report(fault)
        return POISON

    def _assume(self, item: syntax.Item, arg: syntax.Arg) -> None:
        # A block that is called twice assumes once.
        if arg.assumed is not None and arg.span not in self.assumed_at:
            self.assumed_at.add(arg.span)
            name = item.name.text if item.name else ""
            what = f"{name} {arg.name.text if arg.name else arg.value.span.text}".strip()
            self.assumed.append(Assumption(what, arg.assumed.value, arg.span))

    def _group(self, item: syntax.Item, cursor: Cursor, place: Place) -> Cursor:
        first = len(self.graph.nodes)
        name = place.name(item, "group")
        if not isinstance(item.body, syntax.Chain):
            place.wrong_body(item, "holds a chain, not branches", "concat { | ... | ... }")
            return POISON
        cursor = self._items(item.body.items, cursor, place)
        self.graph.stage(name, first, item, place)
        place.ends[name] = cursor, place.region
        return cursor

    def _merge(self, item: syntax.Item, word: str, cursor: Cursor, place: Place) -> Cursor:
        """`concat`, `add`, `mul`: branches from one map, joined. `split`: each its own share."""
        if not isinstance(item.body, syntax.Branches):
            example = f"{word} {{ | conv(1, 1, 64) relu | conv(3, 1, 64, pad=same) relu }}"
            place.wrong_body(item, "joins branches, and none stand here", example)
            return POISON
        branches = item.body.branches
        if word == "split" and cursor.node is not None:
            channels = self.graph.each(cursor)[0]
            if channels % len(branches):
                fault: Diagnostic = GroupsDoNotDivide(
                    groups=len(branches),
                    channels=channels,
                    which="arrive",
                    what="branches",
                    span=item.span if item.name is None else item.name.span,
                )
                place.report(fault)
                cursor = POISON
        ends: list[Cursor] = []
        starts: list[int] = []
        for i, branch in enumerate(branches):
            starts.append(len(self.graph.nodes))
            begin = cursor
            if word == "split":
                begin = self._part(i, branches, cursor, place)
            if not branch.items:
                fault = errors.WrongBody(
                    name="this branch",
                    rule="is empty",
                    example="an empty branch is spelled skip",
                    span=branch.span,
                )
                place.report(fault)
            if is_skip(branch):
                ends.append(begin)
            else:
                ends.append(self._items(branch.items, begin, place))
        return self._op(item, MERGES[word], ends, place, starts)

    def _part(
        self, index: int, branches: Sequence[syntax.Branch], cursor: Cursor, place: Place
    ) -> Cursor:
        """The equal share of the channels that a branch of `split` begins with."""
        name = place.count("part")
        if cursor.node is None:
            return POISON
        op = Part(index=index, of=len(branches))
        return self.graph.add(name, op, [cursor], branches[index].span, place, {})

    def _from(self, item: syntax.Item, place: Place) -> Cursor:
        """`from(label)`: a branch that starts where the label stands, in the same scope."""
        target = item.args[0].value if len(item.args) == 1 else None
        if not isinstance(target, syntax.Name) or item.body is not None or item.label is not None:
            rule = "names one label of the net or block it stands in"
            place.wrong_body(item, rule, "concat { | from(enc1) | skip }")
            return POISON
        name = target.text
        if name not in place.ends:
            if name not in place.names:
                known = tuple(place.ends)
                place.report(errors.UnknownName(name=name, known=known, span=target.span))
            return POISON
        cursor, region = place.ends[name]
        # Seen from outside their braces, the maps of all towers are one map.
        return cursor if region == place.region else replace(cursor, whole=True)

    def _towers(self, item: syntax.Item, cursor: Cursor, place: Place) -> Cursor:
        if not isinstance(item.body, syntax.Chain) or not item.body.items:
            example = "towers(2) { conv(11, 4, 48) relu }"
            place.wrong_body(item, "needs a chain of ops in braces", example)
            return POISON
        if place.towers > 1:
            rule = "cannot stand inside towers"
            fault = errors.MisplacedStructure(name="towers", rule=rule, span=item.span)
            place.report(fault)
            return POISON
        bound = self._bind(Towers, item, cursor, place)
        if bound is None:
            return POISON
        first = len(self.graph.nodes)
        if item.label is not None:
            place.name(item, "towers")
        place.towers = bound.form.n
        place.regions += 1
        place.region = place.regions
        end = self._items(item.body.items, replace(cursor, whole=True), place)
        place.towers, place.region = 1, 0
        # At the closing brace the maps of all towers are one map.
        end = replace(end, whole=True)
        if item.label is not None:
            self.graph.stage(item.label.text, first, item, place)
            place.ends[item.label.text] = end, place.region
        return end

    def _aux(self, item: syntax.Item, cursor: Cursor, place: Place) -> Cursor:
        if not isinstance(item.body, syntax.Chain) or not item.body.items:
            example = "aux(weight = 0.3) { fc(classes) softmax }"
            place.wrong_body(item, "needs a chain in braces that ends in softmax", example)
            return cursor
        if place.towers > 1 or place.scope.kind != "net":
            rule = "stands in the body of a net, outside of towers and blocks"
            fault = errors.MisplacedStructure(name="aux", rule=rule, span=item.span)
            place.report(fault)
            return cursor
        bound = self._bind(Aux, item, cursor, place)
        name = place.name(item, "aux")
        scope = Scope("aux", name, item, {}, {}, place.scope, item.span)
        first = len(self.graph.nodes)
        end = self._items(item.body.items, cursor, Place(scope, place.env, self.sink))
        self.graph.stage(name, first, item, place)
        if bound is not None and cursor.node is not None and end.node is not None:
            last = self.graph.nodes[end.node]
            if end.node < first or not isinstance(last.op, Softmax):
                rule = "has to end in softmax, from which its loss is made"
                place.wrong_body(item, rule, "aux(weight = 0.3) { ... softmax }")
            else:
                self.graph.heads.append(Head(scope, cursor.node, end.node, bound.form.weight))
        return cursor

    def _call(self, item: syntax.Item, block: syntax.Block, cursor: Cursor, place: Place) -> Cursor:
        name = block.name.text
        if item.body is not None:
            place.wrong_body(item, "is a block: it takes arguments, no braces", "")
        if name in self.calls:
            fault = errors.RecursiveBlock(name=name, span=item.span)
            place.report(fault)
            return POISON
        env, exprs = block_arguments(item, block, place, self.graph.channels(cursor))
        instance = place.name(item, name)
        scope = Scope("block", instance, block, env.values, exprs, place.scope, item.span)
        first = len(self.graph.nodes)
        self.calls.append(name)
        end = self._items(block.items, cursor, Place(scope, env, self.sink, place.towers))
        self.calls.pop()
        self.graph.stage(instance, first, item, place)
        place.ends[instance] = end, place.region
        return end

    # Ops -----------------------------------------------------------------------------

    def _op(
        self,
        item: syntax.Item,
        op_type: type[Op],
        cursors: Sequence[Cursor],
        place: Place,
        starts: Sequence[int] = (),
    ) -> Cursor:
        """Add a node. Its name is taken even where it is at fault: later ones keep theirs."""
        name = place.name(item, op_type.word)
        bound = self._bind(op_type, item, cursors[0], place)
        if bound is None or any(cursor.node is None for cursor in cursors):
            return POISON
        shapes = [self.graph.each(cursor) for cursor in cursors]
        exprs = {field: arg.value for field, arg in bound.given.items()}
        try:
            end = self.graph.add(name, bound.form, cursors, item.span, place, exprs)
        except OpError as fault:
            diagnostic = replace(fault.diagnostic, span=bound.span(fault.field, item.span))
            if isinstance(diagnostic, BranchesDiffer):
                diagnostic = branches_differ(diagnostic, item, shapes, starts, self.graph.nodes)
            elif isinstance(diagnostic, WindowTooLarge) and item.args[0].name is None:
                # Perhaps the arguments are in another order than the author thinks.
                diagnostic = replace(diagnostic, order=signature(op_type))
            place.report(diagnostic)
            return POISON
        if isinstance(item.body, syntax.Branches) and item.label is not None:
            self.graph.stage(name, starts[0], item, place)
        place.ends[name] = end, place.region
        return end

    def _bind(
        self, form: type[F], item: syntax.Item, cursor: Cursor, place: Place
    ) -> Bound[F] | None:
        """The form with the item's arguments, or None where a fault was reported."""
        env = place.env.at(self.graph.channels(cursor))
        whole = item.span if item.name is None else item.name.span
        if item.body is None:
            whole = item.span
        try:
            return bind(form, item.args, env, whole)
        except PoisonedError:
            return None
        except DiagnosticError as error:
            place.report_all(error)
            return None
