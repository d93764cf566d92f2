"""Normalisation across channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from archc.errors.shapes import GroupsDoNotDivide
from archc.ops.base import Count, Elementwise, OpError, Reach, Shape, elements


def _odd(n: int) -> int:
    if n % 2 == 0:
        raise ValueError("must be odd, so that it has a middle")
    return n


class Lrn(Elementwise):
    """Local response normalisation (Krizhevsky et al. 2012, Section 3.3).

    b_i = a_i / (k + alpha * sum of a_j^2 over the n channels around i)^beta. The sum is not
    divided by n; at the first and last channels it is cut off. With groups it stays within
    its own group of channels: what lrn is inside towers.
    """

    word: ClassVar[str] = "lrn"

    n: Annotated[Count, AfterValidator(_odd)]
    k: Annotated[float, Field(gt=0)] = 2.0
    alpha: Annotated[float, Field(ge=0)] = 1e-4
    beta: Annotated[float, Field(ge=0)] = 0.75
    groups: Count = 1

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if inputs[0][0] % self.groups:
            fault = GroupsDoNotDivide(groups=self.groups, channels=inputs[0][0], which="arrive")
            raise OpError(fault, "groups")
        return inputs[0]

    def other_flops(self, inputs: Sequence[Shape]) -> int:
        """An element: n squares, n - 1 additions, and *alpha, +k, ^beta, the division."""
        return elements(inputs[0]) * (2 * self.n + 3)

    def reach(self, inputs: Sequence[Shape]) -> Reach:
        """Neighbouring channels are at the same place."""
        return Reach()

    def side_by_side(self, towers: int, *, shared: bool) -> Mapping[str, int]:
        return {"groups": towers}
