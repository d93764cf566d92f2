"""The classes of a program: which there are, and what the weights in them are called."""

from __future__ import annotations

import keyword
from collections.abc import Collection

from archc import syntax
from archc.emit.outline.class_builder import ClassBuilder
from archc.emit.outline.classes import ClassOutline, Outline, Part, Tap
from archc.emit.outline.open_parameters import structural_names
from archc.emit.outline.scopes import Scopes, definition
from archc.emit.outline.symbolic import names_in, python_type
from archc.emit.python import class_name
from archc.ir import Graph, Scope
from archc.ops.linear import Fc


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
        self.classes: list[ClassOutline] = []
        self.by_key: dict[object, ClassOutline] = {}
        self.net_name = self._free(class_name(graph.name, graph.doc), "Net")
        self.class_names: set[str] = {self.net_name}
        self.structural = structural_names(graph)
        self.keys: dict[str, str] = {}

    def outline(self) -> Outline:
        net = self._class(self.graph.scope)
        taps: list[Tap] = []
        positions = {id(e.scope): i for i, e in enumerate(net.elements) if isinstance(e, Part)}
        for head in self.graph.heads:
            part = positions[id(head.scope)]
            taps.append(Tap(part, net.elements[part].inputs[0], head.weight))
        self._map_keys(net, "", "")
        return Outline(self.graph, tuple(self.classes), tuple(taps), self.keys)

    # Classes -------------------------------------------------------------------------

    def _class(self, scope: Scope) -> ClassOutline:
        key = self._key(scope)
        if key in self.by_key:
            made = self.by_key[key]
            made.instances += 1
            return made
        builder = ClassBuilder(
            self._new_class_name(scope),
            scope,
            self.scopes,
            structural=self.structural,
            reserved=self.reserved,
            class_of=self._class,
        )
        made = builder.build()
        self.by_key[key] = made
        self.classes.append(made)
        return made

    def _key(self, scope: Scope) -> object:
        """Equal for scopes that one class can serve: all that is printed but parameters."""
        contents = self.scopes.contents(scope)
        local = self.scopes.local(scope)
        kinds = tuple(python_type(value) for value in scope.arguments.values())
        parts: list[object] = [definition(scope), kinds]
        for position, element in enumerate(contents.elements):
            if isinstance(element, Scope):
                reads = tuple(local[i] for i in self.scopes.reads(element))
                parts.append((position, reads, self._key(element)))
                continue
            node = self.graph.nodes[element]
            if node.op is None:
                continue
            constants = tuple(
                (name, getattr(node.op, name))
                for name in type(node.op).model_fields
                if name not in node.exprs or not names_in(node.exprs[name])
            )
            shapes = [self.graph.nodes[i].output for i in node.inputs]
            parts.append(
                (
                    type(node.op),
                    constants,
                    tuple(sorted(node.factors.items())),
                    tuple(local[i] for i in node.inputs),
                    # What fc flattens is printed as a number.
                    shapes[0][1:] if isinstance(node.op, Fc) else None,
                    tuple(self.scopes.features[i] for i in node.inputs),
                )
            )
        return tuple(parts)

    def _new_class_name(self, scope: Scope) -> str:
        if scope.parent is None:
            return self.net_name
        if isinstance(scope.definition, syntax.Item):
            base = "AuxHead"
        else:
            block = scope.definition
            base = self._free(class_name(block.name.text, block.doc), "Block")
        name, n = base, 1
        while name in self.class_names:
            n += 1
            name = f"{base}{n}"
        self.class_names.add(name)
        return name

    def _free(self, name: str, suffix: str) -> str:
        """A class's name that is neither Python's nor the framework's: `FNet` for `F`."""
        return f"{name}{suffix}" if keyword.iskeyword(name) or name in self.reserved else name

    def _map_keys(self, made: ClassOutline, canonical: str, attributes: str) -> None:
        for element in made.elements:
            if isinstance(element, Part):
                self._map_keys(
                    element.made,
                    f"{canonical}{element.scope.name}.",
                    f"{attributes}{element.name}.",
                )
                continue
            arrays = self.graph.weights(element.node) | self.graph.buffers(element.node)
            for weight in arrays:
                path = f"{canonical}{element.node.name}.{weight}"
                self.keys[path] = f"{attributes}{element.name}.{weight}"
