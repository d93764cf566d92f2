"""Arguments bound to the fields of a form, and every fault to its argument's characters."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Annotated, Any, Generic, Literal, TypeVar, cast, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticUndefined

from archc import syntax
from archc.diagnostics import Diagnostic, DiagnosticError
from archc.errors import names as errors
from archc.evaluate import Callee, Environment, PoisonedError, Value, evaluate, shown
from archc.form import Form
from archc.source import Span
from archc.width import Twofold

F = TypeVar("F", bound=Form)


@dataclass(frozen=True)
class Bound(Generic[F]):
    """A form, and for each field that was given its expression and the value of that."""

    form: F
    given: Mapping[str, syntax.Arg]
    values: Mapping[str, Value]
    own: Collection[str]
    """The fields that were given where the form stands, not said elsewhere."""

    def span(self, field: str | None, whole: Span) -> Span:
        """Where an argument stands, or the whole where it was not given."""
        return whole if field is None or field not in self.given else self.given[field].span


def signature(form: type[Form]) -> str:
    """`conv(kernel, stride, out, pad=0, groups=1, bias=true)`."""
    parts: list[str] = []
    for name, field in form.model_fields.items():
        if field.default is PydanticUndefined:
            parts.append(name)
        else:
            default = field.default
            parts.append(f"{name}={default if isinstance(default, str) else shown(default)}")
    return f"{form.word}({', '.join(parts)})" if parts else form.word


def bind(
    form: type[F],
    args: Sequence[syntax.Arg],
    env: Environment,
    whole: Span,
    unsaid: Mapping[str, tuple[syntax.Arg, Environment]] = MappingProxyType({}),
) -> Bound[F]:
    """The form with these arguments; for what is not given there, `unsaid` has others.

    Forms of equal arguments are one object: a net of ten thousand layers has few of them.
    Raises `DiagnosticError` with every fault of the arguments, each at its place, and
    `PoisonedError` where nothing is wrong here but an argument depends on a reported fault.
    """
    given, faults = _assign(form, args)
    values: dict[str, Value] = {}
    poisoned = False
    every = dict.fromkeys(given, env)
    own = tuple(given)
    for field, (arg, its_env) in unsaid.items():
        if field not in given:
            given[field], every[field] = arg, its_env
    for field, its_env in every.items():
        try:
            values[field] = evaluate(given[field].value, its_env, words(form, field))
        except PoisonedError:
            poisoned = True
        except DiagnosticError as error:
            faults.extend(error.diagnostics)
    missing = tuple(
        name
        for name, field in form.model_fields.items()
        if field.default is PydanticUndefined and name not in given
    )
    if missing and not faults:
        faults.append(
            errors.MissingArgument(
                form=form.word, missing=missing, signature=signature(form), span=whole
            )
        )
    if not faults and not poisoned:
        try:
            plain = tuple(map(_plain, values.values()))
            if any(isinstance(value, Callee) for value in plain):
                made = form(**values)  # no form takes an op: this says so
            else:
                made = _made(form, tuple(values), plain, tuple(map(_kind, plain)))
            return Bound(made, given, values, own)
        except ValidationError as error:
            faults.extend(_bad_arguments(form, error, given, whole))
    if faults:
        raise DiagnosticError(faults)
    raise PoisonedError


def rebound(bound: Bound[F], changes: Mapping[str, Value], whole: Span) -> F:
    """The form of these arguments with other values of some.

    Raises `DiagnosticError` at the arguments whose new values are none that they can have.
    """
    form = type(bound.form)
    try:
        return form(**{**bound.values, **changes})
    except ValidationError as error:
        raise DiagnosticError(list(_bad_arguments(form, error, bound.given, whole))) from error


@lru_cache(maxsize=4096)
def _made(
    form: type[F], names: tuple[str, ...], values: tuple[Value, ...], kinds: tuple[object, ...]
) -> F:
    """The form with these values. `kinds` are there for the cache: 1 is not true."""
    return form(**dict(zip(names, values, strict=True)))


def _kind(value: Value) -> object:
    return tuple(map(_kind, value)) if type(value) is tuple else type(value)


def _plain(value: Value) -> Value:
    """A number as the spec writes it, for what is checked against its field's type."""
    if not isinstance(value, Twofold):
        return value
    return int(value) if isinstance(value, int) else float(cast("float", value))


def _assign(
    form: type[Form], args: Sequence[syntax.Arg]
) -> tuple[dict[str, syntax.Arg], list[Diagnostic]]:
    """Which argument goes to which field: by name, else by position."""
    fields = list(form.model_fields)
    given: dict[str, syntax.Arg] = {}
    faults: list[Diagnostic] = []
    for position, arg in enumerate(args):
        if arg.name is not None:
            name = arg.name.text
            if name not in form.model_fields:
                faults.append(
                    errors.UnknownArgument(
                        form=form.word, name=name, known=tuple(fields), span=arg.name.span
                    )
                )
                continue
        elif position < len(fields):
            name = fields[position]
        else:
            faults.append(
                errors.TooManyArguments(
                    form=form.word, most=len(fields), signature=signature(form), span=arg.span
                )
            )
            break
        if name in given:
            faults.append(
                errors.RepeatedArgument(
                    form=form.word, name=name, first=given[name].span, span=arg.span
                )
            )
            continue
        given[name] = arg
    return given, faults


@cache
def words(form: type[Form], field: str) -> frozenset[str]:
    """The choices that a field names: those of its `Literal`s."""
    return frozenset(_literals(form.model_fields[field].annotation))


def _literals(annotation: Any) -> Iterable[str]:
    if get_origin(annotation) is Literal:
        yield from (value for value in get_args(annotation) if isinstance(value, str))
    elif get_origin(annotation) is Annotated:
        yield from _literals(get_args(annotation)[0])
    else:
        for inner in get_args(annotation):
            yield from _literals(inner)


def _bad_arguments(
    form: type[Form], error: ValidationError, given: Mapping[str, syntax.Arg], whole: Span
) -> Iterable[Diagnostic]:
    """One fault a field, however many alternatives of its type said no."""
    details: dict[str, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        details.setdefault(str(detail["loc"][0]) if detail["loc"] else "", []).append(detail)
    for name, found in details.items():
        field = form.model_fields.get(name)
        described = field.description if field else None
        rule = f"must be {described}" if described else _rule(found)
        value = found[0]["input"]
        if name in given and isinstance(given[name].value, syntax.Name | syntax.Binary):
            text = f"{given[name].value.span.text} = {_short(value)}"
        else:
            text = _short(value)
        rounds = isinstance(value, float) and "whole number" in rule and "/" in text
        yield errors.BadArgument(
            form=form.word,
            name=name,
            value=text,
            rule=rule,
            fix="// divides and rounds down" if rounds else "",
            span=given[name].span if name in given else whole,
        )


def _short(value: object) -> str:
    """A value as messages show it: a float in few digits."""
    return f"{value:g}" if isinstance(value, float) else shown(value)


_RULES = {
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "string_type": "must be a string",
    "tuple_type": "must be a list such as [1, 2]",
    "finite_number": "must be finite",
}


def _rule(found: Sequence[ErrorDetails]) -> str:
    detail = found[0]
    context = detail.get("ctx", {})
    match detail["type"]:
        case "greater_than":
            return f"must be above {_short(context['gt'])}"
        case "greater_than_equal":
            return f"must be at least {_short(context['ge'])}"
        case "less_than":
            return f"must be below {_short(context['lt'])}"
        case "less_than_equal":
            return f"must be at most {_short(context['le'])}"
        case "literal_error":
            return f"must be {context['expected'].replace(chr(39), '')}"
        case "value_error":
            return str(context["error"])
        case kind:
            return _RULES.get(kind) or detail["msg"].lower()
