"""What a net says once for all of its layers: `defaults { ... }` and `after conv { ... }`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from archc import ops, syntax
from archc.binding import signature
from archc.diagnostics import DiagnosticError, Sink
from archc.errors import names as errors
from archc.errors import shapes as shape_errors
from archc.evaluate import Environment
from archc.form import Form
from archc.ir import Assumption
from archc.ops.base import Op
from archc.source import Span

_NOTHING: Mapping[str, tuple[syntax.Arg, Environment]] = MappingProxyType({})


MAX_AFTERS = 50
"""How many declarations of what follows a net may have: each is held against every layer."""


class Declared:
    """The declarations of a net, in force wherever its layers stand, in blocks too."""

    def __init__(
        self, net: syntax.Net, env: Environment, sink: Sink, blocks: Collection[str] = ()
    ) -> None:
        self.env = env
        self.blocks = blocks
        self.faulty = False
        """Whether some defaults are not known: what they would say is not missing elsewhere."""
        self.defaults: dict[type[Form], dict[str, syntax.Arg]] = {}
        self.assumed: list[Assumption] = []
        self.afters: list[tuple[frozenset[str], syntax.After]] = []
        of_defaults = Sink()
        for declaration in net.defaults:
            for step in declaration.items:
                self._default(step, of_defaults)
        try:
            of_defaults.raise_if_failed()
        except DiagnosticError as error:
            self.faulty = True
            sink.extend(error)
        for after in net.afters[:MAX_AFTERS]:
            self._after(after, sink)
        if len(net.afters) > MAX_AFTERS:
            span, count = net.afters[MAX_AFTERS].span, len(net.afters)
            unit = "declarations with 'after'"
            sink.add(
                shape_errors.TooLarge(
                    what="a net", count=count, limit=MAX_AFTERS, unit=unit, span=span
                )
            )

    def _default(self, step: syntax.Step, sink: Sink) -> None:
        rule = "holds ops with the arguments that are left out elsewhere"
        example = "defaults { maxpool(2, 2) }"
        plain = isinstance(step, syntax.Item) and step.label is None and step.body is None
        if not isinstance(step, syntax.Item) or not plain or step.name is None:
            sink.add(
                errors.WrongBody(name="'defaults'", rule=rule, example=example, span=step.span)
            )
            return
        op = self._known_op(step.name, sink)
        if op is None:
            return
        fields = list(op.model_fields)
        found = self.defaults.setdefault(op, {})
        for position, arg in enumerate(step.args):
            if arg.name is None and position >= len(fields):
                sink.add(
                    errors.TooManyArguments(
                        form=op.word, most=len(fields), signature=signature(op), span=arg.span
                    )
                )
                return
            field = arg.name.text if arg.name else fields[position]
            if field not in fields:
                span = arg.name.span if arg.name else arg.span
                sink.add(
                    errors.UnknownArgument(form=op.word, name=field, known=tuple(fields), span=span)
                )
            elif field in found:
                first = found[field].span
                sink.add(
                    errors.RepeatedArgument(form=op.word, name=field, first=first, span=arg.span)
                )
            else:
                found[field] = arg
                if arg.assumed is not None:
                    what = f"{op.word} {field if arg.name else arg.value.span.text}"
                    self.assumed.append(Assumption(what, arg.assumed.value, arg.span))

    def _after(self, after: syntax.After, sink: Sink) -> None:
        known = [self._known_op(name, sink) for name in after.names]
        if not after.items:
            rule, example = "needs what follows, in braces", "after conv, fc but last { relu }"
            sink.add(errors.WrongBody(name="'after'", rule=rule, example=example, span=after.span))
        self.afters.append((frozenset(op.word for op in known if op), after))

    def _known_op(self, name: syntax.Ident, sink: Sink) -> type[Op] | None:
        op = ops.find(name.text)
        if op is None and name.text in self.blocks:
            rule = "is a block; 'defaults' and 'after' are about ops"
            fault = errors.MisplacedStructure(name=f"'{name.text}'", rule=rule, span=name.span)
            sink.add(fault)
        elif op is None:
            known = tuple(ops.OPS)
            sink.add(errors.UnknownForm(name=name.text, kind="op", known=known, span=name.span))
        return op

    def following(self, word: str) -> Sequence[syntax.After]:
        """What follows every op of a word, in the order declared."""
        return [after for names, after in self.afters if word in names]

    def unsaid(
        self, form: type[Form], item: syntax.Item | syntax.Repeat, arriving: int | None
    ) -> Mapping[str, tuple[syntax.Arg, Environment]]:
        """The arguments of a form that an item may leave out, and what names mean in them."""
        found: dict[str, tuple[syntax.Arg, Environment]] = {}
        if issubclass(form, Op) and form.unsaid and isinstance(item, syntax.Item):
            span = item.name.span if item.name else item.span
            if "-" in span.text:
                env = Environment()
                for field, value in form.unsaid.items():
                    found[field] = syntax.Arg(None, _literal(value, span), None, span), env
        if form in self.defaults:
            env = self.env.at(arriving)
            found |= {field: (arg, env) for field, arg in self.defaults[form].items()}
        return found or _NOTHING


def _literal(value: str | int, span: Span) -> syntax.Expr:
    if isinstance(value, int):
        return syntax.Number(value, 0.5, span)
    return syntax.Name((value,), span)
