"""Syntax -> Graph: names, blocks, parameters and shapes, worked out in one walk.

A fault is reported where it is and poisons what depends on it, so that the walk goes on
and finds the next independent one, but none that only follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar, TypeVar

from pydantic import Field

from archc import syntax
from archc.binding import Bound, bind, signature
from archc.diagnostics import Diagnostic, DiagnosticError, Label, Sink, some
from archc.elaborate_recipe import elaborate_recipe
from archc.errors import names as errors
from archc.errors.shapes import BranchesDiffer, GroupsDoNotDivide, TooLarge, WindowTooLarge
from archc.errors.text import NotYet, ReservedName
from archc.evaluate import Environment, PoisonedError, Value, evaluate
from archc.form import Form
from archc.ir import Assumption, Graph, Head, Node, Scope, Stage
from archc.ops import OPS
from archc.ops.activation import Softmax
from archc.ops.base import Op, OpError, Shape, elements, pair, written
from archc.ops.conv import Conv
from archc.ops.merge import Add, Concat, Mul, Part, Tile
from archc.ops.pool import Pool
from archc.source import Source, Span

MAX_NODES = 10_000
"""The largest net that is expanded, in layers. ResNet-1202, the deepest in print, has 5,000."""

MAX_STEPS = 15_000
"""How many items an expansion may visit: blocks of blocks that hold nothing end here."""

MAX_NESTING = 100
"""How deep blocks and braces may hold one another, counted through calls."""

MAX_ELEMENTS = 2**40
"""The largest map, in elements."""

F = TypeVar("F", bound=Form)


class Towers(Form):
    """`towers(n) { ... }`: n copies with weights of their own, side by side (AlexNet, Fig. 2)."""

    word: ClassVar[str] = "towers"
    n: Annotated[int, Field(ge=2, le=1024)]


class Aux(Form):
    """`aux(weight) { ... }`: a side branch with a loss of its own (GoogLeNet, Section 5)."""

    word: ClassVar[str] = "aux"
    weight: Annotated[float, Field(gt=0)]


MERGES: dict[str, type[Op]] = {"concat": Concat, "add": Add, "mul": Mul, "split": Concat}
"""What joins branches, and the op that joins them; `split` hands each branch its share."""

STRUCTURES = ("input", *MERGES, "towers", "aux", "skip", "from")
_NOT_YET = frozenset({"repeat", "if", "else", "as", "defaults", "after", "import"})
_INPUT = "input(3x224x224)"


@dataclass(frozen=True)
class _Cursor:
    """Where the chain stands: its last node (None: poisoned), read whole by towers or not."""

    node: int | None
    whole: bool = True


_POISON = _Cursor(None)


@dataclass
class _Place:
    """A scope while it is being filled."""

    scope: Scope
    env: Environment
    towers: int = 1
    counts: dict[str, int] = field(default_factory=dict[str, int])
    names: dict[str, Span] = field(default_factory=dict[str, Span])
    regions: int = 0
    region: int = 0
    """Which pair of towers' braces this is, counted in the scope; 0 outside of them."""
    ends: dict[str, tuple[_Cursor, int]] = field(default_factory=dict[str, "tuple[_Cursor, int]"])
    """What `from` finds: where the chain stood after each name, and in which region."""


def _word(item: syntax.Item) -> str:
    """The word that an item begins with: ops are the same in capitals."""
    return item.name.text.lower() if item.name is not None else ""


def _items_span(branch: syntax.Branch) -> Span:
    """A branch without its '|'."""
    return branch.items[0].span.to(branch.items[-1].span)


def _is_skip(branch: syntax.Branch) -> bool:
    """Whether a branch is `skip`: what arrives, unchanged."""
    item = branch.items[0] if len(branch.items) == 1 else None
    bare = item is not None and not item.args and item.body is None and item.label is None
    return item is not None and bare and _word(item) == "skip"


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
        self.nodes: list[Node] = []
        self.stages: list[Stage] = []
        self.heads: list[Head] = []
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
        values = self._net_parameters(net, settings)
        scope = Scope("net", net.name.text, net, values.values, {}, None, net.name.span)
        place = _Place(scope, values)
        cursor, items = self._input(net, place)
        cursor = self._items(items, cursor, place)
        if len(self.nodes) == 1 and not self.sink.failed:
            problem, fix = "this net has no layers", f"{_INPUT} conv(3, 1, 64) relu ..."
            self._report(errors.BadInput(problem=problem, fix=fix, span=net.name.span), scope)
        recipe = elaborate_recipe(net, values, self.nodes, self.stages, self.sink, self.assumed)
        self.sink.raise_if_failed()
        return Graph(
            name=net.name.text,
            doc=net.doc,
            source=self.source,
            net=net,
            scope=scope,
            nodes=tuple(self.nodes),
            output=cursor.node or 0,
            stages=tuple(self.stages),
            heads=tuple(self.heads),
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
            self._check_params(block.params)

    def _check_params(self, params: Sequence[syntax.Param]) -> None:
        seen: dict[str, Span] = {}
        for param in params:
            if param.name.text in seen:
                self.sink.add(
                    errors.RepeatedName(
                        name=param.name.text,
                        kind="parameter",
                        first=seen[param.name.text],
                        span=param.name.span,
                    )
                )
            seen.setdefault(param.name.text, param.name.span)

    def _net_parameters(self, net: syntax.Net, settings: Mapping[str, Value]) -> Environment:
        self._check_params(net.params)
        known = tuple(param.name.text for param in net.params)
        for name in settings:
            if name not in known:
                self.sink.add(errors.UnknownParameter(net=net.name.text, name=name, known=known))
        values: dict[str, Value] = {}
        poisoned: set[str] = set()
        # A default may use the parameters before it.
        env = Environment(values, poisoned)
        for param in net.params:
            name = param.name.text
            if name in settings:
                values[name] = settings[name]
            elif param.default is None:
                poisoned.add(name)
                self.sink.add(errors.NoValue(net=net.name.text, name=name, span=param.name.span))
            else:
                try:
                    values[name] = evaluate(param.default, env)
                except (DiagnosticError, PoisonedError) as error:
                    poisoned.add(name)
                    if isinstance(error, DiagnosticError):
                        self.sink.extend(error)
        return env

    def _input(self, net: syntax.Net, place: _Place) -> tuple[_Cursor, Sequence[syntax.Item]]:
        """The input's node, and the items that follow."""
        at = next((i for i, item in enumerate(net.items) if _word(item) == "input"), None)
        if at is None:
            problem = f"the net {net.name.text} has no input"
            fix = f"a net begins with it: {_INPUT}"
            self._report(errors.BadInput(problem=problem, fix=fix, span=net.name.span), place.scope)
            return _POISON, net.items
        item = net.items[at]
        if at > 0 and _word(net.items[0]) not in _NOT_YET:
            problem = f"the input comes first, before {net.items[0].span.text.split()[0]}"
            self._report(errors.BadInput(problem=problem, span=item.span), place.scope)
        return self._input_node(item, place), (*net.items[:at], *net.items[at + 1 :])

    def _input_node(self, item: syntax.Item, place: _Place) -> _Cursor:
        if item.label is not None or item.body is not None:
            problem = "the input takes neither label nor braces"
            self._report(errors.BadInput(problem=problem, fix=_INPUT, span=item.span), place.scope)
            return _POISON
        try:
            values = [evaluate(arg.value, place.env) for arg in item.args if arg.name is None]
        except PoisonedError:
            return _POISON
        except DiagnosticError as error:
            self._report_all(error, place.scope)
            return _POISON
        value = values[0] if len(values) == len(item.args) == 1 else None
        match value:
            case (int(c), int(h), int(w)) if all(type(size) is int and size > 0 for size in value):
                shape: Shape = (c, h, w)
            case _:
                flat = all(type(v) is int and v > 0 for v in values) and len(values) == 3
                fault = errors.BadInput(
                    problem="the input is one size: channels x height x width, all above 0",
                    fix=f"input({'x'.join(str(v) for v in values)})" if flat else _INPUT,
                    span=item.span,
                )
                self._report(fault, place.scope)
                return _POISON
        if elements(shape) > MAX_ELEMENTS:
            count = elements(shape)
            self._too_large("an input", count, MAX_ELEMENTS, "elements", item.span, place)
        self.nodes.append(Node("input", None, (), shape, place.scope, item.span))
        place.names["input"] = item.span
        return _Cursor(0)

    # Chains --------------------------------------------------------------------------

    def _items(self, items: Sequence[syntax.Item], cursor: _Cursor, place: _Place) -> _Cursor:
        self.depth += 1
        if self.depth > MAX_NESTING and items:
            self._too_large("a nesting", self.depth, MAX_NESTING, "levels", items[0].span, place)
        unsaid = False
        for item in items:
            self.steps += 1
            if self.steps > MAX_STEPS:
                self._too_large("an expansion", self.steps, MAX_STEPS, "ops", item.span, place)
            word = _word(item)
            if unsaid or word == "else":
                # What goes on from a word that is not carried out: `repeat(2) as i { ... }`.
                unsaid = item.body is None
                continue
            cursor = self._item(item, cursor, place)
            unsaid = word in ("if", "repeat", "after") and item.body is None
        self.depth -= 1
        return cursor

    def _item(self, item: syntax.Item, cursor: _Cursor, place: _Place) -> _Cursor:
        for arg in item.args:
            self._assume(item, arg)
        if item.name is None:
            return self._group(item, cursor, place)
        if item.name.text in self.blocks:
            return self._call(item, self.blocks[item.name.text], cursor, place)
        word = item.name.text.lower()
        if word in self.shadowed:
            return _POISON
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
            self._report(fault, place.scope)
            return _POISON
        if word in OPS:
            if item.body is not None:
                self._wrong_body(item, "takes no braces", "", place)
            return self._op(item, OPS[word], (cursor,), place)
        if item.label is not None:
            # Taken all the same: what has the label too is told so now, not later.
            self._name(item, word, place)
        if word == "input":
            problem = "a net has one input, at its beginning"
            self._report(errors.BadInput(problem=problem, span=item.span), place.scope)
        elif word in _NOT_YET:
            self._report(NotYet(word=word, span=item.name.span), place.scope)
        elif word in syntax.RESERVED:
            role = "the name of an op or a block"
            self._report(ReservedName(word=word, role=role, span=item.name.span), place.scope)
        else:
            known = (*OPS, *self.blocks, "towers", "aux")
            fault = errors.UnknownForm(
                name=item.name.text, kind="op or block", known=known, span=item.name.span
            )
            self._report(fault, place.scope)
        return _POISON

    def _assume(self, item: syntax.Item, arg: syntax.Arg) -> None:
        # A block that is called twice assumes once.
        if arg.assumed is not None and arg.span not in self.assumed_at:
            self.assumed_at.add(arg.span)
            name = item.name.text if item.name else ""
            what = f"{name} {arg.name.text if arg.name else arg.value.span.text}".strip()
            self.assumed.append(Assumption(what, arg.assumed.value, arg.span))

    def _group(self, item: syntax.Item, cursor: _Cursor, place: _Place) -> _Cursor:
        first = len(self.nodes)
        name = self._name(item, "group", place)
        if not isinstance(item.body, syntax.Chain):
            self._wrong_body(item, "holds a chain, not branches", "concat { | ... | ... }", place)
            return _POISON
        cursor = self._items(item.body.items, cursor, place)
        self._stage(name, first, item, place)
        place.ends[name] = cursor, place.region
        return cursor

    def _merge(self, item: syntax.Item, word: str, cursor: _Cursor, place: _Place) -> _Cursor:
        """`concat`, `add`, `mul`: branches from one map, joined. `split`: each its own share."""
        if not isinstance(item.body, syntax.Branches):
            example = f"{word} {{ | conv(1, 1, 64) relu | conv(3, 1, 64, pad=same) relu }}"
            self._wrong_body(item, "joins branches, and none stand here", example, place)
            return _POISON
        branches = item.body.branches
        if word == "split" and cursor.node is not None:
            channels = self._each(cursor, place)[0]
            if channels % len(branches):
                fault: Diagnostic = GroupsDoNotDivide(
                    groups=len(branches),
                    channels=channels,
                    which="arrive",
                    what="branches",
                    span=item.span if item.name is None else item.name.span,
                )
                self._report(fault, place.scope)
                cursor = _POISON
        ends: list[_Cursor] = []
        starts: list[int] = []
        for i, branch in enumerate(branches):
            starts.append(len(self.nodes))
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
                self._report(fault, place.scope)
            if _is_skip(branch):
                ends.append(begin)
            else:
                ends.append(self._items(branch.items, begin, place))
        return self._op(item, MERGES[word], ends, place, starts)

    def _part(
        self, index: int, branches: Sequence[syntax.Branch], cursor: _Cursor, place: _Place
    ) -> _Cursor:
        """The equal share of the channels that a branch of `split` begins with."""
        name = self._count("part", place)
        if cursor.node is None:
            return _POISON
        op = Part(index=index, of=len(branches))
        return self._node(name, op, [cursor], branches[index].span, place, {})

    def _from(self, item: syntax.Item, place: _Place) -> _Cursor:
        """`from(label)`: a branch that starts where the label stands, in the same scope."""
        target = item.args[0].value if len(item.args) == 1 else None
        if not isinstance(target, syntax.Name) or item.body is not None or item.label is not None:
            rule = "names one label of the net or block it stands in"
            self._wrong_body(item, rule, "concat { | from(enc1) | skip }", place)
            return _POISON
        name = target.text
        if name not in place.ends:
            if name not in place.names:
                known = tuple(place.ends)
                self._report(
                    errors.UnknownName(name=name, known=known, span=target.span), place.scope
                )
            return _POISON
        cursor, region = place.ends[name]
        # Seen from outside their braces, the maps of all towers are one map.
        return cursor if region == place.region else replace(cursor, whole=True)

    def _towers(self, item: syntax.Item, cursor: _Cursor, place: _Place) -> _Cursor:
        if not isinstance(item.body, syntax.Chain) or not item.body.items:
            example = "towers(2) { conv(11, 4, 48) relu }"
            self._wrong_body(item, "needs a chain of ops in braces", example, place)
            return _POISON
        if place.towers > 1:
            rule = "cannot stand inside towers"
            fault = errors.MisplacedStructure(name="towers", rule=rule, span=item.span)
            self._report(fault, place.scope)
            return _POISON
        bound = self._bind(Towers, item, cursor, place)
        if bound is None:
            return _POISON
        first = len(self.nodes)
        if item.label is not None:
            self._name(item, "towers", place)
        place.towers = bound.form.n
        place.regions += 1
        place.region = place.regions
        end = self._items(item.body.items, replace(cursor, whole=True), place)
        place.towers, place.region = 1, 0
        # At the closing brace the maps of all towers are one map.
        end = replace(end, whole=True)
        if item.label is not None:
            self._stage(item.label.text, first, item, place)
            place.ends[item.label.text] = end, place.region
        return end

    def _aux(self, item: syntax.Item, cursor: _Cursor, place: _Place) -> _Cursor:
        if not isinstance(item.body, syntax.Chain) or not item.body.items:
            example = "aux(weight = 0.3) { fc(classes) softmax }"
            self._wrong_body(item, "needs a chain in braces that ends in softmax", example, place)
            return cursor
        if place.towers > 1 or place.scope.kind != "net":
            rule = "stands in the body of a net, outside of towers and blocks"
            fault = errors.MisplacedStructure(name="aux", rule=rule, span=item.span)
            self._report(fault, place.scope)
            return cursor
        bound = self._bind(Aux, item, cursor, place)
        name = self._name(item, "aux", place)
        scope = Scope("aux", name, item, {}, {}, place.scope, item.span)
        first = len(self.nodes)
        end = self._items(item.body.items, cursor, _Place(scope, place.env))
        self._stage(name, first, item, place)
        if bound is not None and cursor.node is not None and end.node is not None:
            last = self.nodes[end.node]
            if end.node < first or not isinstance(last.op, Softmax):
                rule = "has to end in softmax, from which its loss is made"
                self._wrong_body(item, rule, "aux(weight = 0.3) { ... softmax }", place)
            else:
                self.heads.append(Head(scope, cursor.node, end.node, bound.form.weight))
        return cursor

    def _call(
        self, item: syntax.Item, block: syntax.Block, cursor: _Cursor, place: _Place
    ) -> _Cursor:
        name = block.name.text
        if item.body is not None:
            self._wrong_body(item, "is a block: it takes arguments, no braces", "", place)
        if name in self.calls:
            fault = errors.RecursiveBlock(name=name, span=item.span)
            self._report(fault, place.scope)
            return _POISON
        env, exprs = self._arguments(item, block, cursor, place)
        instance = self._name(item, name, place)
        scope = Scope("block", instance, block, env.values, exprs, place.scope, item.span)
        first = len(self.nodes)
        self.calls.append(name)
        end = self._items(block.items, cursor, _Place(scope, env, place.towers))
        self.calls.pop()
        self._stage(instance, first, item, place)
        place.ends[instance] = end, place.region
        return end

    def _arguments(
        self, item: syntax.Item, block: syntax.Block, cursor: _Cursor, place: _Place
    ) -> tuple[Environment, dict[str, syntax.Expr]]:
        """The values of a block's parameters, and the expressions they came from."""
        form = block.name.text
        params = [param.name.text for param in block.params]
        given: dict[str, syntax.Arg] = {}
        unknown = False
        signature = f"{form}({some(params)})" if params else form
        for position, arg in enumerate(item.args):
            if arg.name is None and position >= len(params):
                fault: Diagnostic = errors.TooManyArguments(
                    form=form, most=len(params), signature=signature, span=arg.span
                )
                self._report(fault, place.scope)
                break
            name = params[position] if arg.name is None else arg.name.text
            if name not in params:
                span = arg.span if arg.name is None else arg.name.span
                fault = errors.UnknownArgument(form=form, name=name, known=tuple(params), span=span)
                self._report(fault, place.scope)
                unknown = True
            elif name in given:
                fault = errors.RepeatedArgument(
                    form=form, name=name, first=given[name].span, span=arg.span
                )
                self._report(fault, place.scope)
            else:
                given[name] = arg
        missing = tuple(
            p.name.text for p in block.params if p.default is None and p.name.text not in given
        )
        # A misspelt argument is most likely the one that is missing.
        if missing and not unknown:
            fault = errors.MissingArgument(
                form=form, missing=missing, signature=signature, span=item.span
            )
            self._report(fault, place.scope)
        here = place.env.at(self._channels(cursor, place))
        values: dict[str, Value] = {}
        exprs: dict[str, syntax.Expr] = {}
        poisoned: set[str] = set(missing)
        before = Environment(values, poisoned).at(here.channels)
        for param in block.params:
            name = param.name.text
            if name in missing:
                continue
            try:
                if name in given:
                    exprs[name] = given[name].value
                    values[name] = evaluate(given[name].value, here)
                elif param.default is not None:
                    # A default may use the parameters before it, and `in` at the call.
                    values[name] = evaluate(param.default, before)
            except PoisonedError:
                poisoned.add(name)
            except DiagnosticError as error:
                poisoned.add(name)
                self._report_all(error, place.scope)
        return Environment(values, poisoned), exprs

    # Ops -----------------------------------------------------------------------------

    def _op(
        self,
        item: syntax.Item,
        op_type: type[Op],
        cursors: Sequence[_Cursor],
        place: _Place,
        starts: Sequence[int] = (),
    ) -> _Cursor:
        """Add a node. Its name is taken even where it is at fault: later ones keep theirs."""
        name = self._name(item, op_type.word, place)
        bound = self._bind(op_type, item, cursors[0], place)
        if bound is None or any(cursor.node is None for cursor in cursors):
            return _POISON
        shapes = [self._each(cursor, place) for cursor in cursors]
        exprs = {field: arg.value for field, arg in bound.given.items()}
        try:
            end = self._node(name, bound.form, cursors, item.span, place, exprs)
        except OpError as fault:
            diagnostic = replace(fault.diagnostic, span=bound.span(fault.field, item.span))
            if isinstance(diagnostic, BranchesDiffer):
                diagnostic = self._branches_differ(diagnostic, item, shapes, starts)
            elif isinstance(diagnostic, WindowTooLarge) and item.args[0].name is None:
                # Perhaps the arguments are in another order than the author thinks.
                diagnostic = replace(diagnostic, order=signature(op_type))
            self._report(diagnostic, place.scope)
            return _POISON
        if isinstance(item.body, syntax.Branches) and item.label is not None:
            self._stage(name, starts[0], item, place)
        place.ends[name] = end, place.region
        return end

    def _node(
        self,
        name: str,
        op: Op,
        cursors: Sequence[_Cursor],
        span: Span,
        place: _Place,
        exprs: Mapping[str, syntax.Expr],
    ) -> _Cursor:
        """Add a node. Raises `OpError` where its inputs do not fit."""
        if len(self.nodes) >= MAX_NODES:
            self._too_large("a net", MAX_NODES + 1, MAX_NODES, "layers", span, place)
        shared = place.towers > 1 and all(cursor.whole for cursor in cursors)
        if place.towers > 1 and not shared:
            cursors = [self._handed_out(cursor, span, place) for cursor in cursors]
        each = op.shape([self._each(cursor, place) for cursor in cursors])
        if elements(each) * place.towers > MAX_ELEMENTS:
            count = elements(each) * place.towers
            self._too_large("a map", count, MAX_ELEMENTS, "elements", span, place)
        inputs = tuple(cursor.node for cursor in cursors if cursor.node is not None)
        node = Node(name, op, inputs, each, place.scope, span, place.towers, shared, exprs)
        self.nodes.append(node)
        return _Cursor(len(self.nodes) - 1, whole=place.towers == 1)

    def _handed_out(self, cursor: _Cursor, span: Span, place: _Place) -> _Cursor:
        """A whole map as each tower has it: what an op reads beside a map of its tower's own."""
        if not cursor.whole:
            return cursor
        return self._node(self._count("tile", place), Tile(copies=1), [cursor], span, place, {})

    def _branches_differ(
        self,
        fault: BranchesDiffer,
        item: syntax.Item,
        shapes: Sequence[Shape],
        starts: Sequence[int],
    ) -> BranchesDiffer:
        """The same fault, pointing at the branch that is unlike the most."""
        branches = item.body.branches if isinstance(item.body, syntax.Branches) else ()
        sizes = [shape[1:] for shape in shapes]
        if fault.op == Mul.word and set(sizes) != {(1, 1)}:
            # A C x 1 x 1 branch goes with any size.
            large = next(size for size in sizes if size != (1, 1))
            sizes = [large if size == (1, 1) else size for size in sizes]
        usual = max(sizes, key=sizes.count)
        odd = next((i for i, size in enumerate(sizes) if size != usual), None)
        if odd is None:
            return self._channels_differ(fault, branches, shapes)
        other = sizes.index(usual)
        fix = ""
        end = starts[odd + 1] if odd + 1 < len(starts) else len(self.nodes)
        shrinking = [
            node
            for node in self.nodes[starts[odd] : end]
            if node.each[1:] != self.nodes[node.inputs[0]].each[1:]
        ]
        if len(shrinking) == 1 and isinstance(shrinking[0].op, Conv | Pool):
            op = shrinking[0].op
            kernel = pair(op.kernel)
            before = self.nodes[shrinking[0].inputs[0]].each[1:]
            if before == usual and kernel[0] % 2 and kernel[1] % 2:
                size = kernel[0] if kernel[0] == kernel[1] else written(kernel)
                out = f", {op.out}" if isinstance(op, Conv) else ""
                fix = f"{op.word}({size}, 1{out}, pad=same) keeps {written(usual)}"
        label = Label(_items_span(branches[other]), f"this branch is {written(usual)}")
        return replace(
            fault, shape=shapes[odd], branches=(label,), fix=fix, span=_items_span(branches[odd])
        )

    def _channels_differ(
        self, fault: BranchesDiffer, branches: Sequence[syntax.Branch], shapes: Sequence[Shape]
    ) -> BranchesDiffer:
        """The same fault where only the numbers of channels are unlike."""
        widths = [shape[0] for shape in shapes]
        usual = max(widths, key=widths.count)
        odd = next(i for i, width in enumerate(widths) if width != usual)
        other = widths.index(usual)
        label = Label(_items_span(branches[other]), f"this branch has {usual} channels")
        where = "in its place" if _is_skip(branches[odd]) else "at the end of this branch"
        fix = f"conv(1, 1, {usual}) {where} gives {usual} channels"
        return replace(
            fault,
            shape=shapes[odd],
            channels=True,
            branches=(label,),
            fix=fix,
            span=_items_span(branches[odd]),
        )

    def _bind(
        self, form: type[F], item: syntax.Item, cursor: _Cursor, place: _Place
    ) -> Bound[F] | None:
        """The form with the item's arguments, or None where a fault was reported."""
        env = place.env.at(self._channels(cursor, place))
        whole = item.span if item.name is None else item.name.span
        if item.body is None:
            whole = item.span
        try:
            return bind(form, item.args, env, whole)
        except PoisonedError:
            return None
        except DiagnosticError as error:
            self._report_all(error, place.scope)
            return None

    def _each(self, cursor: _Cursor, place: _Place) -> Shape:
        """The shape that one copy of an op reads at the cursor."""
        node = self.nodes[cursor.node or 0]
        return node.output if cursor.whole else node.each

    def _channels(self, cursor: _Cursor, place: _Place) -> int | None:
        return None if cursor.node is None else self._each(cursor, place)[0]

    # Names, stages, faults -----------------------------------------------------------

    def _name(self, item: syntax.Item, word: str, place: _Place) -> str:
        """An item's name within its scope: its label, or its word and counter."""
        name, span = self._count(word, place), item.span
        if item.label is not None:
            name, span = item.label.text, item.label.span
        if name in place.names:
            counted = item.label is None
            fault = errors.RepeatedName(
                name=name,
                kind="name" if counted else "label",
                first=place.names[name],
                counted=counted,
                span=span if item.name is None or not counted else item.name.span,
            )
            self._report(fault, place.scope)
        place.names.setdefault(name, span)
        return name

    def _count(self, word: str, place: _Place) -> str:
        """The next name of a word in its scope: `conv1`, `conv2`; `c3_1` where it ends so."""
        place.counts[word] = place.counts.get(word, 0) + 1
        separator = "_" if word[-1].isdigit() else ""
        return f"{word}{separator}{place.counts[word]}"

    def _stage(self, name: str, first: int, item: syntax.Item, place: _Place) -> None:
        last = len(self.nodes) - 1
        if last >= first:
            path = f"{place.scope.path}{name}"
            self.stages.append(Stage(path, first, last, item.span, item.label is not None))

    def _wrong_body(self, item: syntax.Item, rule: str, example: str, place: _Place) -> None:
        span = item.body.span if item.body is not None else item.span
        name = f"'{item.name.text}'" if item.name else "a group"
        fault = errors.WrongBody(name=name, rule=rule, example=example, span=span)
        self._report(fault, place.scope)

    def _too_large(
        self, what: str, count: int, limit: int, unit: str, span: Span, place: _Place
    ) -> None:
        """Give up: an expansion without bound would bury every other fault."""
        fault = TooLarge(what=what, count=count, limit=limit, unit=unit, span=span)
        self._report(fault, place.scope)
        self.sink.raise_if_failed()

    def _report(self, fault: Diagnostic, scope: Scope) -> None:
        self.sink.add(replace(fault, trace=scope.trace))

    def _report_all(self, error: DiagnosticError, scope: Scope) -> None:
        for fault in error.diagnostics:
            self._report(fault, scope)
