"""Emitted programs, loaded for tests."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from archc_torch import backend

from archc.backend import Program
from archc.ir import Graph, Node
from archc.passes import MergeTowers, run
from archc.passes.base import rebuild
from archc.program_module import load_program


def program(graph: Graph) -> Program:
    return backend.emit(run([MergeTowers()], graph))


def module(graph: Graph, weights: dict[str, np.ndarray], dtype: torch.dtype) -> torch.nn.Module:
    """The emitted module with these weights, in evaluation mode."""
    emitted = program(graph)
    made = getattr(load_program(emitted), emitted.class_name)().to(dtype).eval()
    state = {emitted.keys[name]: torch.from_numpy(array) for name, array in weights.items()}
    made.load_state_dict(state)
    return made


def prefix(graph: Graph, last: int) -> Graph:
    """The graph that ends in node `last`: that node and everything it depends on."""
    wanted = {last}
    for i in range(last, 0, -1):
        if i in wanted:
            wanted.update(graph.nodes[i].inputs)
    moved: dict[int, int] = {}
    nodes: list[Node] = []
    for i, node in enumerate(graph.nodes):
        if i == 0 or i in wanted:
            moved[i] = len(nodes)
            nodes.append(node._replace(inputs=tuple(moved[j] for j in node.inputs)))
    return rebuild(replace(graph, heads=(), output=last, recipe=None), nodes, moved)
