"""The classes of a program: which there are, and what the weights in them are called."""

from __future__ import annotations

import keyword
from collections.abc import Collection

from archc import syntax
from archc.emit.outline.class_builder import ClassBuilder
from archc.emit.outline.classes import ClassOutline, Outline, Part, Tap
from archc.emit.outline.grouping import Groups
from archc.emit.outline.open_parameters import structural_names
from archc.emit.outline.scopes import Scopes, parameter_names
from archc.emit.python import class_name
from archc.ir import Graph, Node, Scope


def outline(graph: Graph, reserved: Collection[str]) -> Outline:
    """The outline of a graph without towers.

    `reserved` are the names that no attribute of a module may have in the backend.
    """
    return _Outliner(graph, reserved).outline()


class _Outliner:
    def __init__(self, graph: Graph, reserved: Collection[str]) -> None:
        self.graph = graph
        self.reserved = frozenset(reserved)
        self.scopes = Scopes(graph)
        self.classes: dict[int, ClassOutline] = {}
        """The classes by their groups, in the order in which they need one another."""
        self.parameters = {
            name
            for node in graph.nodes
            for name in (*node.scope.arguments, *parameter_names(node.scope))
        }
        """What no class may be called: a parameter of that name would hide it."""
        self.net_name = self._free(class_name(graph.name, graph.doc), "Net")
        self.class_names: set[str] = {self.net_name}
        self.structural = structural_names(graph)
        self.groups = Groups(graph, self.scopes, self.structural)

    def outline(self) -> Outline:
        net = self._class(len(self.groups.shapes) - 1)
        taps: list[Tap] = []
        positions = {id(e.scope): i for i, e in enumerate(net.elements) if isinstance(e, Part)}
        for head in self.graph.heads:
            part = positions[id(head.scope)]
            taps.append(Tap(part, net.elements[part].inputs[0], head.weight))
        paths: dict[str, str] = {}
        keys: dict[str, str] = {}
        homes: dict[str, tuple[ClassOutline, str]] = {}
        for node in self.graph.nodes:
            arrays = self.graph.weights(node) | self.graph.buffers(node)
            if arrays:
                path = paths[node.path] = self._attribute_path(node)
                made = self._class_around(node.scope)
                homes[node.path] = made, made.attributes[node.name]
                keys |= {f"{node.path}.{array}": f"{path}.{array}" for array in arrays}
        return Outline(self.graph, tuple(self.classes.values()), tuple(taps), paths, keys, homes)

    def _class(self, group: int) -> ClassOutline:
        if group not in self.classes:
            shape = self.groups.shapes[group]
            builder = ClassBuilder(
                self._new_class_name(shape.scope),
                shape,
                self.scopes,
                self.groups,
                structural=self.structural,
                reserved=self.reserved,
                class_of=self._class,
            )
            self.classes[group] = builder.build()
        return self.classes[group]

    def _attribute_path(self, node: Node) -> str:
        """Where a layer is in the program: `stage2.0.conv1`."""
        parts: list[str] = []
        name, scope = node.name, node.scope
        while True:
            made = self._class_around(scope)
            # In a repeat are its iterations, by their number.
            parts.append(name if scope.kind == "repeat" else made.attributes[name])
            while scope.kind == "arm" and scope.parent is not None:
                scope = scope.parent
            if scope.parent is None:
                return ".".join(reversed(parts))
            name, scope = scope.name, scope.parent

    def _class_around(self, scope: Scope) -> ClassOutline:
        """The class in whose text a scope is."""
        while id(scope) not in self.groups.of and scope.parent is not None:
            scope = scope.parent
        return self.classes[self.groups.of[id(scope)]]

    def _new_class_name(self, scope: Scope) -> str:
        if scope.parent is None:
            return self.net_name
        if isinstance(scope.definition, syntax.Block):
            block = scope.definition
            base = self._free(class_name(block.name.text, block.doc), "Block")
        elif scope.kind == "aux":
            base = self._free("AuxHead", "Block")
        else:
            base = self._free(class_name(scope.parent.name), "Step")
        name, n = base, 1
        while name in self.class_names:
            n += 1
            name = f"{base}_{n}" if base[-1].isdigit() else f"{base}{n}"
        self.class_names.add(name)
        return name

    def _free(self, name: str, suffix: str) -> str:
        """A class's name that is neither Python's nor the framework's: `FNet` for `F`."""
        taken = self.reserved | self.parameters
        return f"{name}{suffix}" if keyword.iskeyword(name) or name in taken else name
