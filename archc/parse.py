"""Source -> Syntax: the text of a spec as a tree of spans.

lark does the parsing (`grammar.lark`, LALR(1)); this file bounds what reaches it,
turns its tree into ours, and words its complaints for a reader.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
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
from archc.source import Source, Span

MAX_BYTES = 1_000_000
"""The longest spec that is read. The longest of the zoo has 6,000."""

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
                size = path.stat().st_size
                fail(errors.TooLong(path=shown, size=size, limit=MAX_BYTES))
    except OSError as error:
        fail(errors.CannotRead(path=shown, reason=(error.strerror or str(error)).lower()))
    except ValueError as error:  # a NUL in the path
        fail(errors.CannotRead(path=shown, reason=str(error)))
    try:
        decoded = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        fail(errors.NotText(path=shown, offset=error.start))
    return Source(shown, decoded)


def parse(source: Source) -> syntax.File:
    """The tree of a spec. Raises `DiagnosticError` with the first fault of its syntax."""
    size = len(source.text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        fail(errors.TooLong(path=source.name, size=size, limit=MAX_BYTES))
    _check_brackets(source)
    try:
        tree = _parser().parse(source.text)  # pyright: ignore[reportUnknownMemberType]
    except UnexpectedCharacters as error:
        fail(_strange(source, cast("int", error.pos_in_stream)))
    except UnexpectedToken as error:
        fail(_unexpected(source, error))
    try:
        # lark leaves the result of a transformer untyped; it is what `start` returns.
        file: syntax.File = _Builder(source).transform(tree)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    except VisitError as error:
        if isinstance(error.orig_exc, DiagnosticError):
            raise error.orig_exc from None
        raise
    return file  # pyright: ignore[reportUnknownVariableType]


def parse_expression(source: Source) -> syntax.Expr:
    """The tree of a single expression, such as the value of `--set`."""
    _check_brackets(source)
    item = parse(Source(source.name, f"net value {{ recipe {{ value {source.text}\n}} }}"))
    recipe = item.nets[0].recipes[0]
    if len(recipe.clauses) != 1 or not isinstance(recipe.clauses[0], syntax.Setting):
        fail(errors.Unexpected(found=f"'{source.text}'", expected=("one value",)))
    return recipe.clauses[0].value


# Before the parser -----------------------------------------------------------------------

_CLOSES = {")": "(", "]": "[", "}": "{"}
_BRACKET = re.compile(r'"[^"\n]*"|#[^\n]*|[(){}\[\]]')


def _check_brackets(source: Source) -> None:
    """Bound the nesting, so that no later walk can be made to overflow its stack."""
    open_: list[tuple[str, int]] = []
    for match in _BRACKET.finditer(source.text):
        bracket = match.group()
        if bracket in "([{":
            open_.append((bracket, match.start()))
            if len(open_) > MAX_DEPTH:
                fail(
                    errors.TooDeep(
                        what="brackets", limit=MAX_DEPTH, span=_at(source, match.start(), 1)
                    )
                )
        elif bracket in ")]}":
            opened = open_.pop()[0] if open_ else ""
            if opened != _CLOSES[bracket]:
                span = _at(source, match.start(), 1)
                fail(errors.WrongBracket(bracket=bracket, opened=opened, span=span))
    if open_:
        bracket, offset = open_[-1]
        fail(errors.UnclosedBracket(bracket=bracket, span=_at(source, offset, 1)))


def _at(source: Source, start: int, length: int) -> Span:
    return Span(source, start, min(start + length, len(source.text)))


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
    "NET": "'net'",
    "BLOCK": "'block'",
    "EXPECT": "'expect'",
    "RECIPE": "'recipe'",
    "INIT": "'init'",
    "ASSUMED": "'assumed'",
    "TRUTH": "true or false",
    "$END": "the end of the file",
}
_VALUES = {"NUMBER", "DIMS", "STRING", "NAME", "TRUTH", "LPAR", "LSQB", "MINUS"}
_OPERATORS = {"PLUS", "MINUS", "PRODUCT"}


def _expected(accepts: set[str]) -> tuple[str, ...]:
    """The words that could stand here, the likely ones first, as a reader calls them."""
    if accepts >= _VALUES:
        rest = accepts - _VALUES
        return ("a value", *sorted(_WORDS.get(kind, kind) for kind in rest))
    kinds = accepts - _OPERATORS - {"ASSUMED", "DOT"}
    if len(kinds) > 6:
        kinds &= {"RBRACE", "RPAR", "NAME", "COMMA"}
    return tuple(sorted(_WORDS.get(kind, kind) for kind in kinds))


def _unexpected(source: Source, error: UnexpectedToken) -> errors.Unexpected | errors.NotYet:
    token: Token = error.token
    accepts = set(error.accepts or error.expected)
    if token.type == "$END":
        return errors.Unexpected(
            found="the end of the file",
            expected=_expected(accepts),
            span=_at(source, len(source.text.rstrip()), 1),
        )
    text = str(token)
    start = token.start_pos or 0
    span = _at(source, start, len(text))
    if text in ("import", "defaults", "after") and ("NET" in accepts or "NAME" in accepts):
        return errors.NotYet(word=text, span=span)
    hint = ""
    if "COMMA" in accepts and token.type in _VALUES:
        hint = "a comma is missing before this"
    elif token.type == "LBRACE" and "STRING" in accepts:
        hint = "a name comes first"
    elif "COMPARE" in accepts and token.type == "EQUAL":
        hint = "equality is spelled =="
    elif text in ("net", "block") and "RBRACE" in accepts:
        hint = f"'{text}' begins at the top of a file; close the body before it with '}}'"
    return errors.Unexpected(found=f"'{text}'", expected=_expected(accepts), hint=hint, span=span)


def _strange(source: Source, offset: int) -> errors.StrangeCharacter | errors.Diagnostic:
    character = source.text[offset]
    span = _at(source, offset, 1)
    if character == '"':
        line = source.text.find("\n", offset)
        end = len(source.text) if line < 0 else line
        return errors.UnterminatedString(span=Span(source, offset, end))
    if character.isdigit() and character.isascii():
        length = len(re.match(r"[0-9A-Za-z_.]+", source.text[offset:]).group())  # type: ignore[union-attr]
        return errors.BadNumber(
            reason="is not written as numbers are: 64, 0.5, 1e-4, 138M, 3x224x224",
            span=_at(source, offset, length),
        )
    name = unicodedata.name(character, f"U+{ord(character):04X}")
    return errors.StrangeCharacter(
        character=character, name=name, plain=_plain(character, name), span=span
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
    return Lark(grammar, parser="lalr", propagate_positions=True, maybe_placeholders=True)


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
        return syntax.Fill(None, syntax.Call(self._ident(name), args or (), span), span)

    def fill_number(self, meta: Meta, children: list[Any]) -> syntax.Fill:
        what, number = children
        return syntax.Fill(self._ident(what), self._number(number), self._span(meta))

    def fill_form(self, meta: Meta, children: list[Any]) -> syntax.Fill:
        what, name, args = children
        ident = self._ident(name)
        call = syntax.Call(ident, args or (), ident.span)
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
        if len(mantissa) > MAX_DIGITS or len(exponent) > 4:
            fail(errors.BadNumber(reason=f"has more than {MAX_DIGITS} digits", span=span))
        places = len(mantissa.partition(".")[2])
        unit = scale * float(f"1e{int(exponent or 0) - places}")
        if digits.isdigit():
            return syntax.Number(int(digits) * scale, unit / 2, span)
        value = float(digits) * scale
        if value in (float("inf"), float("-inf")):
            fail(errors.BadNumber(reason="is too large", span=span))
        if scale > 1 and value.is_integer():
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
        return syntax.Call(self._ident(name), args, self._span(meta))

    def list(self, meta: Meta, children: list[Any]) -> syntax.Sequence:
        return syntax.Sequence(tuple(c for c in children if c is not None), self._span(meta))

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
        depth = 1 + max(getattr(operand, "depth", 0) for operand in operands)
        if depth > MAX_DEPTH:
            fail(errors.TooDeep(what="operators", limit=MAX_DEPTH, span=span))
        return depth
