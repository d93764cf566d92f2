"""The constructor of a class: what it keeps of its arguments, and the modules it makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archc.emit.dialect import Dialect
from archc.emit.outline import (
    Argument,
    Choice,
    ClassOutline,
    Element,
    Layer,
    Loop,
    Part,
    Run,
    Tap,
)
from archc.emit.python import (
    Call,
    Each,
    Infix,
    Items,
    Text,
    Tree,
    flat,
    function_head,
    statement,
)
from archc.emit.written import Written
from archc.ir import Scope


def constructor(
    made: ClassOutline,
    written: Mapping[int, Written],
    stored: Mapping[str, str],
    dialect: Dialect,
    taps: Sequence[Tap],
    *,
    is_net: bool,
) -> list[str]:
    """`__init__` of a class, nothing where it has neither arguments nor modules.

    `written` is what each layer is, by its identity; `stored` the parameters that `forward`
    needs, and their attributes.
    """
    body = [f"        self.{attribute} = {name}" for name, attribute in stored.items()]
    body += _Modules(written, dialect, is_net=is_net).lines(made.elements, 8)
    added = dialect.constructor_parameters(made)
    if not body and not added:
        return []
    params = ["self"]
    for parameter in made.parameters:
        default = f" = {parameter.default}" if parameter.default else ""
        kind = parameter.type
        if kind == "op":
            kind = f"Callable[[{dialect.array}], {dialect.array}]"
        params.append(f"{parameter.name}: {kind}{default}")
    body = [
        *dialect.before_modules(made, taps),
        *body,
        *(dialect.after_modules(made) if is_net else ()),
    ]
    return [
        *function_head("__init__", [*params, *added], "None", 4),
        *(body or ["        pass"]),
    ]


class _Modules:
    """Writes the modules that a constructor makes; those of the net with their lines."""

    def __init__(self, written: Mapping[int, Written], dialect: Dialect, *, is_net: bool) -> None:
        self.written = written
        self.dialect = dialect
        self.is_net = is_net

    def lines(self, elements: Sequence[Element], indent: int) -> list[str]:
        lines: list[str] = []
        for element in elements:
            if isinstance(element, Choice):
                lines += self._choice(element, indent)
                continue
            tree = self._module(element)
            if tree is not None:
                remark = f"line {element.line}" if self.is_net else ""
                lines += statement(f"self.{element.name} = ", tree, indent, remark)
        return lines

    def _module(self, element: Element) -> Tree | None:
        match element:
            case Layer():
                return self.written[id(element)].module
            case Part():
                return self._instance(element.made, element.args, element.scope)
            case Loop():
                runs = [self._run(run, element.scope) for run in element.runs]
                return Call(self.dialect.sequential, runs)
            case Choice():
                raise TypeError("a choice is no module")

    def _instance(self, made: ClassOutline, args: Sequence[Argument], scope: Scope) -> Call:
        given = [
            arg if isinstance(arg, Text) else self.dialect.as_function(arg, scope) for arg in args
        ]
        return self.dialect.instance(Call(made.name, given), made)

    def _run(self, run: Run, scope: Scope) -> Tree:
        instance = self._instance(run.made, run.args, scope)
        if run.times.text == "1":
            return instance
        values: Tree = Call("range", [run.times])
        if run.rows:
            one = len(run.rows[0]) == 1
            rows = [Text(row[0] if one else f"({', '.join(row)})") for row in run.rows]
            values = Items(rows, "()")
        return Each(instance, run.index or "_", values)

    def _choice(self, choice: Choice, indent: int) -> list[str]:
        pad = " " * indent
        lines = statement(f"self.{choice.name} = ", _condition(choice.condition.text), indent)
        both = self._in_both(choice)
        for name, tree in both.items():
            lines += statement(f"self.{name} = ", tree, indent)
        arms = [
            [
                element
                for element in arm.elements
                if isinstance(element, Choice) or element.name not in both
            ]
            for arm in (choice.then, choice.otherwise)
        ]
        arm = _Modules(self.written, self.dialect, is_net=False)
        then = arm.lines(arms[0], indent + 4)
        otherwise = arm.lines(arms[1], indent + 4)
        if then:
            lines += [f"{pad}if self.{choice.name}:", *then]
            if otherwise:
                lines += [f"{pad}else:", *otherwise]
        elif otherwise:
            lines += [f"{pad}if not self.{choice.name}:", *otherwise]
        return lines

    def _in_both(self, choice: Choice) -> dict[str, Tree]:
        """The modules that both arms make alike."""
        made: list[dict[str, Tree]] = []
        for arm in (choice.then, choice.otherwise):
            trees = {
                element.name: self._module(element)
                for element in arm.elements
                if not isinstance(element, Choice)
            }
            made.append({name: tree for name, tree in trees.items() if tree is not None})
        then, otherwise = made
        return {
            name: tree
            for name, tree in then.items()
            if name in otherwise and flat(otherwise[name]) == flat(tree)
        }


def _condition(text: str) -> Tree:
    """A condition, as what can be broken at its `or`s, or at its `and`s."""
    for operator in ("or", "and"):
        parts = text.split(f" {operator} ")
        if len(parts) > 1 and all(part.count("(") == part.count(")") for part in parts):
            return Infix(operator, [Text(part) for part in parts])
    return Text(text)
