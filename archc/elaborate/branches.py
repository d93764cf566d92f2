"""Branches: what they are, and why they cannot be joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from archc import syntax
from archc.diagnostics import Label
from archc.elaborate.structures import is_bare_skip
from archc.errors import shapes as shape_errors
from archc.ir import Node
from archc.ops.base import Shape, pair, written
from archc.ops.conv import Conv
from archc.ops.merge import Mul
from archc.ops.pool import Pool
from archc.source import Span


def items_span(branch: syntax.Branch) -> Span:
    """A branch without its '|'."""
    return branch.items[0].span.to(branch.items[-1].span)


def is_skip(branch: syntax.Branch) -> bool:
    """Whether a branch is `skip`: what arrives, unchanged."""
    return is_bare_skip(branch.items)


def branches_differ(
    fault: shape_errors.BranchesDiffer,
    item: syntax.Item,
    shapes: Sequence[Shape],
    starts: Sequence[int],
    nodes: Sequence[Node],
) -> shape_errors.BranchesDiffer:
    """The same fault, pointing at the branch that is unlike the most."""
    branches = item.body.branches if isinstance(item.body, syntax.Branches) else ()
    sizes = [shape[1:] for shape in shapes]
    if fault.op == Mul.word and set(sizes) != {(1, 1)}:
        # A C x 1 x 1 branch goes with any size.
        large = next(size for size in sizes if size != (1, 1))
        sizes = [large if size == (1, 1) else size for size in sizes]
    usual = max(sizes, key=sizes.count)
    odd = next((i for i, size in enumerate(sizes) if size != usual), None)
    if odd is None:
        return _channels_differ(fault, branches, shapes)
    other = sizes.index(usual)
    fix = _kept(odd, usual, starts, nodes)
    if not fix and len(sizes) == 2:
        # Of two branches, either may be the odd one.
        fix = _kept(other, sizes[odd], starts, nodes)
    label = Label(items_span(branches[other]), f"this branch is {written(usual)}")
    return replace(
        fault, shape=shapes[odd], branches=(label,), fix=fix, span=items_span(branches[odd])
    )


def _kept(branch: int, size: tuple[int, ...], starts: Sequence[int], nodes: Sequence[Node]) -> str:
    """How the one op of a branch that makes its map smaller would keep it at a size."""
    end = starts[branch + 1] if branch + 1 < len(starts) else len(nodes)
    shrinking = [
        node
        for node in nodes[starts[branch] : end]
        if node.each[1:] != nodes[node.inputs[0]].each[1:]
    ]
    if len(shrinking) != 1 or not isinstance(shrinking[0].op, Conv | Pool):
        return ""
    op = shrinking[0].op
    kernel = pair(op.kernel)
    before = nodes[shrinking[0].inputs[0]].each[1:]
    if before != size or not kernel[0] % 2 or not kernel[1] % 2:
        return ""
    window = kernel[0] if kernel[0] == kernel[1] else written(kernel)
    out = f", {op.out}" if isinstance(op, Conv) else ""
    return f"{op.word}({window}, 1{out}, pad=same) keeps {written(size)}"


def _channels_differ(
    fault: shape_errors.BranchesDiffer, branches: Sequence[syntax.Branch], shapes: Sequence[Shape]
) -> shape_errors.BranchesDiffer:
    """The same fault where only the numbers of channels are unlike."""
    widths = [shape[0] for shape in shapes]
    usual = max(widths, key=widths.count)
    odd = next(i for i, width in enumerate(widths) if width != usual)
    other = widths.index(usual)
    label = Label(items_span(branches[other]), f"this branch has {usual} channels")
    where = "in its place" if is_skip(branches[odd]) else "at the end of this branch"
    fix = f"conv(1, 1, {usual}) {where} gives {usual} channels"
    return replace(
        fault,
        shape=shapes[odd],
        channels=True,
        branches=(label,),
        fix=fix,
        span=items_span(branches[odd]),
    )
