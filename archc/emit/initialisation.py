"""Where the weights of a program begin: what the recipe says, in the order of its rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from archc.emit.outline import Outline
from archc.ir import Node
from archc.ops.base import Op
from archc.ops.conv import Conv, Deconv
from archc.ops.linear import Fc
from archc.recipe import ConstantValue, Glorot, InitRule, spell

DEFAULT = InitRule(("conv", "fc"), Glorot(), ConstantValue(value=0.0))
"""Where a recipe says nothing: the same on every backend (docs/language.md)."""


def rules(outline: Outline) -> tuple[list[InitRule], str]:
    """The rules, behind the default where they leave anything to it; and all of them in words."""
    recipe = outline.graph.recipe
    found = list(recipe.init) if recipe is not None else []
    said = "; ".join(spelled(rule) for rule in found)
    if not _covers(found, outline):
        found.insert(0, _default(outline))
        said = "; ".join(filter(None, [f"{spelled(found[0])} (archc's default)", said]))
    return found, said


def spelled(rule: InitRule) -> str:
    """A rule as a spec writes it."""
    fills = [spell(rule.weight)] if rule.weight else []
    if rule.bias:
        value = spell(rule.bias)
        if isinstance(rule.bias, ConstantValue):
            value = f"{rule.bias.value:g}"
        fills.append(f"bias {value}")
    return f"{', '.join(rule.targets)}: {', '.join(fills)}"


def layers_of(outline: Outline) -> dict[str, Node]:
    """Every weight layer by its attribute path."""
    return {
        outline.paths[node.path]: node
        for node in outline.graph.nodes
        if node.op is not None and node.op.counted
    }


def op_of(node: Node) -> Op:
    """The op of a weight layer."""
    if node.op is None:
        raise TypeError("the input is no layer")
    return node.op


def own_groups(layer: Node) -> int:
    """How many groups the op of a layer has."""
    op = layer.op
    return op.groups if isinstance(op, Conv | Deconv | Fc) else 1


def groups_of(layer: Node) -> int:
    """How many towers and groups the units of a layer fall into."""
    factors, groups = layer.factors, own_groups(layer)
    return factors.get("out", 1) * groups // factors.get("groups", 1)


def _default(outline: Outline) -> InitRule:
    """The default, said of deconv only where there is one: most programs have none."""
    if not any(isinstance(op_of(layer), Deconv) for layer in layers_of(outline).values()):
        return DEFAULT
    return replace(DEFAULT, targets=(Conv.word, Deconv.word, Fc.word))


def _covers(rules: Sequence[InitRule], outline: Outline) -> bool:
    """Whether the rules say where every weight and bias starts, by kinds of op."""
    kinds = {op_of(layer).word for layer in layers_of(outline).values()}
    weights = {target for rule in rules if rule.weight for target in rule.targets}
    biases = {target for rule in rules if rule.bias for target in rule.targets}
    return kinds <= weights and kinds <= biases
