"""Which parts of a program are computed again on the way back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from archc.diagnostics import fail
from archc.errors.training import NothingToRecompute

T = TypeVar("T")
Children = Callable[[T], Iterable[T]]


def units(net: T, name: str, children: Children[T]) -> list[T]:
    """The outermost blocks that have layers of their own: what is kept is what arrives at them.

    A block of blocks alone, a stage, is looked into. Blocks are the modules whose class the
    program defines, as it does `net`'s, and that hold others: `children` gives those within one.
    Raises `DiagnosticError` (E0851) where the net has no block.
    """
    program = type(net).__module__

    def is_block(module: T) -> bool:
        return type(module).__module__ == program and any(True for _ in children(module))

    def is_of_blocks(module: T) -> bool:
        """Whether it is a block or a row of them, and no layer."""
        within = list(children(module))
        return bool(within) and (is_block(module) or all(map(is_of_blocks, within)))

    found: list[T] = []

    def collect(module: T) -> None:
        for child in children(module):
            if is_block(child) and not all(map(is_of_blocks, children(child))):
                found.append(child)
            else:
                collect(child)

    collect(net)
    if not found:
        fail(NothingToRecompute(net=name))
    return found
