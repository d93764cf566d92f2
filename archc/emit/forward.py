"""The body of a forward function: which values are nested, which are named, and how.

Element by element in the spec's order. Activations wrap what they follow, the branches of
a merge are written inside it, calls of parts in one line of the spec are nested; all else
is a statement of its own. The running value is `x`; one that is needed later has the name
of its layer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from archc.emit.outline import INPUT, Choice, Element, Layer, Loop, Part
from archc.emit.python import WIDTH, Either, Infix, Text, Tree, flat, identifier

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
class Branching:
    """`if condition:` and the statements of each arm, which leave the value in `target`."""

    target: str
    condition: str
    then: tuple[Line, ...]
    otherwise: tuple[Line, ...]
    value: int


Line = Statement | Branching


@dataclass(frozen=True)
class Body:
    """The statements of a forward function and the trees of the values asked for."""

    statements: tuple[Line, ...]
    results: tuple[Tree, ...]


Apply = Callable[[Element, Sequence[Tree]], Tree]
"""How a backend writes an element applied to its inputs; not a choice."""


def forward(
    elements: Sequence[Element],
    apply: Apply,
    taken: Collection[str],
    results: Sequence[int],
    skipped: Collection[int] = (),
) -> Body:
    """The forward function over the elements of a class.

    `results` are the values it returns, `skipped` elements that are applied elsewhere (aux
    heads), `taken` names that no local variable may have.
    """
    return _Writer(elements, apply, taken, results, skipped).write()


@dataclass(frozen=True)
class _Pending:
    """A value without a name yet: its tree, its nested calls, the named values it reads."""

    tree: Tree
    depth: int
    reads: frozenset[int]


class _Writer:
    def __init__(
        self,
        elements: Sequence[Element],
        apply: Apply,
        taken: Collection[str],
        results: Sequence[int],
        skipped: Collection[int],
        arriving: str = "x",
        running: str = "x",
        *,
        joins: bool = False,
    ) -> None:
        self.elements = elements
        self.apply = apply
        self.taken = frozenset(taken)
        self.results = results
        self.skipped = skipped
        self.uses = self._uses()
        self.pending: dict[int, _Pending] = {}
        self.joins = joins
        """Whether what it results in goes on into something: an arm does."""
        self.running = running
        """The variable for what is not needed for long."""
        self.named: dict[int, str] = {INPUT: arriving}
        self.holder: int | None = INPUT if arriving == running else None
        """The value that the running variable stands for at this point."""
        self.beside = identifier("out", self.taken)
        """The variable of a branch, while the running one is still needed by another."""
        self.beside_holder: int | None = None
        self.statements: list[Line] = []

    def write(self) -> Body:
        for value, element in enumerate(self.elements):
            if value in self.skipped:
                continue
            if isinstance(element, Choice):
                self._choice(value, element)
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
        for value, element in enumerate(self.elements):
            uses.setdefault(value, [])
            if value not in self.skipped:
                for source in element.inputs:
                    uses[source].append(value)
        for source in self.results:
            uses[source].append(len(self.elements))
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
        """Values that were pending, those that call something each in a statement of its own."""
        waiting = {
            value: pending
            for value, pending in zip(values, inputs, strict=True)
            if value not in self.named
        }
        # Until its own turn each is pending again, so that the names it reads stay held.
        self.pending.update(waiting)
        for value, pending in waiting.items():
            if pending.depth:
                self._name(value, self.pending.pop(value).tree)
        return [self._take(value) for value in values]

    def _stays(self, value: int, element: Element, made: _Pending) -> bool:
        """Whether the value is written where it is used, not in a statement of its own."""
        if len(self.uses[value]) != 1:
            return False
        user = self.uses[value][0]
        if user == len(self.elements):
            return True
        reader = self.elements[user]
        if _light(reader):
            return True
        if self._merge_after(value) is not None:
            return made.depth < DEEPEST and not self._normalised_after(value)
        # Parts called in one line of the spec stay in one line.
        parts = isinstance(element, Part | Loop) and isinstance(reader, Part | Loop)
        if parts and reader.line == element.line:
            return made.depth < DEEPEST and len(flat(made.tree)) < WIDTH // 2
        return False

    def _merge_after(self, value: int) -> int | None:
        """The merge in which the chain from a value ends, if it ends in one."""
        while len(self.uses[value]) == 1:
            value = self.uses[value][0]
            if value == len(self.elements):
                return value if self.joins else None
            if len(self.elements[value].inputs) > 1:
                return value
        return None

    def _normalised_after(self, value: int) -> bool:
        """Whether a layer and its normalisation follow before the merge: a unit a line."""
        while len(self.uses[value]) == 1 and self.uses[value][0] < len(self.elements):
            value = self.uses[value][0]
            element = self.elements[value]
            if len(element.inputs) > 1:
                return False
            if (
                _light(element)
                and isinstance(element, Layer)
                and element.op.weights(element.shapes)
            ):
                return True
        return False

    def _name(self, value: int, tree: Tree) -> None:
        users = self.uses[value]
        next_statement = value + 1
        lasting = len(users) > 1 and any(not self._soon(user, next_statement) for user in users)
        name = ""
        if lasting:
            name = self.elements[value].name
        elif self._held(value):
            if users == [value + 1] and not self._needed(self.beside_holder, value):
                self.named[value], self.beside_holder = self.beside, value
                self.statements.append(Statement(self.beside, tree, value))
                return
            name = self.elements[value].name
        target = self._target(value, name)
        self.statements.append(Statement(target, tree, value))

    def _target(self, value: int, name: str) -> str:
        """The variable of a value: of its own by a name, else the running one."""
        target = self.running
        if name:
            used = {"x", self.running, self.beside, *self.named.values()}
            target = identifier(name, self.taken | used)
        else:
            self.holder = value
        self.named[value] = target
        return target

    def _choice(self, value: int, choice: Choice) -> None:
        """One value of two arms: in a line where that is short, else a statement of its own."""
        (source,) = choice.inputs
        if source in self.pending:
            self._name(source, self.pending.pop(source).tree)
        arriving = self.named[source]
        condition = f"self.{choice.name}"
        if self.uses[value] == [len(self.elements)]:
            # The last: returned as it is, if that is short.
            either = self._either(choice, arriving, arriving)
            if either is not None and len(f"        return {flat(either)}") <= WIDTH:
                self.pending[value] = _Pending(either, 1, frozenset({source}))
                return
        target = self._target(value, "shortcut" if self._held(value) else "")
        either = self._either(choice, arriving, target)
        if either is not None and len(f"        {target} = {flat(either)}") <= WIDTH:
            self.statements.append(Statement(target, either, value))
            return
        then, otherwise = self._arms(choice, arriving, target)
        lines = [
            (*body.statements, *_kept(target, body.results[0], value)) for body in (then, otherwise)
        ]
        self.statements.append(Branching(target, condition, lines[0], lines[1], value))

    def _arms(self, choice: Choice, arriving: str, target: str) -> list[Body]:
        """Both arms, each from the value `arriving`, in the variable `target`."""
        return [
            _Writer(
                arm.elements,
                self.apply,
                self.taken,
                [arm.output],
                (),
                arriving,
                target,
                joins=True,
            ).write()
            for arm in (choice.then, choice.otherwise)
        ]

    def _either(self, choice: Choice, arriving: str, target: str) -> Either | None:
        """Both arms in one expression, if neither takes a statement."""
        then, otherwise = self._arms(choice, arriving, target)
        if then.statements or otherwise.statements:
            return None
        return Either(f"self.{choice.name}", then.results[0], otherwise.results[0])

    def _soon(self, user: int, after: int) -> bool:
        """Whether a user is part of the very next merge, so that `x` still holds the value."""
        if user == len(self.elements):
            return after == user
        merge = user if len(self.elements[user].inputs) > 1 else self._merge_after(user)
        return user == after or merge is not None

    def _held(self, value: int) -> bool:
        """Whether something after this value still reads what `x` stands for now."""
        return self._needed(self.holder, value)

    def _needed(self, holder: int | None, value: int) -> bool:
        """Whether something after this value still reads a variable that holds another."""
        if holder is None:
            return False
        waiting = any(holder in pending.reads for pending in self.pending.values())
        return waiting or any(user > value for user in self.uses[holder])


def _kept(target: str, tree: Tree, value: int) -> tuple[Line, ...]:
    """`target = tree`, unless that says nothing."""
    return () if flat(tree) == target else (Statement(target, tree, value),)


def _light(element: Element) -> bool:
    """Whether an element only wraps what it follows: activations, dropout, normalisation."""
    return isinstance(element, Layer) and element.op.wraps
