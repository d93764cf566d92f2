"""lark's tree, turned into `archc.syntax`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from lark import (
    Token,
    Tree,
    v_args,  # pyright: ignore[reportUnknownVariableType]
)
from lark.exceptions import VisitError
from lark.tree import Meta
from lark.visitors import Transformer_NonRecursive

from archc import syntax
from archc.diagnostics import DiagnosticError, fail
from archc.errors import text as errors
from archc.evaluate import MAX_INTEGER
from archc.limits import MAX_DEPTH, MAX_DIGITS
from archc.source import Source, Span


def build_tree(source: Source, tree: Tree[Token]) -> Any:
    """What the methods of the rules make of lark's tree.

    Raises `DiagnosticError` with the first fault that the grammar lets pass.
    """
    try:
        # lark leaves the result of a transformer untyped; it is what the rule's method returns.
        return cast("Any", _TreeBuilder(source).transform(tree))  # pyright: ignore[reportUnknownMemberType]
    except VisitError as error:
        if isinstance(error.orig_exc, DiagnosticError):
            raise error.orig_exc from None
        raise


@v_args(meta=True)
class _TreeBuilder(Transformer_NonRecursive[Token, Any]):
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
