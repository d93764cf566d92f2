"""The parameters of the net, and the arguments that a call gives to those of a block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archc import syntax
from archc.diagnostics import Diagnostic, DiagnosticError, Sink, some
from archc.elaborate.place import Place
from archc.errors import names as errors
from archc.evaluate import Environment, PoisonedError, Value, evaluate
from archc.source import Span


def check_params(params: Sequence[syntax.Param], sink: Sink) -> None:
    """Report parameters that are declared twice."""
    seen: dict[str, Span] = {}
    for param in params:
        if param.name.text in seen:
            sink.add(
                errors.RepeatedName(
                    name=param.name.text,
                    kind="parameter",
                    first=seen[param.name.text],
                    span=param.name.span,
                )
            )
        seen.setdefault(param.name.text, param.name.span)


def net_parameters(net: syntax.Net, settings: Mapping[str, Value], sink: Sink) -> Environment:
    """The values of a net's parameters: as set from outside, or their defaults."""
    check_params(net.params, sink)
    known = tuple(param.name.text for param in net.params)
    for name in settings:
        if name not in known:
            sink.add(errors.UnknownParameter(net=net.name.text, name=name, known=known))
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
            sink.add(errors.NoValue(net=net.name.text, name=name, span=param.name.span))
        else:
            try:
                values[name] = evaluate(param.default, env)
            except (DiagnosticError, PoisonedError) as error:
                poisoned.add(name)
                if isinstance(error, DiagnosticError):
                    sink.extend(error)
    return env


def block_arguments(
    item: syntax.Item, block: syntax.Block, place: Place, channels: int | None
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
            place.report(fault)
            break
        name = params[position] if arg.name is None else arg.name.text
        if name not in params:
            span = arg.span if arg.name is None else arg.name.span
            fault = errors.UnknownArgument(form=form, name=name, known=tuple(params), span=span)
            place.report(fault)
            unknown = True
        elif name in given:
            fault = errors.RepeatedArgument(
                form=form, name=name, first=given[name].span, span=arg.span
            )
            place.report(fault)
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
        place.report(fault)
    here = place.env.at(channels)
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
            place.report_all(error)
    return Environment(values, poisoned), exprs
