"""The parameters of the net, and the arguments that a call gives to those of a block."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from archc import ops, syntax
from archc.diagnostics import Diagnostic, DiagnosticError, Sink, fail, some
from archc.elaborate.place import Place
from archc.errors import names as errors
from archc.evaluate import FUNCTIONS, Callee, Environment, PoisonedError, Value, evaluate
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


IsCallable = Callable[[str], bool]
"""Whether a word is an op or a block."""


def argument(expr: syntax.Expr, env: Environment, is_callable: IsCallable) -> Value:
    """The value that a parameter is given: of an expression, or an op or block by its name.

    Raises as `evaluate` does.
    """
    match expr:
        case syntax.Name(parts=(name,)) if not {name} & {"in", *env.values, *env.poisoned}:
            if is_callable(name):
                return Callee(syntax.Ident(name, expr.span), (), env, name)
            near = (*ops.OPS, "true", "false")
            fault = errors.UnknownName(name=name, known=(*env.values,), near=near, span=expr.span)
            fail(fault)
        case syntax.Call(name=name, args=args) if name.text not in FUNCTIONS:
            if isinstance(value := env.values.get(name.text), Callee):
                # A parameter's op with arguments: handed on to another block.
                if value.args:
                    rule = f"is {value.text} here, which has its arguments"
                    fail(errors.WrongBody(name=f"'{name.text}'", rule=rule, span=expr.span))
                text = value.name.text + _on_one_line(expr.span.text)[len(name.text) :]
                return Callee(value.name, args, env, text)
            if is_callable(name.text):
                return Callee(name, args, env, _on_one_line(expr.span.text))
            known = (*ops.OPS, *FUNCTIONS)
            kind = "op, block or function"
            fail(errors.UnknownForm(name=name.text, kind=kind, known=known, span=name.span))
        case _:
            pass
    return evaluate(expr, env)


def _on_one_line(text: str) -> str:
    """The text of an expression, without its comments."""
    return " ".join(re.sub(r'("[^"\n]*")|#[^\n]*', r"\1", text).split())


def net_parameters(
    net: syntax.Net, settings: Mapping[str, Value], sink: Sink, is_callable: IsCallable
) -> Environment:
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
                values[name] = argument(param.default, env, is_callable)
            except (DiagnosticError, PoisonedError) as error:
                poisoned.add(name)
                if isinstance(error, DiagnosticError):
                    sink.extend(error)
    return env


def block_arguments(
    item: syntax.Item,
    args: Sequence[syntax.Arg],
    block: syntax.Block,
    place: Place,
    here: Environment,
    is_callable: IsCallable,
) -> tuple[Environment, dict[str, syntax.Expr]]:
    """The values of a block's parameters, and the expressions they came from.

    `here` is what names mean in the arguments, the channels that arrive among them.
    """
    form = block.name.text
    params = [param.name.text for param in block.params]
    given: dict[str, syntax.Arg] = {}
    unknown = False
    signature = f"{form}({some(params)})" if params else form
    for position, arg in enumerate(args):
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
                values[name] = argument(given[name].value, here, is_callable)
            elif param.default is not None:
                # A default may use the parameters before it, and `in` at the call.
                values[name] = argument(param.default, before, is_callable)
        except PoisonedError:
            poisoned.add(name)
        except DiagnosticError as error:
            poisoned.add(name)
            place.report_all(error)
    return Environment(values, poisoned), exprs
