"""The syntax of a spec, walked alongside the nodes it became: the tree of what is written out.

The nodes are in the order of the walk that made them, and their scopes tell which arm of an `if`
was taken, how often a chain was repeated, and what an unlabelled name stands for. So nothing is
evaluated here. What a node reads that is not what stands before it in the text, a `from` says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from archc import syntax
from archc.elaborate import shorthand
from archc.elaborate.branches import is_skip
from archc.elaborate.structures import word_of
from archc.expand.tree import Aux, Chain, From, Group, Layer, Note, Part, Towers
from archc.expand.values import arguments, literal
from archc.ir import Graph, Node, Scope
from archc.ops import find
from archc.ops.base import Op
from archc.ops.merge import Skip, Tile
from archc.source import Span


class Unrolled:
    """The tree of a graph's spec. `wanted` are calls and repeats to keep as groups, by path."""

    def __init__(self, graph: Graph, wanted: Set[str]) -> None:
        self.graph = graph
        self.nodes = graph.nodes
        self.wanted = wanted
        self.chain = Chain(0)
        self.gone: dict[int, int] = {}
        """Nodes that are not written, and what is read in their place."""
        self._at = 1
        self._cursor = 0
        self._open = [self.chain]
        self._layers: dict[int, Layer | Group | Towers] = {}
        """What `from` can name here to get to a node: a layer, or what it is the end of."""
        self._outer = ""
        self._following = False
        self._assumed: set[Span] = set()
        items = list(graph.net.items)
        items.remove(next(step for step in items if word_of(step) == "input"))
        self._items(items, graph.scope)
        self._arrive(self.read(graph.output))
        if self._at != len(self.nodes):
            raise RuntimeError(f"layer {self.nodes[self._at].path} belongs to no item")

    def read(self, node: int) -> int:
        """A node, or what is read in its place where it is not written."""
        return self.gone.get(node, node)

    # Where the walk is -------------------------------------------------------------------

    @property
    def _next(self) -> Node | None:
        return self.nodes[self._at] if self._at < len(self.nodes) else None

    def _child(self, scope: Scope) -> Scope | None:
        """The scope right inside of this one that the next node is in."""
        found = self._next.scope if self._next else None
        while found is not None and found.parent is not scope:
            found = found.parent
        return found

    def _comes_from(self, scope: Scope, span: Span) -> bool:
        """Whether the next node is what an item between these characters became in a scope."""
        node, child = self._next, self._child(scope)
        if node is None:
            return False
        if node.scope is not scope and child is None:
            return False
        place = node.span if child is None else child.span
        return place.source is span.source and span.start <= place.start <= place.end <= span.end

    def _arrive(self, node: int) -> None:
        """Make the chain stand behind a node."""
        if node != self._cursor:
            self._put(From(self._target(node)))
            self._cursor = node

    def _target(self, node: int) -> Layer | Group | Towers:
        """What `from` names to get to a node: a layer, or the beginning of an open chain."""
        if node in self._layers:
            return self._layers[node]
        for chain in reversed(self._open):
            if chain.start == node:
                if chain.begin is None:
                    chain.begin = Group(path="", outer="", label="start", chain=Chain(node))
                    chain.parts.insert(0, chain.begin)
                return chain.begin
        raise RuntimeError(f"layer {self.nodes[node].path} cannot be gone back to")

    def _put(self, part: Part) -> None:
        self._open[-1].parts.append(part)

    # Items -------------------------------------------------------------------------------

    def _items(self, items: Sequence[syntax.Step], scope: Scope) -> None:
        for step in items:
            match step:
                case syntax.Repeat():
                    self._repeat(step, scope)
                case syntax.Choice():
                    self._choice(step, scope)
                case syntax.Item(body=syntax.Branches() as body):
                    self._merge(step, body, scope)
                case syntax.Item(body=syntax.Chain() as body):
                    self._structure(step, body, scope)
                case syntax.Item():
                    self._plain(step, scope)

    def _within(self, items: Sequence[syntax.Step], scope: Scope, start: int) -> Chain:
        """A chain of its own for items that begin behind a node."""
        chain = Chain(start)
        self._open.append(chain)
        self._cursor = start
        self._items(items, scope)
        self._open.pop()
        return chain

    def _plain(self, item: syntax.Item, scope: Scope) -> None:
        """An op or a call; `from` and what holds nothing have become no node."""
        node, child = self._next, self._child(scope)
        if node is None:
            return
        if node.scope is scope and node.span == item.span:
            self._op(item, scope)
        elif child is not None and child.kind == "block" and child.span == item.span:
            self._note(item)
            self._call(child, item.label)

    def _op(self, item: syntax.Item, scope: Scope) -> None:
        index, node = self._at, self.nodes[self._at]
        self._at += 1
        if isinstance(node.op, Skip):
            self._skip(index)
        else:
            self._arrive(self.read(node.inputs[0]))
            self._layer(index, item)
        self._followed(scope)

    def _skip(self, index: int) -> None:
        """A node that passes on what arrives."""
        node = self.nodes[index]
        if node.towers > 1 and node.shared:
            # From here on each tower has the map as its own: that is not nothing.
            self._arrive(self.read(node.inputs[0]))
            one = Tile(copies=1)
            self._add(
                Layer(
                    path=node.path,
                    outer=self._outer,
                    node=index,
                    word=Tile.word,
                    op=one,
                    arguments=arguments(one, {}),
                )
            )
        else:
            self.gone[index] = self.read(node.inputs[0])

    def _layer(
        self,
        index: int,
        item: syntax.Item,
        branches: Sequence[Chain] | None = None,
        tiles: int = 0,
    ) -> None:
        node = self.nodes[index]
        if node.op is None:
            raise TypeError("only the input has no op")
        word = "split" if word_of(item) == "split" else node.op.word
        self._add(
            Layer(
                path=node.path,
                outer=self._outer,
                label=item.label.text if item.label else "",
                node=index,
                word=word,
                op=node.op,
                arguments=arguments(node.op, self._sources_of_op(item, type(node.op))),
                branches=branches,
                tiles=tiles,
            )
        )

    def _add(self, layer: Layer) -> None:
        self._put(layer)
        self._layers[layer.node] = layer
        self._cursor = layer.node

    def _followed(self, scope: Scope) -> None:
        """What the net has declared to follow such an op, where it did."""
        if self._following:
            return
        for after in self.graph.net.afters:
            if self._comes_from(scope, after.span):
                self._following = True
                self._items(after.items, scope)
                self._following = False

    # What is assumed ---------------------------------------------------------------------

    def _sources_of_op(self, item: syntax.Item, op: type[Op]) -> Mapping[str, str]:
        """What the arguments of an op are assumed from, those that `defaults` say among them."""
        fields = tuple(op.model_fields)
        own = shorthand.spelled_out(item)
        said = {arg.name.text if arg.name else fields[i] for i, arg in enumerate(own.args)}
        found = self._sources(item, fields)
        for declaration in self.graph.net.defaults:
            for step in declaration.items:
                if isinstance(step, syntax.Item) and step.name and find(step.name.text) is op:
                    found |= self._sources(step, fields, but=said)
        return found

    def _sources(
        self, item: syntax.Item, fields: Sequence[str], but: Set[str] = frozenset()
    ) -> dict[str, str]:
        """What arguments are assumed from, each said once as the graph has it."""
        found: dict[str, str] = {}
        for position, arg in enumerate(shorthand.spelled_out(item).args):
            name = arg.name.text if arg.name else fields[position]
            if arg.assumed is not None and name not in but and arg.span not in self._assumed:
                self._assumed.add(arg.span)
                found[name] = arg.assumed.value
        return found

    def _note(self, item: syntax.Item) -> None:
        """What the arguments of a call are assumed from: a call has no place in the new text."""
        for arg in item.args:
            if arg.assumed is not None and arg.span not in self._assumed:
                self._assumed.add(arg.span)
                name = item.name.text if item.name else ""
                self._put(Note(f"{name} {' '.join(arg.span.text.split())}"))

    # Calls, groups, control --------------------------------------------------------------

    def _call(self, scope: Scope, label: syntax.Ident | None) -> None:
        if isinstance(scope.definition, syntax.Block):
            self._part(scope, label, scope.definition.items, scope)

    def _part(
        self,
        named: Scope,
        label: syntax.Ident | None,
        items: Sequence[syntax.Step],
        scope: Scope,
    ) -> None:
        """The items of a call or an iteration: a group, or a part of the chain around."""
        path = named.path[:-1]
        if label is None and path not in self.wanted:
            self._items(items, scope)
            return
        chain = self._within(items, scope, self._cursor)
        self._group(path, label.text if label else "", chain)

    def _group(self, path: str, label: str, chain: Chain) -> None:
        if chain.parts:
            group = Group(path=path, outer=self._outer, label=label, chain=chain)
            group.label = label or "_".join(group.trail)
            self._put_ended(group)

    def _put_ended(self, part: Group | Towers) -> None:
        """Add what the last layer is the end of: its label says more than that layer's counter."""
        self._put(part)
        end = self._layers.get(self._cursor)
        if part.label and end is not None and not end.label:
            self._layers[self._cursor] = part

    def _repeat(self, step: syntax.Repeat, scope: Scope) -> None:
        repeat = self._child(scope)
        if repeat is None or repeat.kind != "repeat" or repeat.definition is not step:
            return
        path = repeat.path[:-1]
        if step.label is None and path not in self.wanted:
            self._iterations(step, repeat)
            return
        chain = Chain(self._cursor)
        self._open.append(chain)
        self._iterations(step, repeat)
        self._open.pop()
        self._group(path, step.label.text if step.label else "", chain)

    def _iterations(self, step: syntax.Repeat, repeat: Scope) -> None:
        items = list(step.body.items) if isinstance(step.body, syntax.Chain) else []
        if self._next and self._next.scope is repeat:
            self._at += 1
            self._skip(self._at - 1)
        while (each := self._child(repeat)) is not None:
            before = self._at
            if each.kind == "block":
                # The call is all that is repeated.
                for item in items:
                    if isinstance(item, syntax.Item):
                        self._note(item)
                self._call(each, None)
            else:
                self._part(each, None, items, each)
            if self._at == before:
                raise RuntimeError(f"the iteration {each.path} holds no item")

    def _choice(self, step: syntax.Choice, scope: Scope) -> None:
        arm, node = self._child(scope), self._next
        if arm is None or node is None or arm.kind != "arm" or arm.definition is not step:
            return
        if node.scope is arm and isinstance(node.op, Skip) and node.span == step.span:
            self._at += 1
            self._skip(self._at - 1)
            return
        chosen = step.then if arm.name == "then" else step.otherwise
        if isinstance(chosen, syntax.Choice):
            self._choice(chosen, arm)
        elif isinstance(chosen, syntax.Chain):
            self._items(chosen.items, arm)

    # Structures --------------------------------------------------------------------------

    def _structure(self, item: syntax.Item, body: syntax.Chain, scope: Scope) -> None:
        if word_of(item) == "aux":
            self._aux(item, body, scope)
        elif not self._comes_from(scope, item.span):
            return
        elif item.name is None and item.label is not None:
            chain = self._within(body.items, scope, self._cursor)
            self._group(f"{scope.path}{item.label.text}", item.label.text, chain)
        else:
            count = self.nodes[self._at].towers
            chain = self._within(body.items, scope, self._cursor)
            label = item.label.text if item.label else ""
            if any(not isinstance(part, Note) for part in chain.parts):
                self._put_ended(
                    Towers(
                        path=f"{scope.path}{label}",
                        outer=self._outer,
                        label=label,
                        count=count,
                        chain=chain,
                    )
                )

    def _merge(self, item: syntax.Item, body: syntax.Branches, scope: Scope) -> None:
        split = word_of(item) == "split"
        if split:
            self._arrive(self.read(self.nodes[self._at].inputs[0]))
        arriving = self._cursor
        chains: list[Chain] = []
        ends: list[int] = []
        for branch in body.branches:
            start = arriving
            if split:
                start = self._at
                self._at += 1
            items = () if is_skip(branch) else branch.items
            chain = self._within(items, scope, start)
            chain.share = start if split else None
            chains.append(chain)
            ends.append(self._cursor)
        first = self._at
        while (node := self.nodes[self._at]).span == item.span and isinstance(node.op, Tile):
            self.gone[self._at] = self.read(node.inputs[0])
            self._at += 1
        index = self._at
        self._at += 1
        for chain, end, node in zip(chains, ends, self.nodes[index].inputs, strict=True):
            self._open.append(chain)
            self._cursor = end
            self._arrive(self.read(node))
            self._open.pop()
        self._layer(index, item, chains, index - first)
        self._followed(scope)

    def _aux(self, item: syntax.Item, body: syntax.Chain, scope: Scope) -> None:
        head = next((h for h in self.graph.heads if h.scope is self._child(scope)), None)
        if head is None:
            return
        self._arrive(self.read(head.tap))
        around, layers = self._cursor, self._layers
        self._outer, self._layers = head.scope.path, {}
        chain = self._within(body.items, head.scope, around)
        self._open.append(chain)
        self._arrive(self.read(head.output))
        self._open.pop()
        self._outer, self._layers, self._cursor = "", layers, around
        weight = literal(head.weight)
        for source in self._sources(item, ("weight",)).values():
            weight += f' assumed "{source}"'
        label = item.label.text if item.label else ""
        self._put(Aux(path=head.scope.path[:-1], outer="", label=label, weight=weight, chain=chain))
