"""The recipe of a net: its clauses bound to the recipe's model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from archc import syntax
from archc.binding import Bound, bind
from archc.data.transforms import Where, misplaced
from archc.diagnostics import Diagnostic, DiagnosticError, Sink, did_you_mean
from archc.elaborate.initial import added
from archc.elaborate.sizes import Sizes
from archc.errors import data as data_errors
from archc.errors import names as name_errors
from archc.errors import recipes as errors
from archc.evaluate import Callee, Environment, PoisonedError, Value, evaluate, shown
from archc.form import Form
from archc.ir import Assumption, Node, Stage
from archc.recipe import (
    AVERAGES,
    INITIALISERS,
    LIMITS,
    LOSSES,
    OPTIMIZERS,
    SCHEDULES,
    TRANSFORMS,
    AdamW,
    Average,
    ConstantRate,
    ConstantValue,
    CrossEntropy,
    Dense,
    FilterRms,
    Initialiser,
    InitRule,
    Recipe,
    Schedule,
    Sgd,
    Transform,
)
from archc.source import Span

_EXAMPLES = {
    "augment": "augment { resize(256) random_crop(input) flip }",
    "evaluate": "evaluate { resize(256) center_crop(input) }",
    "init": "init { conv, fc: normal(0, 0.01), bias 0 }",
    "optimizer": "optimizer sgd(lr = 0.01, momentum = 0.9)",
    "schedule": "schedule plateau(factor = 0.1, times = 3)",
    "loss": "loss cross_entropy(smoothing = 0.1)",
    "average": "average ema(decay = 0.9999)",
    "limit": "limit filter_rms(0.1)",
    "batch": "batch 128",
    "epochs": "epochs 90",
}
CLAUSES = tuple(_EXAMPLES)
_STEPS: Mapping[str, type[Form]] = {**TRANSFORMS, Dense.word: Dense}
"""What may stand in `augment { }` and `evaluate { }`, by the name that specs use."""
F = TypeVar("F", bound=Form)


@dataclass
class _Clauses:
    """What has been said so far; None is not yet."""

    augment: tuple[Transform, ...] | None = None
    evaluate: tuple[Transform, ...] | None = None
    dense: Dense | None = None
    init: tuple[InitRule, ...] | None = None
    optimizer: Sgd | AdamW | None = None
    schedule: Schedule | None = None
    loss: CrossEntropy | None = None
    average: Average | None = None
    limit: FilterRms | None = None
    batch: int | None = None
    epochs: int | None = None


def elaborate_recipe(
    net: syntax.Net,
    env: Environment,
    nodes: Sequence[Node],
    stages: Sequence[Stage],
    sink: Sink,
    assumed: list[Assumption],
    sizes: Sizes | None,
    start: Value | None,
) -> tuple[Recipe | None, tuple[tuple[Span, str], ...]]:
    """A net's recipe, or None where it has none, and what in it is not as written: which
    characters, and what they are instead. `start` is where all weights start, where that was set.
    Faults go to the sink."""
    if not net.recipes:
        return None, ()
    for repeated in net.recipes[1:]:
        fault = errors.RepeatedClause(
            name="the recipe of this net",
            first=_word(net.recipes[0].span, "recipe"),
            span=_word(repeated.span, "recipe"),
        )
        sink.add(fault)
    elaborator = _RecipeElaborator(env, nodes, stages, sink, assumed, sizes, start)
    return elaborator.recipe(net.recipes[0]), tuple(elaborator.changes)


def _word(span: Span, word: str) -> Span:
    """The word that a clause begins with."""
    return Span(span.source, span.start, span.start + len(word))


class _RecipeElaborator:
    def __init__(
        self,
        env: Environment,
        nodes: Sequence[Node],
        stages: Sequence[Stage],
        sink: Sink,
        assumed: list[Assumption],
        sizes: Sizes | None,
        start: Value | None,
    ) -> None:
        values: dict[str, Value] = dict(env.values)
        if nodes:
            # Crops may say `input`, so that another input size keeps the recipe whole.
            _, h, w = nodes[0].output
            values["input"] = h if h == w else (h, w)
        unknown = frozenset[str]() if nodes else frozenset({"input"})
        self.env = Environment(values, env.poisoned | unknown)
        # After a fault, a layer that is missing here may well be in the spec.
        self.whole = not sink.failed
        self.nodes = nodes
        self.stages = {stage.name: stage for stage in stages}
        # Which nodes have weights is known by their op: only weight layers are initialised.
        layers = {node.path: node.op.word for node in nodes if node.op and node.op.counted}
        self.weighted = layers.keys()
        self.kinds = dict.fromkeys(layers.values())
        self.sink = sink
        self.assumed = assumed
        self.sizes = sizes
        self.start = start
        self.changes: list[tuple[Span, str]] = []

    def recipe(self, recipe: syntax.Recipe) -> Recipe | None:
        said: dict[str, Span] = {}
        found = _Clauses()
        for clause in recipe.clauses:
            initial = isinstance(clause, syntax.Initialisation)
            name = "init" if initial else clause.name.text
            span = _word(clause.span, name)
            if name in said:
                self.sink.add(errors.RepeatedClause(name=name, first=said[name], span=span))
                continue
            said[name] = span
            self._clause(name, clause, found)
        # A clause that was misspelt is faulty, not missing.
        near = " ".join(did_you_mean(name, CLAUSES) for name in said if name not in CLAUSES)
        missing = tuple(
            name
            for name in ("optimizer", "batch", "epochs")
            if name not in said and f"'{name}'" not in near
        )
        if missing:
            span = _word(recipe.span, "recipe")
            self.sink.add(errors.MissingClause(missing=missing, span=span))
        if found.schedule is not None and found.epochs is not None:
            part = found.schedule.longer_than(found.epochs)
            if part:
                fault = errors.ScheduleTooLong(
                    schedule=found.schedule.word,
                    part=part,
                    epochs=found.epochs,
                    span=said["schedule"],
                )
                self.sink.add(fault)
        if isinstance(self.start, Callee):
            found.init = (*(found.init or ()), *self._from(self.start, recipe))
        if found.optimizer is None or found.batch is None or found.epochs is None:
            return None
        return Recipe(
            batch=found.batch,
            epochs=found.epochs,
            augment=found.augment or (),
            evaluate=found.evaluate or (),
            dense=found.dense,
            init=found.init or (),
            optimizer=found.optimizer,
            assumed=tuple((assumption.what, assumption.source) for assumption in self.assumed),
            average=found.average,
            limit=found.limit,
            schedule=found.schedule or ConstantRate(),
            loss=found.loss or CrossEntropy(),
        )

    def _clause(self, name: str, clause: syntax.Clause, found: _Clauses) -> None:
        match clause:
            case syntax.Initialisation():
                found.init = tuple(self._rule(rule) for rule in clause.rules)
            case syntax.Steps() if name == "augment":
                found.augment, _ = self._steps(clause, "augment")
            case syntax.Steps() if name == "evaluate":
                found.evaluate, found.dense = self._steps(clause, "evaluate")
            case syntax.Setting():
                self._setting(name, clause, found)
            case _:
                self._wrong(name, clause.name.span)

    def _setting(self, name: str, clause: syntax.Setting, found: _Clauses) -> None:
        self._assume(f"{name} {clause.value.span.text}", clause.assumed)
        match name:
            case "optimizer":
                found.optimizer = self._form(OPTIMIZERS, "optimizer", clause.value)
            case "schedule":
                found.schedule = self._form(SCHEDULES, "schedule", clause.value)
            case "loss":
                found.loss = self._form(LOSSES, "loss", clause.value)
            case "average":
                found.average = self._form(AVERAGES, "average", clause.value)
            case "limit":
                found.limit = self._form(LIMITS, "limit", clause.value)
            case "batch":
                found.batch = self._count(name, clause.value)
            case "epochs":
                found.epochs = self._count(name, clause.value)
            case _:
                self._wrong(name, clause.name.span)

    def _wrong(self, name: str, span: Span) -> None:
        """A clause that is unknown, or said in another clause's manner."""
        if name not in CLAUSES:
            self.sink.add(errors.UnknownClause(name=name, known=CLAUSES, span=span))
            return
        braces = name in ("augment", "evaluate")
        rule = "is a list of steps in braces" if braces else "is a single value, without braces"
        fault = errors.WrongClause(name=name, rule=rule, example=_EXAMPLES[name], span=span)
        self.sink.add(fault)

    def _steps(
        self, clause: syntax.Steps, where: Where
    ) -> tuple[tuple[Transform, ...], Dense | None]:
        """The steps, and the `dense` that ends them."""
        steps: list[Transform] = []
        dense: Dense | None = None
        for step in clause.items:
            item = step.step if isinstance(step, syntax.AssumedStep) else step
            if isinstance(step, syntax.AssumedStep):
                self._assume(" ".join(item.span.text.split()), step.source)
            plain = isinstance(item, syntax.Item) and item.label is None and item.body is None
            if not isinstance(item, syntax.Item) or not plain or item.name is None:
                rule = "holds steps such as resize(256), without labels or braces"
                self.sink.add(errors.WrongClause(name=where, rule=rule, span=item.span))
                continue
            form = self._step(item.name, item)
            if form is None:
                continue
            if dense is not None:
                self.sink.add(errors.StepAfterDense(step=form.word, span=item.span))
            if isinstance(form, Dense):
                dense = form
                if where == "augment":
                    fault = data_errors.ViewsInAugment(transform=form.word, span=item.span)
                    self.sink.add(fault)
            elif isinstance(form, Transform):
                steps.append(form)
                wrong = misplaced(form, where)
                if wrong is not None:
                    self.sink.add(replace(wrong, span=item.span))
        return tuple(steps), dense

    def _step(self, name: syntax.Ident, item: syntax.Item) -> Form | None:
        """A step, its sizes those of the net's input."""
        bound = self._bound(_STEPS, "augmentation", name, item.args, item.span)
        if bound is None or self.sizes is None:
            return bound and bound.form
        try:
            form, resized = self.sizes.of(bound, item.span)
        except DiagnosticError as error:
            self.sink.extend(error)
            return None
        self.changes += resized
        return form

    def _rule(self, rule: syntax.Rule) -> InitRule:
        weight: Initialiser | None = None
        bias: Initialiser | None = None
        for fill in rule.fills:
            what = "weight" if fill.what is None else fill.what.text
            if what not in ("weight", "bias"):
                wrong = f"sets weights, which are not named, and the bias; not '{what}'"
                fault = errors.WrongClause(
                    name="init", rule=wrong, example=_EXAMPLES["init"], span=fill.span
                )
                self.sink.add(fault)
                continue
            if (weight if what == "weight" else bias) is not None:
                wrong = f"sets the {what} twice in one rule"
                self.sink.add(errors.WrongClause(name="init", rule=wrong, span=fill.span))
                continue
            self._assume(" ".join(fill.span.text.split()), fill.assumed)
            if isinstance(fill.value, syntax.Number):
                form: Initialiser | None = ConstantValue(value=fill.value.value)
            else:
                call = fill.value
                bound = self._bound(INITIALISERS, "initialiser", call.name, call.args, call.span)
                form = bound and bound.form
            if what == "weight":
                weight = form
            else:
                bias = form
        targets = [layer for target in rule.targets for layer in self._layers(target)]
        return InitRule(tuple(targets), weight, bias)

    def _from(self, start: Callee, recipe: syntax.Recipe) -> Sequence[InitRule]:
        """The last rule, by which all weights start from what was set."""
        bound = self._bound(INITIALISERS, "initialiser", start.name, start.args, start.name.span)
        if bound is None:
            return ()
        self.changes.append(added(recipe, f"{', '.join(self.kinds)}: {start.text}"))
        return (InitRule(tuple(self.kinds), bound.form),)

    def _layers(self, target: syntax.Name) -> Sequence[str]:
        """What a target of `init` names: an op word as it is, a block as its layers."""
        name = target.text
        if name in self.kinds or name in self.weighted:
            return (name,)
        stage = self.stages.get(name)
        if stage is not None:
            inside = self.nodes[stage.first : stage.last + 1]
            found = [node.path for node in inside if node.path in self.weighted]
            if found:
                return found
        if self.whole:
            known = (*self.kinds, *self.weighted)
            self.sink.add(errors.UnknownTarget(name=name, known=known, span=target.span))
        return ()

    def _form(self, known: Mapping[str, type[F]], kind: str, value: syntax.Expr) -> F | None:
        match value:
            case syntax.Call(name=name, args=args):
                bound = self._bound(known, kind, name, args, value.span)
            case syntax.Name(parts=(name,)):
                ident = syntax.Ident(name, value.span)
                bound = self._bound(known, kind, ident, (), value.span)
            case _:
                rule = f"takes one of: {', '.join(known)}"
                fault = errors.WrongClause(
                    name=kind, rule=rule, example=_EXAMPLES[kind], span=value.span
                )
                self.sink.add(fault)
                return None
        return bound and bound.form

    def _bound(
        self,
        known: Mapping[str, type[F]],
        kind: str,
        name: syntax.Ident,
        args: Sequence[syntax.Arg],
        span: Span,
    ) -> Bound[F] | None:
        for arg in args:
            written = f"{arg.name.text} {arg.value.span.text}" if arg.name else arg.value.span.text
            self._assume(f"{name.text} {written}", arg.assumed)
        form = known.get(name.text.lower())
        if form is None:
            fault: Diagnostic = name_errors.UnknownForm(
                name=name.text, kind=kind, known=tuple(known), span=name.span
            )
            self.sink.add(fault)
            return None
        try:
            return bind(form, args, self.env, span)
        except PoisonedError:
            return None
        except DiagnosticError as error:
            self.sink.extend(error)
            return None

    def _count(self, name: str, value: syntax.Expr) -> int | None:
        try:
            number = evaluate(value, self.env)
        except PoisonedError:
            return None
        except DiagnosticError as error:
            self.sink.extend(error)
            return None
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            rule = f"is a whole number above 0, not {shown(number)}"
            fault = errors.WrongClause(
                name=name, rule=rule, example=_EXAMPLES[name], span=value.span
            )
            self.sink.add(fault)
            return None
        return number

    def _assume(self, what: str, source: syntax.String | None) -> None:
        if source is not None:
            self.assumed.append(Assumption(what, source.value, source.span))
