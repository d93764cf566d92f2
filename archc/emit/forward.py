"""The body of a forward function: which values are nested, which are named, and how.

Element by element in the spec's order. Activations wrap what they follow, the branches of
a merge are written inside it, calls of parts in one line of the spec are nested; all else
is a statement of its own. The running value is `x`; one that is needed later has the name
of its layer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from archc.emit.outline import INPUT, ClassOutline, Element, Layer, Part
from archc.emit.python import WIDTH, Infix, Text, Tree, flat, identifier

SHORT = WIDTH - 24
"""The longest sum or product that is written in one: it fits a line with what surrounds it."""

DEEPEST = 3
"""How many calls of layers and parts are nested before a statement ends."""


@dataclass(frozen=True)
class Statement:
    """`target = tree`. `value` is the element whose value it is."""

    target: str
    tree: Tree
    value: int


@dataclass(frozen=True)
class Body:
    """The statements of a forward function and the trees of the values asked for."""

    statements: tuple[Statement, ...]
    results: tuple[Tree, ...]


Apply = Callable[[Element, Sequence[Tree]], Tree]
"""How a backend writes an element applied to its inputs."""


def forward(
    made: ClassOutline,
    apply: Apply,
    taken: Collection[str],
    results: Sequence[int],
    skipped: Collection[int] = (),
) -> Body:
    """The forward function of a class.

    `results` are the values it returns, `skipped` elements that are applied elsewhere (aux
    heads), `taken` names that no local variable may have.
    """
    return _Writer(made, apply, taken, results, skipped).write()


@dataclass(frozen=True)
class _Pending:
    """A value without a name yet: its tree, its nested calls, the named values it reads."""

    tree: Tree
    depth: int
    reads: frozenset[int]


class _Writer:
    def __init__(
        self,
        made: ClassOutline,
        apply: Apply,
        taken: Collection[str],
        results: Sequence[int],
        skipped: Collection[int],
    ) -> None:
        self.made = made
        self.apply = apply
        self.taken = frozenset(taken)
        self.results = results
        self.skipped = skipped
        self.uses = self._uses()
        self.pending: dict[int, _Pending] = {}
        self.named: dict[int, str] = {INPUT: "x"}
        self.holder: int | None = INPUT
        """The value that `x` stands for at this point."""
        self.statements: list[Statement] = []

    def write(self) -> Body:
        for value, element in enumerate(self.made.elements):
            if value in self.skipped:
                continue
            made = self._made(element)
            if self._stays(value, element, made):
                self.pending[value] = made
            else:
                self._name(value, made.tree)
        trees = tuple(self._take(value).tree for value in self.results)
        return Body(tuple(self.statements), trees)

    def _uses(self) -> dict[int, list[int]]:
        """Who reads each value: elements by position, and the results after the last."""
        uses: dict[int, list[int]] = {INPUT: []}
        for value, element in enumerate(self.made.elements):
            uses.setdefault(value, [])
            if value not in self.skipped:
                for source in element.inputs:
                    uses[source].append(value)
        for source in self.results:
            uses[source].append(len(self.made.elements))
        return uses

    def _take(self, value: int) -> _Pending:
        if value in self.pending:
            return self.pending.pop(value)
        return _Pending(Text(self.named[value]), 0, frozenset({value}))

    def _made(self, element: Element) -> _Pending:
        inputs = [self._take(source) for source in element.inputs]
        tree = self.apply(element, [pending.tree for pending in inputs])
        if isinstance(tree, Infix) and len(flat(tree)) > SHORT:
            # A long sum reads better over names, and no formatter has to break it.
            inputs = self._all_named(element.inputs, inputs)
            tree = self.apply(element, [pending.tree for pending in inputs])
        depth = max(pending.depth for pending in inputs) + (not _light(element))
        reads = frozenset[int]().union(*(pending.reads for pending in inputs))
        return _Pending(tree, depth, reads)

    def _all_named(self, values: Sequence[int], inputs: Sequence[_Pending]) -> list[_Pending]:
        """Values that were pending, each in a statement of its own."""
        waiting = {
            value: pending for value, pending in zip(values, inputs, strict=True) if pending.depth
        }
        # Until its own turn each is pending again, so that the names it reads stay held.
        self.pending.update(waiting)
        for value in waiting:
            self._name(value, self.pending.pop(value).tree)
        return [self._take(value) for value in values]

    def _stays(self, value: int, element: Element, made: _Pending) -> bool:
        """Whether the value is written where it is used, not in a statement of its own."""
        if len(self.uses[value]) != 1:
            return False
        user = self.uses[value][0]
        if user == len(self.made.elements):
            return True
        reader = self.made.elements[user]
        if _light(reader):
            return True
        if self._merge_after(value) is not None:
            return made.depth < DEEPEST
        # Parts called in one line of the spec stay in one line.
        parts = isinstance(element, Part) and isinstance(reader, Part)
        if parts and _line(reader) == _line(element):
            return made.depth < DEEPEST and len(flat(made.tree)) < WIDTH // 2
        return False

    def _merge_after(self, value: int) -> int | None:
        """The merge in which the chain from a value ends, if it ends in one."""
        while len(self.uses[value]) == 1:
            value = self.uses[value][0]
            if value == len(self.made.elements):
                return None
            if len(self.made.elements[value].inputs) > 1:
                return value
        return None

    def _name(self, value: int, tree: Tree) -> None:
        users = self.uses[value]
        next_statement = value + 1
        lasting = len(users) > 1 and any(not self._soon(user, next_statement) for user in users)
        target = "x"
        if lasting or self._held(value):
            element = self.made.elements[value]
            target = identifier(element.name, self.taken | {"x", *self.named.values()})
        else:
            self.holder = value
        self.named[value] = target
        self.statements.append(Statement(target, tree, value))

    def _soon(self, user: int, after: int) -> bool:
        """Whether a user is part of the very next merge, so that `x` still holds the value."""
        if user == len(self.made.elements):
            return after == user
        merge = user if len(self.made.elements[user].inputs) > 1 else self._merge_after(user)
        return user == after or merge is not None

    def _held(self, value: int) -> bool:
        """Whether something after this value still reads what `x` stands for now."""
        if self.holder is None:
            return False
        waiting = any(self.holder in pending.reads for pending in self.pending.values())
        return waiting or any(user > value for user in self.uses[self.holder])


def _line(element: Element) -> int:
    return (element.scope if isinstance(element, Part) else element.node).span.line


def _light(element: Element) -> bool:
    """Whether an element only wraps what it follows: activations and dropout."""
    return isinstance(element, Layer) and element.op.wraps
