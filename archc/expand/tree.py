"""What a written-out spec holds: layers, groups, towers and heads, in the order of the text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from archc.ops.base import Op


@dataclass(eq=False, slots=True, kw_only=True)
class Named:
    """A part that has a name, or may be given one.

    `path` is its name in the spec, of which `outer` is the aux head that it stands in; a part
    that the spec does not have has none.
    """

    path: str
    outer: str
    label: str = ""
    """The label it is to have; after naming, the one it has."""
    name: str = ""
    """Its new name within its scope."""
    scope: str = ""
    """What its new name begins with outside of its scope: `aux1.`."""

    @property
    def trail(self) -> Sequence[str]:
        """Its name in the spec, call by call."""
        return self.path.removeprefix(self.outer).split(".")

    @property
    def full_name(self) -> str:
        return f"{self.scope}{self.name}"


@dataclass(eq=False, slots=True)
class Chain:
    """Parts in a row, behind the node `start`.

    `share` is the node that a branch of `split` begins with.
    """

    start: int
    parts: list[Part] = field(default_factory=list["Part"])
    share: int | None = None
    begin: Group | None = None
    """An empty group at its beginning, where `from` goes back to that."""


@dataclass(eq=False, slots=True, kw_only=True)
class Layer(Named):
    """An op, with its branches if it joins some."""

    node: int
    word: str
    op: Op
    arguments: str
    branches: Sequence[Chain] | None = None
    tiles: int = 0
    """How many maps are handed out to towers before it."""


@dataclass(eq=False, slots=True, kw_only=True)
class Group(Named):
    """`label: { ... }`."""

    chain: Chain


@dataclass(eq=False, slots=True, kw_only=True)
class Towers(Named):
    count: int
    chain: Chain


@dataclass(eq=False, slots=True, kw_only=True)
class Aux(Named):
    weight: str
    chain: Chain


@dataclass(eq=False, slots=True)
class From:
    """`from(label)`."""

    target: Layer | Group | Towers


@dataclass(eq=False, slots=True)
class Note:
    """A comment: what a call's argument is assumed from."""

    text: str


Part = Layer | Group | Towers | Aux | From | Note
