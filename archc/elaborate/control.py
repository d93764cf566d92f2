"""`repeat` and `if`: which items are walked, how often, and in which scope."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from archc import syntax
from archc.diagnostics import DiagnosticError
from archc.elaborate.graph_builder import MAX_NODES
from archc.elaborate.place import POISON, Cursor, Place
from archc.elaborate.structures import Times, is_bare_skip
from archc.errors import names as errors
from archc.evaluate import Environment, PoisonedError, truth
from archc.ir import Scope
from archc.ops.merge import Skip
from archc.source import Span

if TYPE_CHECKING:
    from archc.elaborate.walk import Walk


def repeat(walk: Walk, step: syntax.Repeat, cursor: Cursor, place: Place) -> Cursor:
    """The chain n times: a scope of scopes, counted from 0 as `as i` is."""
    name = place.name(step, "repeat")
    body = step.body
    if not isinstance(body, syntax.Chain) or not body.items:
        place.wrong_body(
            step, "needs a chain of ops in braces", "repeat(3) { conv(3, 1, 64) relu }"
        )
        return POISON
    bound = walk.bind(Times, step, step.args, cursor, place)
    if step.counter is not None and step.counter.text in place.env.values:
        fault = errors.RepeatedName(
            name=step.counter.text,
            kind="name",
            first=_declared(step.counter.text, place.scope),
            span=step.counter.span,
        )
        place.report(fault)
        return POISON
    if bound is None:
        return POISON
    times = bound.form.n
    if times > MAX_NODES:
        place.too_large("a repeat", times, MAX_NODES, "times", step.span)
    scope = Scope("repeat", name, step, place.scope.arguments, {}, place.scope, step.span)
    first = len(walk.graph.nodes)
    if times == 0:
        cursor = _nothing(walk, cursor, place, scope)
    for i in range(times):
        before = len(walk.graph.nodes)
        cursor = _iteration(walk, step, body.items, i, cursor, place, scope)
        made = len(walk.graph.nodes) - before
        if made * times > MAX_NODES:
            place.too_large("a repeat", made * times, MAX_NODES, "layers", step.span)
    walk.graph.stage(name, first, step, place)
    place.ends.setdefault(name, (cursor, place.region))
    return cursor


def _declared(name: str, scope: Scope) -> Span:
    """Where the counter or parameter stands that a counter would hide."""
    around: Scope | None = scope
    while around is not None and around is not scope.owner:
        step = around.definition
        if isinstance(step, syntax.Repeat) and step.counter and step.counter.text == name:
            return step.counter.span
        around = around.parent
    owner = scope.owner.definition
    params = owner.params if isinstance(owner, syntax.Net | syntax.Block) else ()
    return next((p.name.span for p in params if p.name.text == name), owner.span)


def _iteration(
    walk: Walk,
    step: syntax.Repeat,
    items: Sequence[syntax.Step],
    i: int,
    cursor: Cursor,
    place: Place,
    scope: Scope,
) -> Cursor:
    walk.visit(step, place)
    env = place.env
    if step.counter is not None:
        env = Environment({**env.values, step.counter.text: i}, env.poisoned)
    inner = Place(scope, env, walk.sink, place.towers)
    called = walk.called_block(items[0], inner) if len(items) == 1 else None
    if called is not None:
        # A block that is all there is, is the iteration: `stage2.0.conv1`.
        return walk.call(called, cursor, inner, name=str(i))
    iteration = Scope("iteration", str(i), step, env.values, {}, scope, step.span)
    first = len(walk.graph.nodes)
    inner = Place(iteration, env, walk.sink, place.towers)
    cursor = walk.items(items, cursor, inner)
    walk.graph.stage(str(i), first, step._replace(label=None), Place(scope, env, walk.sink))
    return cursor


def choice(walk: Walk, step: syntax.Choice, cursor: Cursor, place: Place) -> Cursor:
    """The arm that the condition takes. What the other one would be named is counted too."""
    before = dict(place.counts)
    try:
        taken = truth(step.condition, place.env.at(walk.graph.channels(cursor)))
    except PoisonedError:
        return _neither(walk, step, place)
    except DiagnosticError as error:
        place.report_all(error)
        return _neither(walk, step, place)
    chosen, other = (step.then, step.otherwise) if taken else (step.otherwise, step.then)
    scope = Scope(
        "arm",
        "then" if taken else "else",
        step,
        place.scope.arguments,
        {},
        place.scope,
        step.span,
    )
    if chosen is None or is_skip(chosen):
        cursor = _nothing(walk, cursor, place, scope)
    else:
        outer, place.scope = place.scope, scope
        if isinstance(chosen, syntax.Choice):
            cursor = choice(walk, chosen, cursor, place)
        elif isinstance(chosen, syntax.Chain) and chosen.items:
            cursor = walk.items(chosen.items, cursor, place)
        else:
            cursor = _no_chain(chosen, place)
        place.scope = outer
    after, place.counts = place.counts, before
    if isinstance(other, syntax.Choice):
        place.counted(other, walk.word_for(place))
    elif other is not None and not is_skip(other):
        place.counted_body(other, walk.word_for(place))
    place.most(after)
    return cursor


def _neither(walk: Walk, step: syntax.Choice, place: Place) -> Cursor:
    """A condition without a value: nothing that depends on it is a fault of its own."""
    place.counted(step, walk.word_for(place))
    place.unknown_names = True
    return POISON


def _no_chain(body: syntax.Chain | syntax.Branches, place: Place) -> Cursor:
    rule, example = "holds a chain of ops", "if in != n { conv(1, 1, n) } else { skip }"
    if isinstance(body, syntax.Branches):
        rule, example = f"{rule}, and branches stand here", "{ concat { | ... | ... } }"
    elif not body.items:
        rule, example = "is empty", "what arrives, as it is, is spelled skip: { skip }"
    place.report(
        errors.WrongBody(name="an arm of 'if'", rule=rule, example=example, span=body.span)
    )
    return POISON


def is_skip(body: syntax.Chain | syntax.Branches | syntax.Choice) -> bool:
    """Whether an arm is `{ skip }`."""
    return isinstance(body, syntax.Chain) and is_bare_skip(body.items)


def _nothing(walk: Walk, cursor: Cursor, place: Place, scope: Scope) -> Cursor:
    """What arrives, as a node of a scope that would hold none."""
    if cursor.node is None:
        return POISON
    inner = Place(scope, place.env, walk.sink, place.towers)
    # Several may stand in one scope, and no two nodes have one name.
    return walk.graph.add(place.count("skip"), Skip(), [cursor], scope.span, inner)
