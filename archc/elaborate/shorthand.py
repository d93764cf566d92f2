"""The papers' own shorthand: `conv3-64`, `FC-4096`, `soft-max` as the ops they stand for."""

from __future__ import annotations

import re

from archc import ops, syntax
from archc.source import Span

_PARTS = re.compile(r"([A-Za-z_]+?)([0-9]+(?:x[0-9]+)?)?-([A-Za-z0-9_]+)")


def spelled_out(item: syntax.Item) -> syntax.Item:
    """An item whose name has a hyphen, with arguments; the item itself where it means nothing.

    What the shorthand says goes to the fields that its op names, in order: a kernel before the
    hyphen, a number or a parameter behind it.
    """
    if item.name is None:
        return item
    name = item.name
    match = _PARTS.fullmatch(name.text)
    op = ops.find(match.group(1)) if match and match.group(3) else None
    if op is None or match is None or not op.hyphenated:
        # soft-max, max-pool: a name that is written with a hyphen.
        plain = name.text.replace("-", "")
        return item._replace(name=syntax.Ident(plain, name.span)) if ops.find(plain) else item
    begin = name.span.start
    said = [
        _value(match.group(i), Span(name.span.source, begin + match.start(i), begin + match.end(i)))
        for i in (2, 3)
        if match.group(i) is not None
    ]
    if len(said) != len(op.hyphenated):
        return item
    args = [
        syntax.Arg(syntax.Ident(field, value.span), value, None, value.span)
        for field, value in zip(op.hyphenated, said, strict=True)
    ]
    return item._replace(name=syntax.Ident(op.word, name.span), args=(*args, *item.args))


def _value(text: str, span: Span) -> syntax.Expr:
    if text.isdigit():
        return syntax.Number(int(text), 0.5, span)
    if re.fullmatch(r"[0-9]+x[0-9]+", text):
        return syntax.Dims(tuple(int(part) for part in text.split("x")), span)
    return syntax.Name((text,), span)
