"""The initialisation of a recipe as the method `reset_parameters`."""

from __future__ import annotations

from collections.abc import Sequence

from archc.emit.initialisation import groups_of, layers_of, op_of, own_groups, rules
from archc.emit.outline import Outline
from archc.emit.python import (
    Call,
    Items,
    Text,
    docstring,
    layout,
    literal,
    number,
    quoted,
    statement,
)
from archc.ops.conv import Conv, Deconv
from archc.ops.linear import Fc
from archc.recipe import (
    ConstantValue,
    Glorot,
    He,
    Initialiser,
    InitRule,
    Normal,
    Ones,
    Uniform,
    Zeros,
)

BIAS_GUARD = "                if layer.bias is not None:"


def reset_parameters(outline: Outline) -> list[str]:
    """The method: a loop a rule, in the recipe's order, so that later rules win."""
    found, said = rules(outline)
    lines = ["    def reset_parameters(self) -> None:", *_docstring(said)]
    for rule in found:
        lines += _RuleWriter(outline, rule).lines()
    return lines


def _docstring(said: str) -> list[str]:
    text = docstring(said)
    if len(text) + 15 <= 88:
        return [f'        """{text}."""']
    lines = ['        """Initialise by the recipe.', ""]
    for part in text.split("; "):
        words, line = part.split(" "), "       "
        for word in words:
            if len(line) + 1 + len(word) > 87:
                lines.append(line)
                line = "           "
            line += f" {word}"
        lines.append(f"{line};")
    lines[-1] = f"{lines[-1][:-1]}."
    return [*lines, '        """']


class _RuleWriter:
    def __init__(self, outline: Outline, rule: InitRule) -> None:
        self.outline = outline
        self.rule = rule
        self.layers = layers_of(outline)

    def lines(self) -> list[str]:
        layers = self.layers.values()
        kinds = [t for t in self.rule.targets if any(op_of(layer).word == t for layer in layers)]
        names = [path for path in self._paths() if path in self.layers]
        if isinstance(self.rule.weight, Glorot) and self._tower_wise(kinds, names):
            # The fan-out within a tower is known layer by layer only.
            names = [
                path
                for path, layer in self.layers.items()
                if op_of(layer).word in kinds or path in names
            ]
            kinds = []
        if not isinstance(self.rule.weight, He):
            return [*self._by_kind(kinds), *self._by_name(names)]
        # The fan-in of a deconv is on another axis of its weight than that of other layers.
        up = {path for path, layer in self.layers.items() if isinstance(op_of(layer), Deconv)}
        return [
            *self._by_kind([kind for kind in kinds if kind != Deconv.word]),
            *self._by_kind([kind for kind in kinds if kind == Deconv.word]),
            *self._by_name([name for name in names if name not in up]),
            *self._by_name([name for name in names if name in up]),
        ]

    def _paths(self) -> list[str]:
        """The attribute paths of the targets that are layers."""
        paths = self.outline.paths
        return [paths[target] for target in self.rule.targets if target in paths]

    def _tower_wise(self, kinds: Sequence[str], names: Sequence[str]) -> bool:
        """Whether a layer is several towers', which its module does not know."""
        return any(
            groups_of(layer) != own_groups(layer)
            for path, layer in self.layers.items()
            if op_of(layer).word in kinds or path in names
        )

    def _by_kind(self, kinds: Sequence[str]) -> list[str]:
        if not kinds:
            return []
        modules = [Text(module) for module in self._modules(kinds)]
        tested = modules[0] if len(modules) == 1 else Items(modules, "()")
        test = Call("isinstance", [Text("layer"), tested])
        lines = ["        for layer in self.modules():", *layout(test, 12, "if ", ":")]
        layers = [layer for layer in self.layers.values() if op_of(layer).word in kinds]
        grouped = any(groups_of(layer) > 1 for layer in layers)
        if isinstance(self.rule.weight, Glorot) and grouped:
            # nn.Linear has no groups.
            lines.append(f'{" " * 16}glorot_(layer.weight, getattr(layer, "groups", 1))')
        elif isinstance(self.rule.weight, He) and Deconv.word in kinds:
            lines.append(f"{' ' * 16}he_up_(layer.weight, layer.groups)")
        elif self.rule.weight:
            lines.append(f"                {_fill(self.rule.weight, 'layer.weight')}")
        if self.rule.bias:
            lines += [BIAS_GUARD, f"                    {_fill(self.rule.bias, 'layer.bias')}"]
        return lines

    def _modules(self, kinds: Sequence[str]) -> list[str]:
        """The classes that layers of these kinds are, each that the net has."""
        found: dict[str, None] = {}
        for layer in self.layers.values():
            match layer.op:
                case Conv() if Conv.word in kinds:
                    found["nn.Conv2d"] = None
                case Deconv() if Deconv.word in kinds:
                    found["nn.ConvTranspose2d"] = None
                case Fc(groups=groups) if Fc.word in kinds:
                    found["nn.Linear" if groups == 1 else "GroupedLinear"] = None
                case _:
                    pass
        return list(found)

    def _by_name(self, names: Sequence[str]) -> list[str]:
        lines: list[str] = []
        grouped = any(groups_of(self.layers[name]) > 1 for name in names)
        if isinstance(self.rule.weight, Glorot) and grouped:
            lines.append("        # How many towers and groups the outputs of a layer fall into.")
            lines.append("        groups = {")
            lines += [f"            {quoted(n)}: {groups_of(self.layers[n])}," for n in names]
            lines += [
                "        }",
                "        for name, n in groups.items():",
                '            glorot_(self.get_parameter(f"{name}.weight"), n)',
            ]
            if self.rule.bias and all(getattr(op_of(self.layers[n]), "bias", False) for n in names):
                target = 'self.get_parameter(f"{name}.bias")'
                return [*lines, f"            {_fill(self.rule.bias, target)}"]
        elif isinstance(self.rule.weight, He) and any(
            isinstance(op_of(self.layers[name]), Deconv) for name in names
        ):
            for name in names:
                weight = Call("self.get_parameter", [Text(quoted(f"{name}.weight"))])
                groups = Text(str(groups_of(self.layers[name])))
                lines += statement("", Call("he_up_", [weight, groups]), 8)
        elif names and self.rule.weight:
            lines += self._each(names, "weight", self.rule.weight)
        biased = [name for name in names if getattr(op_of(self.layers[name]), "bias", False)]
        if biased and self.rule.bias:
            lines += self._each(biased, "bias", self.rule.bias)
        return lines

    def _each(self, names: Sequence[str], what: str, form: Initialiser) -> list[str]:
        if len(names) == 1:
            target = f'self.get_parameter("{names[0]}.{what}")'
            return [f"        {_fill(form, target)}"]
        items = Items([Text(quoted(name)) for name in names], "()")
        head = statement("for name in ", items, 8)
        head[-1] += ":"
        target = f'self.get_parameter(f"{{name}}.{what}")'
        return [*head, f"            {_fill(form, target)}"]


def _fill(form: Initialiser, target: str) -> str:
    match form:
        case Normal(mean=mean, std=std):
            return f"nn.init.normal_({target}, {number(mean)}, {number(std)})"
        case Uniform(low=low, high=high):
            return f"nn.init.uniform_({target}, {number(low)}, {number(high)})"
        case Zeros() | ConstantValue(value=0.0):
            return f"nn.init.zeros_({target})"
        case Ones() | ConstantValue(value=1.0):
            return f"nn.init.ones_({target})"
        case ConstantValue(value=value):
            return f"nn.init.constant_({target}, {literal(value).text})"
        case Glorot():
            return f"nn.init.xavier_uniform_({target})"
        case He():
            return f'nn.init.kaiming_normal_({target}, nonlinearity="relu")'
        case _:
            raise TypeError(f"no PyTorch for the initialiser {form.word}")
