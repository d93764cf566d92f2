"""Random nets by seed and number, examined and tallied: what `tools/fuzz_backends.py` runs."""

from __future__ import annotations

import random
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from archc.diagnostics import DiagnosticError
from archc.ir import Graph
from archc.ops import OPS

from . import running
from .examine import TOLERANCE, case, examine, well_posed
from .random_nets import graph_of, random_spec
from .shrink import shrink

INPUT = "input"
PAIRS = len(OPS) * (len(OPS) + 1)
"""The pairs of producer and consumer that there are: any op, or the input, before any op."""


@dataclass
class Tally:
    """What was tried, met and found so far."""

    nets: int = 0
    invalid: int = 0
    """Texts that archc refused: of a clause that did not fit the whole net."""
    degenerate: int = 0
    """Nets that are not well-posed, which are not compared."""
    layers: int = 0
    ops: Counter[str] = field(default_factory=Counter[str])
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    largest: dict[str, tuple[float, int]] = field(default_factory=dict[str, tuple[float, int]])
    """Of each comparison the largest difference, and the number of its net."""

    def lines(self) -> list[str]:
        missing = sorted(OPS.keys() - self.ops.keys())
        lines = [
            f"{self.nets} nets of {self.layers} layers",
            f"{self.degenerate} more not compared: they normalise constants",
            f"{self.invalid} more refused by archc",
            f"ops   {len(self.ops)} of {len(OPS)}; without: {', '.join(missing) or 'none'}",
            f"pairs {len(self.pairs)} of {PAIRS}",
        ]
        width = max(map(len, self.largest), default=0)
        for what, (value, number) in sorted(self.largest.items()):
            lines.append(f"{what:{width}}  {value:.1e}  (net {number})")
        return lines


@dataclass(frozen=True)
class Failure:
    """A net of which something differs, or fails to run."""

    number: int
    text: str
    shrunk: str
    what: str


def attempt(tally: Tally, seed: int, number: int, backends: Sequence[str]) -> Failure | None:
    """One net: generated, compared, counted."""
    text = random_spec(random.Random(f"{seed} {number}"))
    try:
        graph = graph_of(text)
    except DiagnosticError:
        tally.invalid += 1
        return None
    if not well_posed(case(graph)):
        tally.degenerate += 1
        return None
    _count(tally, graph)
    what, found = _examined(text, backends)
    for name, value in found.items():
        if value >= tally.largest.get(name, (-1.0, 0))[0]:
            tally.largest[name] = value, number
    for backend in backends:
        running.runner(backend).forget()
    if not what:
        return None
    kind = _kind(what)
    shrunk = shrink(text, lambda shorter: _kind(_examined(shorter, backends)[0]) == kind)
    lines = "\n".join(line for line in shrunk.splitlines() if line.strip())
    return Failure(number, text, f"{lines}\n", what)


def _examined(text: str, backends: Sequence[str]) -> tuple[str, dict[str, float]]:
    """What is wrong with the programs of a spec, nothing of a text that is none."""
    try:
        made = case(graph_of(text))
    except DiagnosticError:
        return "", {}
    try:
        found = examine(made, backends)
    except Exception as error:  # whatever an emitter, Python or a framework raises
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {error} ({last.name})", {}
    wrong = {name: value for name, value in found.items() if not value <= TOLERANCE}
    return ", ".join(f"{name} {value:.1e}" for name, value in wrong.items()), found


def _kind(what: str) -> str:
    """A fault without its numbers."""
    words = what.partition("\n")[0].split()
    return " ".join(word for word in words if word.isalpha() or word.endswith(":"))[:60]


def _count(tally: Tally, graph: Graph) -> None:
    tally.nets += 1
    for node in graph.nodes:
        if not node.is_layer or node.op is None:
            continue
        tally.layers += 1
        tally.ops[node.op.word] += 1
        for source in node.inputs:
            # What stands for nothing hands on what arrives.
            while source and not graph.nodes[source].is_layer:
                (source,) = graph.nodes[source].inputs
            producer = graph.nodes[source].op
            tally.pairs[producer.word if producer else INPUT, node.op.word] += 1
