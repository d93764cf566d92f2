"""The words of a chain that are no ops: what holds other items, and what is kept for later."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from archc import syntax
from archc.form import Form
from archc.ops.base import Op
from archc.ops.merge import Add, Concat, Mul


class Towers(Form):
    """`towers(n) { ... }`: n copies with weights of their own, side by side (AlexNet, Fig. 2)."""

    word = "towers"
    n: Annotated[int, Field(ge=2, le=1024)]


class Aux(Form):
    """`aux(weight) { ... }`: a side branch with a loss of its own (GoogLeNet, Section 5)."""

    word = "aux"
    weight: Annotated[float, Field(gt=0)]


MERGES: dict[str, type[Op]] = {"concat": Concat, "add": Add, "mul": Mul, "split": Concat}
"""What joins branches, and the op that joins them; `split` hands each branch its share."""

STRUCTURES = ("input", *MERGES, "towers", "aux", "skip", "from")


def word_of(item: syntax.Step) -> str:
    """The word that an item begins with: ops are the same in capitals."""
    return item.name.text.lower() if isinstance(item, syntax.Item) and item.name else ""


def is_bare_skip(items: Sequence[syntax.Step]) -> bool:
    """Whether a chain is `skip` and nothing else."""
    item = items[0] if len(items) == 1 else None
    if not isinstance(item, syntax.Item) or item.args or item.body or item.label:
        return False
    return word_of(item) == "skip"


class Times(Form):
    """`repeat(n) { ... }`: the chain n times, each with weights of its own."""

    word = "repeat"
    n: Annotated[int, Field(ge=0)]
