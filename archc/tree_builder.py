"""What each rule of the grammar becomes: `archc.syntax`, made as the text is parsed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archc import syntax
from archc.diagnostics import Diagnostic, Sink
from archc.errors import text as errors
from archc.lalr import Action
from archc.limits import MAX_DEPTH, MAX_DIGITS, MAX_INTEGER
from archc.source import Span
from archc.syntax import Ident
from archc.syntax_errors import IN_THE_NET, meant_by_line

Children = list[Any]
"""The parts of a rule: words are `Ident`s, the others what their rules became."""


class TreeBuilder:
    """One method a rule or alias of `grammar.lark`. Faults go to the sink; building goes on."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.stray: Span | None = None
        """The last word that could begin no item: what stands behind it means nothing either."""

    def actions(self) -> Mapping[str, Action]:
        """The methods by the names that the grammar uses."""
        return {name: getattr(self, name) for name in _RULES}

    def _declared(self, ident: Ident, role: str) -> Ident:
        """A name that the author chose: not a word of the language."""
        if ident.text in syntax.RESERVED:
            self._report(errors.ReservedName(word=ident.text, role=role, span=ident.span))
        return ident

    def _labelled(self, label: Ident | None) -> Ident | None:
        return None if label is None else self._declared(label, "a label")

    def _report(self, fault: Diagnostic) -> None:
        self.sink.add(fault)

    def value(self, children: Children, span: Span) -> syntax.Expr:
        expr: syntax.Expr = children[0]
        return expr

    # declarations

    def start(self, children: Children, span: Span) -> syntax.File:
        return syntax.File(
            tuple(c for c in children if isinstance(c, syntax.Import)),
            tuple(c for c in children if isinstance(c, syntax.Net)),
            tuple(c for c in children if isinstance(c, syntax.Block)),
            span,
        )

    def bring(self, children: Children, span: Span) -> syntax.Import:
        return syntax.Import(_string(children[0]), span)

    def net(self, children: Children, span: Span) -> syntax.Net:
        name, params, doc, *body = children
        return syntax.Net(
            self._declared(name, "the name of a net"),
            params or (),
            _doc(doc),
            tuple(c for c in body if isinstance(c, syntax.Item | syntax.Repeat | syntax.Choice)),
            tuple(c for c in body if isinstance(c, syntax.Expect)),
            tuple(c for c in body if isinstance(c, syntax.Recipe)),
            tuple(c for c in body if isinstance(c, syntax.Defaults)),
            tuple(c for c in body if isinstance(c, syntax.After)),
            span,
        )

    def block(self, children: Children, span: Span) -> syntax.Block:
        name, params, doc, *items = children
        return syntax.Block(
            self._declared(name, "the name of a block"),
            params or (),
            _doc(doc),
            tuple(items),
            span,
        )

    def params(self, children: Children, span: Span) -> tuple[syntax.Param, ...]:
        return tuple(c for c in children if c is not None)

    def param(self, children: Children, span: Span) -> syntax.Param:
        name, default = children
        return syntax.Param(self._declared(name, "a parameter"), default)

    def defaults(self, children: Children, span: Span) -> syntax.Defaults:
        return syntax.Defaults(tuple(children), span)

    def after(self, children: Children, span: Span) -> syntax.After:
        # Names, `but` or None, items: the word that is no name parts them.
        names: list[Ident] = []
        rest = iter(children)
        but: Ident | None = None
        for child in rest:
            if child is None or child.text == "but":
                but = child
                break
            names.append(child)
        return syntax.After(tuple(names), but is not None, tuple(rest), span)

    # items

    def item(self, children: Children, span: Span) -> syntax.Choice:
        choice: syntax.Choice = children[0]
        return choice

    def call(self, children: Children, span: Span) -> syntax.Item:
        label, name, args, body = children
        if name.text in _NO_ITEMS:
            self._no_item(name)
        return syntax.Item(self._labelled(label), name, args or (), body, span)

    def _no_item(self, name: Ident) -> None:
        """Report a word of the language that cannot begin an item."""
        word = name.text
        if word in ("net", "block", "import"):
            hint = f"'{word}' begins at the top of a file; close the body before it with '}}'"
        else:
            line = name.span.source.line(name.span.line)
            hint = meant_by_line(line[: name.span.column - 1]) or _MEANT.get(word, "")
        self.stray = name.span
        found = f"'{word}'"
        self._report(errors.Unexpected(found=found, expected=("an op",), hint=hint, span=name.span))

    def call_by_word(self, children: Children, span: Span) -> syntax.Item:
        label, name, args = children
        return syntax.Item(self._labelled(label), name, args or (), None, span)

    def group(self, children: Children, span: Span) -> syntax.Item:
        label, body = children
        return syntax.Item(self._labelled(label), None, (), body, span)

    def repeat(self, children: Children, span: Span) -> syntax.Repeat:
        label, args, index, body = children
        if index is not None:
            self._declared(index, "the counter of a repeat")
        return syntax.Repeat(self._labelled(label), args, index, body, span)

    def choice(self, children: Children, span: Span) -> syntax.Choice:
        condition, then, otherwise = children
        depth = 1 + (otherwise.depth if isinstance(otherwise, syntax.Choice) else 0)
        if depth == MAX_DEPTH + 1:
            # Later stages recurse into them.
            self._report(errors.TooDeep(what="conditions", limit=MAX_DEPTH, span=span))
        return syntax.Choice(condition, then, otherwise, span, depth)

    def chain(self, children: Children, span: Span) -> syntax.Chain:
        return syntax.Chain(tuple(children), span)

    def branches(self, children: Children, span: Span) -> syntax.Branches:
        return syntax.Branches(tuple(children), span)

    def branch(self, children: Children, span: Span) -> syntax.Branch:
        return syntax.Branch(tuple(children), span)

    def args(self, children: Children, span: Span) -> tuple[syntax.Arg, ...]:
        return tuple(c for c in children if c is not None)

    def arg(self, children: Children, span: Span) -> syntax.Arg:
        name, value, assumed = children
        return syntax.Arg(name, value, assumed, span)

    def assumed(self, children: Children, span: Span) -> syntax.String:
        return _string(children[0])

    def expect(self, children: Children, span: Span) -> syntax.Expect:
        left, operator, right = children
        return syntax.Expect(left, operator.text, right, span)

    # the recipe

    def recipe(self, children: Children, span: Span) -> syntax.Recipe:
        return syntax.Recipe(tuple(children), span)

    def setting(self, children: Children, span: Span) -> syntax.Setting:
        name, value, assumed = children
        return syntax.Setting(name, value, assumed, span)

    def steps(self, children: Children, span: Span) -> syntax.Steps:
        name, *items = children
        return syntax.Steps(name, tuple(items), span)

    def assumed_step(self, children: Children, span: Span) -> syntax.AssumedStep:
        step, source = children
        return syntax.AssumedStep(step, source, span)

    def initialisation(self, children: Children, span: Span) -> syntax.Initialisation:
        return syntax.Initialisation(tuple(children), span)

    def rule(self, children: Children, span: Span) -> syntax.Rule:
        targets = tuple(c for c in children if isinstance(c, syntax.Name))
        fills = tuple(c for c in children if isinstance(c, syntax.Fill))
        return syntax.Rule(targets, fills, span)

    def target(self, children: Children, span: Span) -> syntax.Name:
        return syntax.Name(tuple(children[0].text.split(".")), span)

    def fill_weight(self, children: Children, span: Span) -> syntax.Fill:
        name, args = children
        return syntax.Fill(None, self._call(name, args or (), span), None, span)

    def fill_number(self, children: Children, span: Span) -> syntax.Fill:
        what, number = children
        return syntax.Fill(what, self._number(number), None, span)

    def fill_negative(self, children: Children, span: Span) -> syntax.Fill:
        what, _, word = children
        number = self._number(word)
        return syntax.Fill(what, number._replace(value=-number.value), None, span)

    def fill_form(self, children: Children, span: Span) -> syntax.Fill:
        what, name, args = children
        whole = name.span.to(span)
        return syntax.Fill(what, self._call(name, args or (), whole), None, span)

    def assumed_fill(self, children: Children, span: Span) -> syntax.Fill:
        fill, source = children
        return fill._replace(assumed=source)

    # expressions

    def number(self, children: Children, span: Span) -> syntax.Number:
        return self._number(children[0])

    def _number(self, word: Ident) -> syntax.Number:
        text, span = word
        if text.isdigit() and len(text) <= MAX_DIGITS:
            return syntax.Number(int(text), 0.5, span)
        scale = {"K": 10**3, "M": 10**6, "G": 10**9}.get(text[-1], 1)
        digits = text.rstrip("KMG")
        mantissa, _, exponent = digits.lower().partition("e")
        # A fraction may begin with zeros: 0.0001 has one digit that counts.
        counting = mantissa.replace(".", "").lstrip("0")
        if len(counting) > MAX_DIGITS or len(mantissa) > 2 * MAX_DIGITS or len(exponent) > 4:
            return self._no_number(f"has more than {MAX_DIGITS} digits", span)
        places = len(mantissa.partition(".")[2])
        half = scale * float(f"1e{int(exponent or 0) - places}") / 2
        value = int(digits) * scale if digits.isdigit() else float(digits) * scale
        if value == float("inf") or (digits.isdigit() and value > MAX_INTEGER):
            return self._no_number("is too large", span)
        if scale > 1 and isinstance(value, float) and value.is_integer() and value <= MAX_INTEGER:
            value = int(value)
        return syntax.Number(value, half, span)

    def _no_number(self, reason: str, span: Span) -> syntax.Number:
        self._report(errors.BadNumber(reason=reason, span=span))
        return syntax.Number(1, 0.5, span)

    def dims(self, children: Children, span: Span) -> syntax.Dims:
        parts = children[0].text.split("x")
        if any(len(part) > MAX_DIGITS for part in parts):
            self._report(errors.BadNumber(reason=f"has more than {MAX_DIGITS} digits", span=span))
            parts = ["1"]
        return syntax.Dims(tuple(int(part) for part in parts), span)

    def string(self, children: Children, span: Span) -> syntax.String:
        return _string(children[0])

    def truth(self, children: Children, span: Span) -> syntax.Truth:
        return syntax.Truth(children[0].text == "true", span)

    def name(self, children: Children, span: Span) -> syntax.Name:
        return syntax.Name((children[0].text,), span)

    def path(self, children: Children, span: Span) -> syntax.Name:
        return syntax.Name(tuple(children[0].text.split(".")), span)

    def form(self, children: Children, span: Span) -> syntax.Call:
        name, args = children
        return self._call(name, args, span)

    def _call(self, name: Ident, args: tuple[syntax.Arg, ...], span: Span) -> syntax.Call:
        depth = self._deeper(span, *(arg.value for arg in args))
        return syntax.Call(name, args, depth, span)

    def element(self, children: Children, span: Span) -> syntax.Element:
        name, place = children
        of = syntax.Name((name.text,), name.span)
        return syntax.Element(of, place, self._deeper(span, place), span)

    def list(self, children: Children, span: Span) -> syntax.Sequence:
        values = tuple(c for c in children if c is not None)
        return syntax.Sequence(values, self._deeper(span, *values), span)

    def parens(self, children: Children, span: Span) -> Any:
        return children[0]

    def negative(self, children: Children, span: Span) -> syntax.Negative:
        operand = children[1]
        return syntax.Negative(operand, self._deeper(span, operand), span)

    def contrary(self, children: Children, span: Span) -> syntax.Contrary:
        operand = children[1]
        return syntax.Contrary(operand, self._deeper(span, operand), span)

    def binary(self, children: Children, span: Span) -> syntax.Binary:
        left, operator, right = children
        return syntax.Binary(left, operator.text, right, self._deeper(span, left, right), span)

    def _deeper(self, span: Span, *operands: syntax.Expr) -> int:
        """The depth of an expression over these, bounded: later stages recurse into it."""
        depth = 1 + max((getattr(operand, "depth", 0) for operand in operands), default=0)
        if depth == MAX_DEPTH + 1:
            self._report(errors.TooDeep(what="expressions", limit=MAX_DEPTH, span=span))
        return depth


_NO_ITEMS = syntax.RESERVED - {
    "input", "concat", "add", "mul", "towers", "aux", "from", "skip",
}  # fmt: skip
"""The words of the language that begin no item."""

_MEANT = {
    **dict.fromkeys(("expect", "recipe", "defaults", "after"), IN_THE_NET),
    "in": "in is the number of channels that arrive: conv(1, 1, in)",
    "if": "an if takes no label; a group around it does: a: { if ... { ... } }",
    "as": "the counter stands before the braces: repeat(3) as i { ... }",
    "else": "else follows the closing brace of an if: if in == 64 { ... } else { ... }",
}
"""What was probably meant by them."""


def _string(word: Ident) -> syntax.String:
    return syntax.String(word.text[1:-1], word.span)


def _doc(word: Ident | None) -> str:
    return "" if word is None else word.text[1:-1]


_RULES = tuple(name for name in vars(TreeBuilder) if not name.startswith("_") and name != "actions")
