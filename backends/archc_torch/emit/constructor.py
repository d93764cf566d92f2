"""The constructor of a class: what it keeps of its arguments, and the modules it makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archc.emit.outline import (
    Argument,
    Choice,
    ClassOutline,
    Element,
    Layer,
    Loop,
    Part,
    Run,
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
from archc.ir import Scope
from archc_torch.ops import Written, as_function

OP = "Callable[[Tensor], Tensor]"
"""The type of a parameter that is a function of a map."""


def constructor(
    made: ClassOutline,
    written: Mapping[int, Written],
    stored: Mapping[str, str],
    *,
    is_net: bool,
) -> list[str]:
    """`__init__` of a class, nothing where it has neither arguments nor modules.

    `written` is what each layer is, by its identity; `stored` the parameters that `forward`
    needs, and their attributes.
    """
    body = [f"        self.{attribute} = {name}" for name, attribute in stored.items()]
    body += _modules(made.elements, written, 8, is_net=is_net)
    if not body:
        return []
    params = ["self"]
    for parameter in made.parameters:
        default = f" = {parameter.default}" if parameter.default else ""
        kind = OP if parameter.type == "op" else parameter.type
        params.append(f"{parameter.name}: {kind}{default}")
    lines = function_head("__init__", params, "None", 4)
    lines += ["        super().__init__()", *body]
    if is_net:
        lines.append("        self.reset_parameters()")
    return lines


def _modules(
    elements: Sequence[Element], written: Mapping[int, Written], indent: int, *, is_net: bool
) -> list[str]:
    lines: list[str] = []
    for element in elements:
        if isinstance(element, Choice):
            lines += _choice(element, written, indent)
            continue
        tree = _module(element, written)
        if tree is not None:
            remark = f"line {element.line}" if is_net else ""
            lines += statement(f"self.{element.name} = ", tree, indent, remark)
    return lines


def _module(element: Element, written: Mapping[int, Written]) -> Tree | None:
    match element:
        case Layer():
            return written[id(element)].module
        case Part():
            return _instance(element.made, element.args, element.scope)
        case Loop():
            return Call("nn.Sequential", [_run(run, element.scope) for run in element.runs])
        case Choice():
            raise TypeError("a choice is no module")


def _instance(made: ClassOutline, args: Sequence[Argument], scope: Scope) -> Call:
    given = [arg if isinstance(arg, Text) else as_function(arg, scope) for arg in args]
    return Call(made.name, given)


def _run(run: Run, scope: Scope) -> Tree:
    instance = _instance(run.made, run.args, scope)
    if run.times.text == "1":
        return instance
    values: Tree = Call("range", [run.times])
    if run.rows:
        one = len(run.rows[0]) == 1
        values = Items([Text(row[0] if one else f"({', '.join(row)})") for row in run.rows], "()")
    return Each(instance, run.index or "_", values)


def _choice(choice: Choice, written: Mapping[int, Written], indent: int) -> list[str]:
    pad = " " * indent
    lines = statement(f"self.{choice.name} = ", _condition(choice.condition.text), indent)
    both = _in_both(choice, written)
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
    then = _modules(arms[0], written, indent + 4, is_net=False)
    otherwise = _modules(arms[1], written, indent + 4, is_net=False)
    if then:
        lines += [f"{pad}if self.{choice.name}:", *then]
        if otherwise:
            lines += [f"{pad}else:", *otherwise]
    elif otherwise:
        lines += [f"{pad}if not self.{choice.name}:", *otherwise]
    return lines


def _in_both(choice: Choice, written: Mapping[int, Written]) -> dict[str, Tree]:
    """The modules that both arms make alike."""
    made: list[dict[str, Tree]] = []
    for arm in (choice.then, choice.otherwise):
        trees = {
            element.name: _module(element, written)
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
