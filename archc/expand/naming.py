"""The names of what is written out: as its elaboration counts them, and labels where they stay.

A label stays where nothing else of its new scope has that name; else it is prefixed with the name
of the call that it came from, `i3a_conv1`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

from archc import ops
from archc.diagnostics import Sink
from archc.elaborate.place import Place
from archc.evaluate import Environment
from archc.expand.tree import Aux, Chain, Group, Layer, Named, Towers
from archc.expand.unroll import Unrolled
from archc.ir import Scope
from archc.limits import MAX_NAME
from archc.ops.merge import Part as PartOp
from archc.ops.merge import Tile


class _Counted(NamedTuple):
    """A part, and the name that it has without a label; none of a group."""

    part: Named
    name: str


class Names:
    """Every part's new name; by the names in the spec, and of layers by their node."""

    def __init__(self, tree: Unrolled) -> None:
        self.parts: dict[str, Named] = {}
        self.nodes: dict[int, str] = {0: "input"}
        self._scope(tree.chain, tree.graph.scope, "")

    def _scope(self, chain: Chain, scope: Scope, prefix: str) -> None:
        """Name what stands in the net, or in a head."""
        counter = Place(scope, Environment(), Sink())
        found = list(self._counted(chain, counter, prefix))
        _choose(found)
        for part, _ in found:
            part.scope = prefix
            if part.path:
                self.parts[part.path] = part
            if isinstance(part, Layer):
                self.nodes[part.node] = part.full_name
            elif isinstance(part, Aux):
                self._scope(part.chain, scope, f"{part.full_name}.")

    def _counted(self, chain: Chain, counter: Place, prefix: str) -> Iterator[_Counted]:
        """The parts of a scope, counted in the order that their elaboration does."""
        for part in chain.parts:
            match part:
                case Layer():
                    for branch in part.branches or ():
                        if branch.share is not None:
                            self.nodes[branch.share] = f"{prefix}{counter.count(PartOp.word)}"
                        yield from self._counted(branch, counter, prefix)
                    yield _Counted(part, counter.count(part.op.word))
                    for _ in range(part.tiles):
                        counter.count(Tile.word)
                case Group():
                    counter.count("group")
                    yield _Counted(part, "")
                    yield from self._counted(part.chain, counter, prefix)
                case Towers():
                    if part.label:
                        counter.count("towers")
                        yield _Counted(part, "")
                    yield from self._counted(part.chain, counter, prefix)
                case Aux():
                    yield _Counted(part, counter.count("aux"))
                case _:
                    pass


def _choose(found: list[_Counted]) -> None:
    """Choose the label of each part that needs one, so that no two names are the same."""
    taken = {"input"}
    later: list[Named] = []
    # What the author named outside of all calls has its name before all else.
    for part, _ in found:
        if part.label and part.path and len(part.trail) == 1:
            part.name = part.label
            taken.add(part.name)
    for part, name in found:
        if part.label:
            later += [part] if not part.name else []
        elif name in taken:
            later.append(part)
        else:
            part.name = name
            taken.add(name)
    often = Counter(part.label for part in later)
    for part in later:
        names = _candidates(part, alone=often[part.label] == 1)
        part.name = part.label = next(name for name in names if name not in taken)
        taken.add(part.name)


def _candidates(part: Named, *, alone: bool) -> Iterator[str]:
    """The names that a part could have, the best first; `alone`: no other has its label."""
    trail = part.trail
    label = part.label or trail[-1]
    names = [label] if part.label and alone else []
    names += ["_".join((*trail[begin:-1], label)) for begin in range(len(trail) - 2, -1, -1)]
    for name in names:
        # No name begins with the number of an iteration. In `init`, that of an op means all such.
        if len(name) <= MAX_NAME and not name[0].isdigit() and ops.find(name) is None:
            yield name
    for number in count(2):
        yield f"{label[: MAX_NAME - 12]}_{number}"
