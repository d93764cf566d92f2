"""The line from text to program, as one reads it.

Source --parse--> Syntax --elaborate--> Graph --passes--> Graph --emit--> Program
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from archc import ops
from archc.claims import check_claims
from archc.elaborate import elaborate
from archc.elaborate.initial import INIT, initialiser
from archc.elaborate.parameters import argument
from archc.evaluate import Environment, Value
from archc.imports import imported
from archc.ir import Graph
from archc.library import find
from archc.ops.base import Shape
from archc.parser import parse, parse_expression
from archc.source import Source

if TYPE_CHECKING:
    from archc.backend import Program


def check(
    source: Source,
    settings: Mapping[str, Value] | None = None,
    *,
    shape: Shape | None = None,
    width: float | None = None,
) -> Graph:
    """A spec's graph with its claims checked. Raises `DiagnosticError`.

    `shape` `(C, H, W)` and `width` take the place of what its input says.
    """
    file = parse(source)
    graph = elaborate(file, settings, imported=imported(file), shape=shape, width=width)
    check_claims(graph)
    return graph


def load(
    spec: str,
    settings: Mapping[str, str] | None = None,
    *,
    shape: Shape | None = None,
    width: float | None = None,
) -> Graph:
    """The graph of a spec by path or name, net parameters set from text (`classes`: `10`)."""
    values = {name: setting(name, text) for name, text in (settings or {}).items()}
    return check(find(spec), values, shape=shape, width=width)


def setting(name: str, text: str) -> Value:
    """The value of a parameter set from outside. Raises `DiagnosticError`."""
    # As a file's: a string cannot hold what ends a line.
    source = Source(f"--set {name}", text.replace("\r\n", "\n").replace("\r", "\n"))
    expr = parse_expression(source)
    if name == INIT:
        return initialiser(expr)
    known = Environment()

    def is_callable(word: str) -> bool:
        return word == "skip" or ops.find(word) is not None

    return argument(expr, known, is_callable)


def compile_graph(graph: Graph, backend_name: str, *, heads: bool = True) -> Program:
    """The standalone program of a graph; without its aux heads where `heads` is false."""
    from archc.backend import backend
    from archc.passes import MergeTowers, StripHeads, run

    passes = [MergeTowers()] if heads else [StripHeads(), MergeTowers()]
    return backend(backend_name).emit(run(passes, graph))


def compile_training(graph: Graph, backend_name: str) -> Program:
    """The standalone program that trains the net of a graph by its recipe."""
    from archc.backend import backend
    from archc.passes import MergeTowers, Sliding, run

    whole = graph.recipe is not None and graph.recipe.dense is not None
    passes = [MergeTowers(), Sliding()] if whole else [MergeTowers()]
    return backend(backend_name).emit_training(run(passes, graph))


def compile_tower(graph: Graph, backend_name: str, *, heads: bool = True) -> Program:
    """The standalone program of one tower of a net, for a device of its own.

    Raises `DiagnosticError` (E09) where the net's towers cannot be parted.
    """
    from archc.backend import backend
    from archc.passes import SplitTowers, StripHeads, run

    passes = [SplitTowers()] if heads else [StripHeads(), SplitTowers()]
    return backend(backend_name).emit(run(passes, graph))


def compile_dense(graph: Graph, backend_name: str) -> tuple[Graph, Program]:
    """The form of a net for whole images of any size, and its standalone program."""
    from archc.backend import backend
    from archc.passes import Dense, MergeTowers, StripHeads, run

    dense = run([StripHeads(), MergeTowers(), Dense()], graph)
    return dense, backend(backend_name).emit(dense)
