"""A batch of one image, which batch norm may have nothing to normalise by."""

from __future__ import annotations

from dataclasses import dataclass

from archc.diagnostics import Frame, fail
from archc.errors.training import LoneImage
from archc.ir import Graph
from archc.ops.norm import Bn
from archc.source import Span


@dataclass(frozen=True)
class Lone:
    """A batch norm that sees one value a channel of an image: behind an fc layer, or of a map of
    one pixel. Of one image the variance of its values is none."""

    layer: str
    """The canonical name."""
    span: Span
    trace: tuple[Frame, ...] = ()


def lone(graph: Graph) -> Lone | None:
    """The first of a net, its heads among it; None where all see several values of an image."""
    for node in graph.nodes:
        if node.op and node.op.word == Bn.word and node.each[1:] == (1, 1):
            return Lone(node.path, node.span, node.scope.trace)
    return None


def check_batches(of: Lone | None, images: int, batch: int, accumulate: int) -> None:
    """Raises `DiagnosticError` (E0814) where an epoch of so many images has a batch of one image
    for such a layer, or a batch a piece of one."""
    whole, last = min(batch, images), images % batch
    for size in (whole, last):
        if of is not None and size > 0 and not _fits(size, accumulate):
            fail(
                LoneImage(
                    layer=of.layer,
                    images=images,
                    batch=batch,
                    accumulate=accumulate,
                    last=size != whole,
                    better=_better(images, batch, accumulate),
                    span=of.span,
                    trace=of.trace,
                )
            )


def _fits(size: int, accumulate: int) -> bool:
    """Whether each piece of a batch has two images or more; of `archc.pieces.pieces` the smallest
    is the quotient, or one image."""
    return size // accumulate > 1


def _better(images: int, batch: int, accumulate: int) -> int | None:
    """The next larger batch that fits, the last one of an epoch too; None where none does."""
    if not _fits(images, accumulate):
        return None
    sizes = range(batch + 1, images + 1)
    # All images in one batch do fit.
    return next(
        n
        for n in sizes
        if _fits(n, accumulate) and (images % n == 0 or _fits(images % n, accumulate))
    )
