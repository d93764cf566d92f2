"""The walk over a net's items, block by block: what each adds to the graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from archc import ops, syntax
from archc.binding import Bound, bind, signature
from archc.diagnostics import Diagnostic, DiagnosticError, Sink
from archc.elaborate import control, shorthand
from archc.elaborate.branches import branches_differ, is_skip
from archc.elaborate.declared import Declared
from archc.elaborate.graph_builder import NO_EXPRS, GraphBuilder
from archc.elaborate.parameters import block_arguments
from archc.elaborate.place import POISON, Cursor, Place
from archc.elaborate.scaling import COUNTS, scaled
from archc.elaborate.structures import MERGES, STRUCTURES, Aux, Towers, word_of
from archc.errors import names as errors
from archc.errors import shapes as shape_errors
from archc.errors import text as text_errors
from archc.evaluate import Callee, Environment, PoisonedError, shown
from archc.form import Form
from archc.ir import Assumption, Head, Scope
from archc.names import names_in
from archc.ops.activation import Softmax
from archc.ops.base import Op, OpError
from archc.ops.merge import Part, Skip
from archc.source import Span

MAX_STEPS = 120_000
"""How many items an expansion may visit: blocks of blocks that hold nothing end here.

Each round of a repeat counts as one more."""

MAX_NESTING = 100
"""How deep blocks and braces may hold one another, counted through calls."""


F = TypeVar("F", bound=Form)


class _Meant(NamedTuple):
    """What an item's name stands for, and the arguments it is given."""

    item: syntax.Item
    word: str
    op: type[Op] | None
    block: syntax.Block | None
    args: tuple[syntax.Arg, ...]
    env: Environment | None
    """What names mean in the arguments, where that is another place's."""
    callee: str
    """The parameter that stands for it."""


class Walk:
    """Adds a net's items to the graph; faults go to the sink, and poison what depends on them.

    `last` has for each `after ... but last` the layers that it leaves out, `classes` the layers
    that a scaled net leaves as they are: what an earlier walk has found.
    """

    def __init__(
        self,
        blocks: Mapping[str, syntax.Block],
        shadowed: frozenset[str],
        declared: Declared,
        graph: GraphBuilder,
        sink: Sink,
        last: Mapping[syntax.After, frozenset[str]] = MappingProxyType({}),
        classes: frozenset[str] = frozenset(),
    ) -> None:
        self.blocks = blocks
        self.shadowed = shadowed
        """Ops whose name a block has too: which of them a call means is not known."""
        self.declared = declared
        self.graph = graph
        self.sink = sink
        self.last = last
        self.classes = classes
        self.assumed: list[Assumption] = list(declared.assumed)
        self.assumed_at: set[Span] = set()
        self.steps = 0
        self.depth = 0
        self.calls: list[str] = []
        self.following = False
        """Whether the items are what a declaration has put after a layer."""

    # Chains --------------------------------------------------------------------------

    def items(self, items: Sequence[syntax.Step], cursor: Cursor, place: Place) -> Cursor:
        """A chain of items, from where the cursor stands to where it stands then."""
        self.depth += 1
        if self.depth > MAX_NESTING and items:
            place.too_large("a nesting", self.depth, MAX_NESTING, "levels", items[0].span)
        for step in items:
            self.visit(step, place)
            if isinstance(step, syntax.Item):
                cursor = self._item(step, cursor, place)
            elif isinstance(step, syntax.Repeat):
                cursor = control.repeat(self, step, cursor, place)
            else:
                cursor = control.choice(self, step, cursor, place)
        self.depth -= 1
        return cursor

    def visit(self, step: syntax.Step, place: Place) -> None:
        """Count an item, or one of the rounds of a repeat: an expansion has an end."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            place.too_large("an expansion", self.steps, MAX_STEPS, "items", step.span)

    def _item(self, item: syntax.Item, cursor: Cursor, place: Place) -> Cursor:
        if item.name is None:
            return self._group(item, cursor, place)
        meant = self._meant(item, place)
        item, word = meant.item, meant.word
        for arg in item.args:
            self._assume(item, arg)
        if meant.block is not None:
            return self.call(meant, cursor, place)
        if word in self.shadowed:
            return POISON
        if word in MERGES:
            return self._merge(meant, cursor, place)
        match word:
            case "from":
                return self._from(item, place)
            case "towers":
                return self._towers(item, cursor, place)
            case "aux":
                return self._aux(item, cursor, place)
            case _:
                pass
        if meant.op is not None:
            if item.body is not None:
                place.wrong_body(item, "takes no braces", "")
            return self._op(meant, meant.op, (cursor,), place)
        self._unknown(item, word, place)
        return POISON

    def _unknown(self, item: syntax.Item, word: str, place: Place) -> None:
        if item.name is None:
            return
        if item.label is not None:
            # Taken all the same: what has the label too is told so now, not later.
            place.name(item, word)
        if word == "skip":
            rule = "is an empty branch: it stands alone after its '|', or in an arm of 'if'"
            place.report(errors.MisplacedStructure(name="'skip'", rule=rule, span=item.span))
        elif word == "input":
            problem = "a net has one input, at its beginning"
            place.report(errors.BadInput(problem=problem, span=item.span))
        elif word in syntax.RESERVED:
            role = "the name of an op or a block"
            place.report(text_errors.ReservedName(word=word, role=role, span=item.name.span))
        elif item.name.text not in place.env.poisoned:
            name, known = item.name.text, (*ops.OPS, *self.blocks, "towers", "aux")
            value = shown(place.env.values[name]) if name in place.env.values else ""
            fault = errors.UnknownForm(
                name=name, kind="op or block", known=known, value=value, span=item.name.span
            )
            place.report(fault)

    def _meant(self, item: syntax.Item, place: Place) -> _Meant:
        """What an item's name stands for at a place; the first of a parameter, block, op."""
        name = item.name.text if item.name else ""
        value = place.env.values.get(name)
        if isinstance(value, Callee):
            if ops.find(name) is not None and name.lower() != value.name.text.lower():
                fault = errors.AmbiguousName(name=name, other="an op too", span=item.span)
                place.report(fault)
            args, env = (item.args, None) if item.args else (value.args, value.env)
            if item.args and value.args:
                rule = f"is {value.text} here, which has its arguments"
                example = f"{name}, without arguments, is {value.text}"
                place.report(
                    errors.WrongBody(name=f"'{name}'", rule=rule, example=example, span=item.span)
                )
            word = value.name.text
            op = Skip if word == "skip" else ops.find(word)
            return _Meant(item, word.lower(), op, self.blocks.get(word), args, env, name)
        if name in self.blocks:
            return _Meant(item, name, None, self.blocks[name], item.args, None, "")
        if "-" in name:
            item = shorthand.spelled_out(item)
        word = word_of(item)
        op = None if word in STRUCTURES else ops.find(word)
        return _Meant(item, op.word if op else word, op, None, item.args, None, "")

    def is_callable(self, word: str) -> bool:
        """Whether a word can be the value of a parameter: an op, a block or `skip`."""
        return word in self.blocks or word == "skip" or ops.find(word) is not None

    def word_for(self, place: Place) -> Callable[[syntax.Step], str]:
        """How to tell the word that an item is counted by, at a place."""

        def word(item: syntax.Step) -> str:
            self.visit(item, place)
            if not isinstance(item, syntax.Item):
                return "repeat"
            if item.name is None:
                return "group"
            meant = self._meant(item, place)
            return meant.block.name.text if meant.block else meant.word

        return word

    def called_block(self, step: syntax.Step, place: Place) -> _Meant | None:
        """What a step stands for, if it is the call of a block without a label."""
        if not isinstance(step, syntax.Item) or step.label is not None or step.name is None:
            return None
        meant = self._meant(step, place)
        return meant if meant.block is not None else None

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
        cursor = self.items(item.body.items, cursor, place)
        self.graph.stage(name, first, item, place)
        place.ends.setdefault(name, (cursor, place.region))
        return cursor

    # Structures ----------------------------------------------------------------------

    def _merge(self, meant: _Meant, cursor: Cursor, place: Place) -> Cursor:
        """`concat`, `add`, `mul`: branches from one map, joined. `split`: each its own share."""
        item, word = meant.item, meant.word
        if not isinstance(item.body, syntax.Branches):
            example = f"{word} {{ | conv(1, 1, 64) relu | conv(3, 1, 64, pad=same) relu }}"
            place.wrong_body(item, "joins branches, and none stand here", example)
            return POISON
        branches = item.body.branches
        if word == "split" and cursor.node is not None:
            arriving = self.graph.each(cursor)[0]
            if arriving % len(branches):
                fault: Diagnostic = shape_errors.GroupsDoNotDivide(
                    groups=len(branches),
                    channels=arriving,
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
                ends.append(self.items(branch.items, begin, place))
        return self._op(meant, MERGES[word], ends, place, starts)

    def _part(
        self, index: int, branches: Sequence[syntax.Branch], cursor: Cursor, place: Place
    ) -> Cursor:
        """The equal share of the channels that a branch of `split` begins with."""
        name = place.count("part")
        if cursor.node is None:
            return POISON
        op = Part(index=index, of=len(branches))
        return self.graph.add(name, op, [cursor], branches[index].span, place)

    def _from(self, item: syntax.Item, place: Place) -> Cursor:
        """`from(label)`: a branch that starts where the label stands, in the same scope."""
        target = item.args[0].value if len(item.args) == 1 else None
        if not isinstance(target, syntax.Name) or item.body is not None or item.label is not None:
            rule = "names one label of the net or block it stands in"
            place.wrong_body(item, rule, "concat { | from(enc1) | skip }")
            return POISON
        name = target.text
        if name not in place.ends:
            if name not in place.names and not place.unknown_names:
                known = tuple(place.ends)
                fix = "a label before this, in the same net, block or round of a repeat"
                place.report(
                    errors.UnknownName(name=name, known=known, near=(), fix=fix, span=target.span)
                )
            return POISON
        cursor, region = place.ends[name]
        # Seen from outside their braces, the maps of all towers are one map.
        return cursor if region == place.region else cursor._replace(whole=True)

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
        bound = self.bind(Towers, item, item.args, cursor, place)
        if bound is None:
            return POISON
        first = len(self.graph.nodes)
        if item.label is not None:
            place.name(item, "towers")
        place.towers = bound.form.n
        place.regions += 1
        place.region = place.regions
        end = self.items(item.body.items, cursor._replace(whole=True), place)
        place.towers, place.region = 1, 0
        # At the closing brace the maps of all towers are one map.
        end = end._replace(whole=True)
        if item.label is not None:
            self.graph.stage(item.label.text, first, item, place)
            place.ends[item.label.text] = end, place.region
        return end

    def _aux(self, item: syntax.Item, cursor: Cursor, place: Place) -> Cursor:
        if not isinstance(item.body, syntax.Chain) or not item.body.items:
            example = "aux(weight = 0.3) { fc(classes) softmax }"
            place.wrong_body(item, "needs a chain in braces that ends in softmax", example)
            return cursor
        inside = place.scope.kind not in ("net", "arm") or place.scope.owner.kind != "net"
        if place.towers > 1 or inside:
            rule = "stands in the body of a net, outside of towers, blocks and repeats"
            fault = errors.MisplacedStructure(name="aux", rule=rule, span=item.span)
            place.report(fault)
            return cursor
        bound = self.bind(Aux, item, item.args, cursor, place)
        name = place.name(item, "aux")
        scope = Scope("aux", name, item, {}, {}, place.scope, item.span)
        first = len(self.graph.nodes)
        end = self.items(item.body.items, cursor, Place(scope, place.env, self.sink))
        self.graph.stage(name, first, item, place)
        if bound is not None and cursor.node is not None and end.node is not None:
            last = self.graph.nodes[end.node]
            if end.node < first or not isinstance(last.op, Softmax):
                rule = "has to end in softmax, from which its loss is made"
                place.wrong_body(item, rule, "aux(weight = 0.3) { ... softmax }")
            else:
                self.graph.heads.append(Head(scope, cursor.node, end.node, bound.form.weight))
        return cursor

    def call(self, meant: _Meant, cursor: Cursor, place: Place, name: str = "") -> Cursor:
        """A call of a block; `name` is that of an iteration that it is."""
        item, block = meant.item, meant.block
        if block is None:
            raise TypeError("no block is meant")
        if item.body is not None:
            place.wrong_body(item, "is a block: it takes arguments, no braces", "")
        if block.name.text in self.calls:
            fault = errors.RecursiveBlock(name=block.name.text, span=item.span)
            place.report(fault)
            return POISON
        here = (meant.env or place.env).at(self.graph.channels(cursor))
        env, exprs = block_arguments(item, meant.args, block, place, here, self.is_callable)
        foreign = meant.env is not None or self.following
        if foreign:
            exprs = {}
        name = name or place.name(item, block.name.text)
        scope = Scope(
            "block",
            name,
            block,
            env.values,
            exprs,
            place.scope,
            item.span,
            meant.callee,
            foreign=foreign,
        )
        first = len(self.graph.nodes)
        self.calls.append(block.name.text)
        end = self.items(block.items, cursor, Place(scope, env, self.sink, place.towers))
        self.calls.pop()
        self.graph.stage(name, first, item, place)
        place.ends.setdefault(name, (end, place.region))
        return end

    # Ops -----------------------------------------------------------------------------

    def _op(
        self,
        meant: _Meant,
        op_type: type[Op],
        cursors: Sequence[Cursor],
        place: Place,
        starts: Sequence[int] = (),
    ) -> Cursor:
        """Add a node. Its name is taken even where it is at fault: later ones keep theirs."""
        item = meant.item
        name = place.name(item, op_type.word)
        bound = self.bind(op_type, item, meant.args, cursors[0], place, env=meant.env)
        if bound is None or any(cursor.node is None for cursor in cursors):
            return POISON
        exprs = NO_EXPRS
        if meant.env is None and not self.following:
            exprs = {
                field: arg.value
                for field, arg in bound.given.items()
                if field in bound.own and names_in(arg.value)
            }
        path = f"{place.scope.path}{name}"
        op, written = bound.form, None
        if self.graph.width != 1.0:
            op, written = scaled(bound, self.graph.width, is_last=path in self.classes), op
            exprs = {field: expr for field, expr in exprs.items() if field not in COUNTS}
        try:
            # What follows another op is said in the net's terms, wherever it stands.
            callee = "" if self.following else meant.callee
            end = self.graph.add(name, op, cursors, item.span, place, exprs, callee, written)
        except OpError as error:
            shapes = [self.graph.each(cursor) for cursor in cursors]
            fault = replace(error.diagnostic, span=bound.span(error.field, item.span))
            if isinstance(fault, shape_errors.BranchesDiffer):
                fault = branches_differ(fault, item, shapes, starts, self.graph.nodes)
            elif (
                isinstance(fault, shape_errors.WindowTooLarge)
                and item.args
                and item.args[0].name is None
            ):
                # Perhaps the arguments are in another order than the author thinks.
                fault = replace(fault, order=signature(op_type))
            place.report(fault)
            return POISON
        if isinstance(item.body, syntax.Branches) and item.label is not None:
            self.graph.stage(name, starts[0], item, place)
        if not self.following:
            end = self._followed(op_type.word, path, end, place)
        place.ends.setdefault(name, (end, place.region))
        return end

    def _followed(self, word: str, path: str, cursor: Cursor, place: Place) -> Cursor:
        """What the net has declared to follow every such op."""
        for after in self.declared.following(word):
            if path in self.last.get(after, ()):
                continue
            self.following, env = True, place.env
            place.env = self.declared.env
            cursor = self.items(after.items, cursor, place)
            self.following, place.env = False, env
        return cursor

    def bind(
        self,
        form: type[F],
        item: syntax.Item | syntax.Repeat,
        args: Sequence[syntax.Arg],
        cursor: Cursor,
        place: Place,
        env: Environment | None = None,
    ) -> Bound[F] | None:
        """The form with the item's arguments, or None where a fault was reported."""
        arriving = self.graph.channels(cursor)
        here = (env or place.env).at(arriving)
        whole = item.span
        if isinstance(item, syntax.Item) and item.name and item.body is not None:
            whole = item.name.span
        try:
            return bind(form, args, here, whole, self.declared.unsaid(form, item, arriving))
        except PoisonedError:
            return None
        except DiagnosticError as error:
            missing = all(isinstance(d, errors.MissingArgument) for d in error.diagnostics)
            if not (missing and self.declared.faulty):
                place.report_all(error)
            return None
