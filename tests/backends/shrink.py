"""A spec made shorter as long as it still shows its fault: what is printed of a random net."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from archc import syntax
from archc.diagnostics import DiagnosticError
from archc.parser import parse
from archc.source import Source, Span

BODIES = syntax.Chain | syntax.Branches


def shrink(text: str, fails: Callable[[str], bool]) -> str:
    """The text with words left out, as many as `fails` goes on being true without.

    `fails` is asked about texts that may not be specs of nets; it is false for those.
    """
    while True:
        shorter = (each for each in _shorter(text) if len(each) < len(text) and fails(each))
        found = next(shorter, None)
        if found is None:
            return text
        text = found


def _shorter(text: str) -> Iterator[str]:
    """Texts without an item, a branch, an argument, a block, or the braces around items.

    The longest pieces first, so that few texts are tried.
    """
    try:
        file = parse(Source("shrink.arch", text))
    except DiagnosticError:
        return
    pieces = [(span, instead) for node in _nodes(file) for span, instead in _edits(node)]
    for span, instead in sorted(pieces, key=lambda piece: -(piece[0].end - piece[0].start)):
        before, after = text[: span.start], text[span.end :]
        yield f"{before}{instead}{after}"
        # An argument leaves its comma.
        if not instead and before.rstrip().endswith(","):
            yield f"{before.rstrip()[:-1]}{after}"
        elif not instead and after.lstrip().startswith(","):
            yield f"{before}{after.lstrip()[1:].lstrip()}"


def _edits(node: object) -> Iterator[tuple[Span, str]]:
    """Places of a node that can be left out or replaced, and by what."""
    match node:
        case syntax.Item() | syntax.Repeat():
            yield node.span, ""
            if node.body is not None:
                for items in _chains(node.body):
                    yield node.span, items
            if node.label is not None:
                yield node.label.span.to(node.span), node.span.text.partition(":")[2]
        case syntax.Choice(then=then, otherwise=otherwise):
            yield node.span, ""
            for body in (then, otherwise):
                if isinstance(body, BODIES):
                    for items in _chains(body):
                        yield node.span, items
        case syntax.Branch() | syntax.Arg() | syntax.Block() | syntax.After() | syntax.Defaults():
            yield node.span, ""
        case syntax.Param(name=name, default=default) if default is not None:
            yield name.span.to(default.span), ""
        case _:
            pass


def _chains(body: syntax.Chain | syntax.Branches) -> list[str]:
    """The texts of the chains in braces."""
    if isinstance(body, syntax.Branches):
        chains = [branch.items for branch in body.branches]
    else:
        chains = [body.items]
    return [items[0].span.to(items[-1].span).text for items in chains if items]


def _nodes(node: object) -> Iterator[object]:
    """A node of the syntax and all below it."""
    yield node
    if isinstance(node, tuple) and not isinstance(node, Span):
        for child in node:
            yield from _nodes(child)
