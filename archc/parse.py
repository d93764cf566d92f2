"""Source -> Syntax: the text of a spec as a tree of spans.

lark does the parsing (`grammar.lark`, LALR(1)); this file bounds what reaches it,
turns its tree into ours, and words its complaints for a reader.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from lark import (
    Lark,
    Token,
    UnexpectedCharacters,
    UnexpectedToken,
    v_args,  # pyright: ignore[reportUnknownVariableType]
)
from lark.exceptions import VisitError
from lark.tree import Meta
from lark.visitors import Transformer_NonRecursive

from archc import syntax
from archc.diagnostics import DiagnosticError, fail
from archc.errors import text as errors
from archc.evaluate import MAX_INTEGER
from archc.source import Source, Span

MAX_BYTES = 1_000_000
"""The longest spec that is read. The longest of the zoo has 6,000."""

MAX_WORDS = 20_000
"""How many names, numbers, signs and comments a spec may have: what is parsed in a second."""

MAX_NAME = 100
"""How long a name may be."""

MAX_DEPTH = 100
"""How deep brackets may be nested."""

MAX_DIGITS = 18
"""How long an integer may be: every count the compiler makes of such sizes stays exact."""


def read(path: Path, name: str | None = None) -> Source:
    """The text of a file. Raises `DiagnosticError` for what is no readable spec."""
    shown = name or str(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            fail(errors.TooLong(path=shown, limit=MAX_BYTES, unit="bytes"))
    except OSError as error:
        fail(errors.CannotRead(path=shown, reason=(error.strerror or str(error)).lower()))
    except ValueError as error:  # a NUL in the path
        fail(errors.CannotRead(path=shown, reason=str(error)))
    try:
        decoded = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        fail(errors.NotText(path=shown, offset=error.start))
    # However the lines were ended on the author's machine, the text is the same.
    return Source(shown, decoded.replace("\r\n", "\n").replace("\r", "\n"))


def parse(source: Source) -> syntax.File:
    """The tree of a spec. Raises `DiagnosticError` with the first fault of its syntax."""
    file: syntax.File = _parse(source, "start")
    return file


def parse_expression(source: Source) -> syntax.Expr:
    """The tree of a single expression, such as the value of `--set`."""
    expr: syntax.Expr = _parse(source, "value")
    return expr


def _parse(source: Source, start: str) -> Any:
    """What the rule `start` of the grammar makes of a text."""
    if len(source.text) > MAX_BYTES:
        fail(errors.TooLong(path=source.name, limit=MAX_BYTES, unit="characters"))
    _bound(source)
    try:
        tree = _parser().parse(source.text, start)  # pyright: ignore[reportUnknownMemberType]
    except UnexpectedCharacters as error:
        fail(_strange(source, cast("int", error.pos_in_stream)))
    except UnexpectedToken as error:
        fail(_unexpected(source, error))
    try:
        # lark leaves the result of a transformer untyped; it is what the rule's method returns.
        return cast("Any", _Builder(source).transform(tree))  # pyright: ignore[reportUnknownMemberType]
    except VisitError as error:
        if isinstance(error.orig_exc, DiagnosticError):
            raise error.orig_exc from None
        raise


# Before the parser -----------------------------------------------------------------------

_CLOSES = {")": "(", "]": "[", "}": "{"}
_WORD = re.compile(r'"[^"\n]*"|#[^\n]*|[0-9A-Za-z_]+|[^\s]')


@dataclass(frozen=True, slots=True)
class _Bracket:
    """An open bracket, and how far the line that it stands on is indented."""

    kind: str
    span: Span
    indent: int


def _bound(source: Source) -> None:
    """Refuse what the parser and the walks after it could choke on, before they run."""
    open_: list[_Bracket] = []
    suspect: errors.UnclosedBracket | None = None
    for count, match in enumerate(_WORD.finditer(source.text)):
        word, start = match.group(), match.start()
        if count == MAX_WORDS:
            fail(
                errors.TooLong(path=source.name, limit=MAX_WORDS, unit="words, signs and comments")
            )
        if len(word) > MAX_NAME and not word[0].isdigit() and word[0] not in '"#':
            fail(errors.TooLongName(limit=MAX_NAME, span=_at(source, start, len(word))))
        if word == '"':
            fail(errors.UnterminatedString(span=_rest_of_line(source, start)))
        if word in "([{":
            span = _at(source, start, 1)
            open_.append(_Bracket(word, span, _indent(source, span)))
            if len(open_) > MAX_DEPTH:
                fail(errors.TooDeep(what="brackets", limit=MAX_DEPTH, span=span))
        elif word in ")]}":
            span = _at(source, start, 1)
            opened = open_.pop() if open_ else None
            if opened is None or opened.kind != _CLOSES[word]:
                fail(suspect or _wrong_bracket(word, span, opened))
            if suspect is None and _indent(source, span) == span.column - 1 < opened.indent:
                note = "this seems to close what is further out"
                suspect = errors.UnclosedBracket(
                    bracket=opened.kind, closed=span, note=note, span=opened.span
                )
    if open_:
        last = open_[-1]
        fail(suspect or errors.UnclosedBracket(bracket=last.kind, span=last.span))


def _wrong_bracket(
    word: str, span: Span, opened: _Bracket | None
) -> errors.UnclosedBracket | errors.WrongBracket:
    if opened is not None and word == "}":
        # Braces go over many lines: a parenthesis inside of them was forgotten.
        return errors.UnclosedBracket(
            bracket=opened.kind, closed=span, note="this comes first", span=opened.span
        )
    return errors.WrongBracket(bracket=word, opened=opened.span if opened else None, span=span)


def _indent(source: Source, span: Span) -> int:
    """How many blanks the line of a place begins with."""
    match = _BLANKS.match(source.text, source.line_starts[span.line - 1])
    return len(match.group()) if match else 0


_BLANKS = re.compile(r"[ \t]{0,200}")


def _at(source: Source, start: int, length: int) -> Span:
    return Span(source, start, min(start + length, len(source.text)))


def _rest_of_line(source: Source, start: int) -> Span:
    end = source.text.find("\n", start)
    return Span(source, start, len(source.text) if end < 0 else end)


# What lark complains of ------------------------------------------------------------------

_WORDS = {
    "NAME": "a name",
    "NUMBER": "a number",
    "DIMS": "a size such as 3x224x224",
    "STRING": "a string",
    "LBRACE": "'{'",
    "RBRACE": "'}'",
    "LPAR": "'('",
    "RPAR": "')'",
    "LSQB": "'['",
    "RSQB": "']'",
    "COMMA": "','",
    "COLON": "':'",
    "SEMICOLON": "';'",
    "VBAR": "'|'",
    "EQUAL": "'='",
    "DOT": "'.'",
    "COMPARE": "a comparison such as ==",
    "_NET": "a net",
    "_BLOCK": "a block",
    "EXPECT": "expect",
    "RECIPE": "recipe { ... }",
    "INIT": "init { ... }",
    "ASSUMED": "assumed",
    "TRUTH": "true or false",
    "$END": "the end",
}
_VALUES = {"NUMBER", "DIMS", "STRING", "NAME", "TRUTH", "LPAR", "LSQB", "MINUS"}
# What may go on after almost anything: saying so at every fault would help nobody.
_UNSAID = {"PLUS", "MINUS", "PRODUCT", "ASSUMED", "DOT", "EXPECT", "RECIPE", "INIT"}


def _expected(accepts: set[str]) -> tuple[str, ...]:
    """What could stand here, as a reader calls it."""
    if accepts >= _VALUES:
        return ("a value", *_said(accepts - _VALUES))
    if "INIT" in accepts:
        return ("a clause such as batch 128", "'}'")
    if {"NAME", "RBRACE"} <= accepts:
        return ("an op", *_said(accepts & {"VBAR", "RBRACE"}))
    if "VBAR" in accepts:
        return ("an op", "'|'")
    return _said(accepts - _UNSAID - ({"LPAR"} if "COMPARE" in accepts else set()))


def _said(kinds: set[str]) -> tuple[str, ...]:
    return tuple(sorted(_WORDS.get(kind, kind) for kind in kinds))


def _unexpected(source: Source, error: UnexpectedToken) -> errors.Unexpected | errors.NotYet:
    token: Token = error.token
    accepts = set(error.accepts or error.expected)
    if token.type == "$END":
        end = len(source.text.rstrip())
        return errors.Unexpected(found="", expected=_expected(accepts), span=_at(source, end, 1))
    text, start = str(token), token.start_pos or 0
    span = _at(source, start, len(text))
    before = source.line(span.line)[: span.column - 1]
    if {"NAME", "_NET"} & accepts:
        later = _LATER.search(before)
        if later:
            return errors.NotYet(
                word=later.group(),
                span=_at(source, span.start - len(before) + later.start(), len(later.group())),
            )
        if text in ("import", "defaults", "after"):
            return errors.NotYet(word=text, span=span)
    shown = text if len(text) <= MAX_NAME else f"{text[:MAX_NAME]}..."
    hint = _hint(token, accepts, before, source.text[start : start + 40])
    return errors.Unexpected(found=f"'{shown}'", expected=_expected(accepts), hint=hint, span=span)


# Conditions and loops are refused as such, not for what they hold.
_LATER = re.compile(r"\b(?:if|else|repeat|after)\b(?=[^{}()\"#]*$)")
_SHORTHAND = re.compile(r"(conv)([0-9]+)-([0-9]+)|(fc)-([0-9]+)|(soft-max)", re.IGNORECASE)


def _hint(token: Token, accepts: set[str], before: str, after: str) -> str:
    """What was probably meant, for the slips that are made most."""
    text = str(token)
    items = {"NAME", "RBRACE"} <= accepts or "VBAR" in accepts
    if token.type == "LBRACE" and accepts == {"NAME"}:
        return "a name comes first: net lenet { ... }"
    if token.type == "EQUAL" and "COMPARE" in accepts:
        return "equality is spelled =="
    if text in ("=", ":") and accepts >= _VALUES and "LBRACE" in accepts:
        return "a clause is a word and its value: batch 128"
    if text == "*" and before.endswith("*"):
        return "there are no powers: write the product out"
    if "COMMA" in accepts and token.type in _VALUES:
        return "a comma is missing before this"
    if token.type == "COMMA" and "RPAR" in accepts:
        return "a pair is written 3x3, or [3, k] where it is calculated"
    if "_NET" in accepts:
        return "a file holds one net, net lenet(classes = 10) { ... }, and its blocks"
    return _hint_of_item(token, accepts, before, after) if items else ""


def _hint_of_item(token: Token, accepts: set[str], before: str, after: str) -> str:
    """What was probably meant where an op or a clause may stand."""
    text = str(token)
    word = re.search(r"[A-Za-z0-9_]*$", before)
    short = _SHORTHAND.match((word.group() if word else "") + after)
    if short:
        conv, kernel, maps, fc, units, _ = short.groups()
        if conv:
            return f"{short.group()} is spelled conv({kernel}, 1, {maps}, pad=same) here"
        return f"{short.group()} is spelled {f'fc({units})' if fc else 'softmax'} here"
    if after.startswith(("//", "/*")):
        return "a comment begins with # and ends with its line"
    if after.startswith("->") or text in (",", ";", "+"):
        what = (
            "clauses stand side by side" if "INIT" in accepts else "ops side by side are composed"
        )
        return f"{what}: nothing stands between them"
    match text:
        case "|":
            return "branches stand in concat { | ... | ... }"
        case "=":
            return "a label is written with a colon, c1: conv(5, 1, 6); arguments stand in (...)"
        case ".":
            return "an op is a plain word and its arguments: conv(3, 1, 64)"
        case _:
            return (
                "a text in quotes stands first in its net or block"
                if token.type == "STRING"
                else ""
            )


def _strange(source: Source, offset: int) -> errors.StrangeCharacter | errors.BadNumber:
    character = source.text[offset]
    if character.isdigit() and character.isascii():
        match = re.compile(r"[0-9A-Za-z_.]+").match(source.text, offset)
        length = len(match.group()) if match else 1
        return errors.BadNumber(
            reason="is not written as numbers are",
            fix="numbers are written 64, 0.5, 1e-4, 138M; sizes 1x7, 3x224x224",
            span=_at(source, offset, length),
        )
    name = unicodedata.name(character, f"U+{ord(character):04X}")
    return errors.StrangeCharacter(
        character=character,
        name=name,
        plain=_plain(character, name),
        span=_at(source, offset, 1),
    )


_PLAIN = {"×": "x", "–": "-", "—": "-", "−": "-", "“": '"', "”": '"', "，": ",", "'": '"', "≈": "~"}
_LOOKALIKE = re.compile(r"(?:CYRILLIC|GREEK|FULLWIDTH LATIN) (SMALL|CAPITAL) LETTER (\w+)$")
_SHAPES = {"IE": "e", "ES": "c", "ER": "p", "HA": "x", "KOMI DE": "d", "ALPHA": "a", "OMICRON": "o"}


def _plain(character: str, name: str) -> str:
    """The ASCII character that this one is often mistaken for, or nothing."""
    folded = unicodedata.normalize("NFKC", character)
    if folded.isascii() and folded.isprintable() and folded.strip() and folded != character:
        return folded
    match = _LOOKALIKE.match(name)
    if match:
        letter = _SHAPES.get(match.group(2), match.group(2).lower())
        if len(letter) == 1:
            return letter if match.group(1) == "SMALL" else letter.upper()
    return _PLAIN.get(character, "")


# The tree --------------------------------------------------------------------------------


@cache
def _parser() -> Lark:
    grammar = Path(__file__).with_name("grammar.lark").read_text("utf-8")
    return Lark(
        grammar,
        start=["start", "value"],
        parser="lalr",
        propagate_positions=True,
        maybe_placeholders=True,
    )


@v_args(meta=True)
class _Builder(Transformer_NonRecursive[Token, Any]):
    """One method a rule of the grammar, called bottom-up and without recursion."""

    def __init__(self, source: Source) -> None:
        super().__init__(visit_tokens=False)
        self.source = source

    def _span(self, meta: Meta) -> Span:
        if meta.empty:
            return Span(self.source, 0, 0)
        return Span(self.source, meta.start_pos, meta.end_pos)

    def _token(self, token: Token) -> Span:
        start = token.start_pos or 0
        return Span(self.source, start, start + len(token))

    def _ident(self, token: Token) -> syntax.Ident:
        return syntax.Ident(str(token), self._token(token))

    def _declared(self, token: Token, role: str) -> syntax.Ident:
        """A name that the author chose: not a word of the language."""
        ident = self._ident(token)
        if ident.text in syntax.RESERVED:
            fail(errors.ReservedName(word=ident.text, role=role, span=ident.span))
        return ident

    def _string(self, token: Token) -> syntax.String:
        return syntax.String(str(token)[1:-1], self._token(token))

    def value(self, meta: Meta, children: list[Any]) -> syntax.Expr:
        expr: syntax.Expr = children[0]
        return expr

    # declarations

    def start(self, meta: Meta, children: list[Any]) -> syntax.File:
        return syntax.File(
            tuple(c for c in children if isinstance(c, syntax.Net)),
            tuple(c for c in children if isinstance(c, syntax.Block)),
            self._span(meta),
        )

    def net(self, meta: Meta, children: list[Any]) -> syntax.Net:
        name, params, doc, *body = children
        return syntax.Net(
            self._declared(name, "the name of a net"),
            params or (),
            "" if doc is None else str(doc)[1:-1],
            tuple(c for c in body if isinstance(c, syntax.Item)),
            tuple(c for c in body if isinstance(c, syntax.Expect)),
            tuple(c for c in body if isinstance(c, syntax.Recipe)),
            self._span(meta),
        )

    def block(self, meta: Meta, children: list[Any]) -> syntax.Block:
        name, params, doc, *items = children
        return syntax.Block(
            self._declared(name, "the name of a block"),
            params or (),
            "" if doc is None else str(doc)[1:-1],
            tuple(items),
            self._span(meta),
        )

    def params(self, meta: Meta, children: list[Any]) -> tuple[syntax.Param, ...]:
        return tuple(c for c in children if c is not None)

    def param(self, meta: Meta, children: list[Any]) -> syntax.Param:
        name, default = children
        return syntax.Param(self._declared(name, "a parameter"), default)

    # items

    def call(self, meta: Meta, children: list[Any]) -> syntax.Item:
        label, name, args, body = children
        if str(name) in ("net", "block"):
            hint = f"'{name}' begins at the top of a file; close the body before it with '}}'"
            span = self._token(name)
            fail(errors.Unexpected(found=f"'{name}'", expected=("an op",), hint=hint, span=span))
        return syntax.Item(
            None if label is None else self._declared(label, "a label"),
            self._ident(name),
            args or (),
            body,
            self._span(meta),
        )

    def group(self, meta: Meta, children: list[Any]) -> syntax.Item:
        label, body = children
        return syntax.Item(self._declared(label, "a label"), None, (), body, self._span(meta))

    def chain(self, meta: Meta, children: list[Any]) -> syntax.Chain:
        return syntax.Chain(tuple(children), self._span(meta))

    def branches(self, meta: Meta, children: list[Any]) -> syntax.Branches:
        return syntax.Branches(tuple(children), self._span(meta))

    def branch(self, meta: Meta, children: list[Any]) -> syntax.Branch:
        return syntax.Branch(tuple(children), self._span(meta))

    def args(self, meta: Meta, children: list[Any]) -> tuple[syntax.Arg, ...]:
        return tuple(c for c in children if c is not None)

    def arg(self, meta: Meta, children: list[Any]) -> syntax.Arg:
        name, value, assumed = children
        return syntax.Arg(
            None if name is None else self._ident(name), value, assumed, self._span(meta)
        )

    def assumed(self, meta: Meta, children: list[Any]) -> syntax.String:
        return self._string(children[0])

    def expect(self, meta: Meta, children: list[Any]) -> syntax.Expect:
        left, operator, right = children
        return syntax.Expect(left, str(operator), right, self._span(meta))

    # the recipe

    def recipe(self, meta: Meta, children: list[Any]) -> syntax.Recipe:
        return syntax.Recipe(tuple(children), self._span(meta))

    def setting(self, meta: Meta, children: list[Any]) -> syntax.Setting:
        name, value, assumed = children
        return syntax.Setting(self._ident(name), value, assumed, self._span(meta))

    def steps(self, meta: Meta, children: list[Any]) -> syntax.Steps:
        name, *items = children
        return syntax.Steps(self._ident(name), tuple(items), self._span(meta))

    def initialisation(self, meta: Meta, children: list[Any]) -> syntax.Initialisation:
        return syntax.Initialisation(tuple(children), self._span(meta))

    def rule(self, meta: Meta, children: list[Any]) -> syntax.Rule:
        targets = tuple(c for c in children if isinstance(c, syntax.Name))
        fills = tuple(c for c in children if isinstance(c, syntax.Fill))
        return syntax.Rule(targets, fills, self._span(meta))

    def target(self, meta: Meta, children: list[Any]) -> syntax.Name:
        return syntax.Name(tuple(str(c) for c in children), self._span(meta))

    def fill_weight(self, meta: Meta, children: list[Any]) -> syntax.Fill:
        name, args = children
        span = self._span(meta)
        return syntax.Fill(None, self._call(name, args or (), span), span)

    def fill_number(self, meta: Meta, children: list[Any]) -> syntax.Fill:
        what, number = children
        return syntax.Fill(self._ident(what), self._number(number), self._span(meta))

    def fill_form(self, meta: Meta, children: list[Any]) -> syntax.Fill:
        what, name, args = children
        call = self._call(name, args or (), self._token(name))
        return syntax.Fill(self._ident(what), call, self._span(meta))

    # expressions

    def number(self, meta: Meta, children: list[Any]) -> syntax.Number:
        return self._number(children[0])

    def _number(self, token: Token) -> syntax.Number:
        span = self._token(token)
        text = str(token)
        scale = {"K": 10**3, "M": 10**6, "G": 10**9}.get(text[-1], 1)
        digits = text.rstrip("KMG")
        mantissa, _, exponent = digits.lower().partition("e")
        # A fraction may begin with zeros: 0.0001 has one digit that counts.
        counting = mantissa.replace(".", "").lstrip("0")
        if len(counting) > MAX_DIGITS or len(mantissa) > 2 * MAX_DIGITS or len(exponent) > 4:
            fail(errors.BadNumber(reason=f"has more than {MAX_DIGITS} digits", span=span))
        places = len(mantissa.partition(".")[2])
        unit = scale * float(f"1e{int(exponent or 0) - places}")
        if digits.isdigit():
            if int(digits) * scale > MAX_INTEGER:
                fail(errors.BadNumber(reason="is too large", span=span))
            return syntax.Number(int(digits) * scale, unit / 2, span)
        value = float(digits) * scale
        if value in (float("inf"), float("-inf")):
            fail(errors.BadNumber(reason="is too large", span=span))
        if scale > 1 and value.is_integer() and value <= MAX_INTEGER:
            return syntax.Number(int(value), unit / 2, span)
        return syntax.Number(value, unit / 2, span)

    def dims(self, meta: Meta, children: list[Any]) -> syntax.Dims:
        token = children[0]
        parts = str(token).split("x")
        span = self._token(token)
        if any(len(part) > MAX_DIGITS for part in parts):
            fail(errors.BadNumber(reason=f"has more than {MAX_DIGITS} digits", span=span))
        return syntax.Dims(tuple(int(part) for part in parts), span)

    def string(self, meta: Meta, children: list[Any]) -> syntax.String:
        return self._string(children[0])

    def truth(self, meta: Meta, children: list[Any]) -> syntax.Truth:
        return syntax.Truth(str(children[0]) == "true", self._token(children[0]))

    def name(self, meta: Meta, children: list[Any]) -> syntax.Name:
        return syntax.Name(tuple(str(c) for c in children), self._span(meta))

    def form(self, meta: Meta, children: list[Any]) -> syntax.Call:
        name, args = children
        return self._call(name, args, self._span(meta))

    def _call(self, name: Token, args: tuple[syntax.Arg, ...], span: Span) -> syntax.Call:
        depth = self._deeper(span, *(arg.value for arg in args))
        return syntax.Call(self._ident(name), args, depth, span)

    def list(self, meta: Meta, children: list[Any]) -> syntax.Sequence:
        values, span = tuple(c for c in children if c is not None), self._span(meta)
        return syntax.Sequence(values, self._deeper(span, *values), span)

    def parens(self, meta: Meta, children: Sequence[Any]) -> Any:
        return children[0]

    def negative(self, meta: Meta, children: Sequence[Any]) -> syntax.Negative:
        operand, span = children[1], self._span(meta)
        return syntax.Negative(operand, self._deeper(span, operand), span)

    def binary(self, meta: Meta, children: Sequence[Any]) -> syntax.Binary:
        left, operator, right = children
        span = self._span(meta)
        return syntax.Binary(left, str(operator), right, self._deeper(span, left, right), span)

    def _deeper(self, span: Span, *operands: syntax.Expr) -> int:
        """The depth of an expression over these, bounded: later stages recurse into it."""
        depth = 1 + max((getattr(operand, "depth", 0) for operand in operands), default=0)
        if depth > MAX_DEPTH:
            fail(errors.TooDeep(what="expressions", limit=MAX_DEPTH, span=span))
        return depth
