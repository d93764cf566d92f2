"""The whole program: a docstring, imports, what it carries along, its classes."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from archc import __version__
from archc.analysis.report import Report, report
from archc.backend import Program
from archc.emit.class_writer import ClassWriter
from archc.emit.dialect import Dialect
from archc.emit.outline import Outline, outline
from archc.emit.python import docstring, literal, quoted, wrapped
from archc.evaluate import shown
from archc.ir import Graph
from archc.ops.base import written as shape_text
from archc.passes import ToLogits, ends_in_softmax, run


@dataclass(frozen=True)
class NetCode:
    """A net as pieces of a program, each a definition or several."""

    outline: Outline
    words: Dialect
    carried: list[str]
    """What the classes use of the runtime."""
    preamble: list[str]
    classes: list[str]
    loss_weights: list[str]

    @property
    def pieces(self) -> list[str]:
        """All of it, in the order of a program."""
        return [*self.carried, *self.preamble, *self.classes, *self.loss_weights]

    @property
    def keys(self) -> dict[str, str]:
        """What `Program.keys` is."""
        return {name: self.words.key(name) for name in self.outline.keys}


def net_code(graph: Graph, dialect: type[Dialect], taken: frozenset[str] = frozenset()) -> NetCode:
    """The net of a graph without towers; `taken` are names that the program has besides."""
    made = outline(run([ToLogits()], graph), dialect.reserved | dialect.names | taken)
    words = dialect(made)
    classifies = ends_in_softmax(graph)
    writers = [ClassWriter(made, each, words, classifies=classifies) for each in made.classes]
    classes = ["\n".join(writer.lines()) for writer in writers]
    preamble = words.preamble()
    helpers = {helper for writer in writers for helper in writer.helpers}
    carried = words.runtime(helpers | _called([*preamble, *classes], words))
    return NetCode(made, words, carried, preamble, classes, _loss_weights(made))


def emit(graph: Graph, dialect: type[Dialect]) -> Program:
    """The program of a graph without towers, in a framework's words."""
    net = net_code(graph, dialect)
    code = "\n\n\n".join([*net.pieces, net.words.main()])
    # Formatters leave two lines before a definition, one before any other statement.
    gap = "\n" if net.preamble and not net.carried else "\n\n"
    head = f'"""{describe(graph)}\n"""\n\n{_imports(code, net.words)}{gap}'
    return Program(f"{head}\n{code}\n", net.outline.net.name, net.keys)


def _called(texts: list[str], words: Dialect) -> set[str]:
    """What the code calls of the runtime, beside the helpers of its layers."""
    lines = [line for text in texts for line in text.split("\n")]
    code = "\n".join(line for line in lines if not line.startswith("#"))
    return {name for name in words.called if re.search(rf"(?<![\w.]){name}\(", code)}


def describe(graph: Graph) -> str:
    """What a program says of itself: the net, where it is from, its counts."""
    found = report(graph)
    file = graph.source.name.rsplit("/", 1)[-1]
    texts = "".join(source.text for source in graph.sources)
    digest = hashlib.sha256(texts.encode()).hexdigest()[:16]
    settings = ", ".join(f"{name}={shown(value)}" for name, value in graph.altered.items())
    lines = [
        wrapped(graph.doc or graph.name, 85),
        "",
        f"Compiled by archc {__version__} from {file} (sha256 {digest})"
        + (f" with {settings}." if settings else "."),
        *(_part(graph) if graph.part_of > 1 else ()),
        *_counts(found),
    ]
    return docstring("\n".join(lines))


def _part(graph: Graph) -> list[str]:
    towers = graph.part_of
    return ["", f"One of {towers} towers, each on a device of its own. A device has"]


def _counts(found: Report) -> list[str]:
    params = f"{found.counts.params:,} parameters"
    macs = found.counts.macs
    if found.has_heads:
        params += f" ({found.without_heads.params:,} without the auxiliary heads)"
        macs = found.without_heads.macs
    return [f"{params};", f"{_short(macs)} multiply-adds at {shape_text(found.input)}."]


def _short(count: int) -> str:
    for scale, unit in ((10**9, "G"), (10**6, "M"), (10**3, "K")):
        if count >= scale:
            return f"{count / scale:.4g} {unit}"
    return str(count)


def _imports(code: str, words: Dialect) -> str:
    """The imports that the code uses."""
    standard = ["import math"] if re.search(r"\bmath\.", code) else []
    found = [
        name for name in ("Callable", "Mapping", "Sequence") if re.search(rf"\b{name}\[", code)
    ]
    if found:
        standard.append(f"from collections.abc import {', '.join(found)}")
    found = [name for name in ("cache", "partial") if re.search(rf"@{name}\b|\b{name}\(", code)]
    if found:
        standard.append(f"from functools import {', '.join(found)}")
    if re.search(r"\bAny\b", code):
        standard.append("from typing import Any")
    return "\n".join([*standard, *([""] if standard else []), *words.imports(code)])


def _loss_weights(made: Outline) -> list[str]:
    if not made.taps:
        return []
    pairs = [("logits", 1.0)]
    pairs += [(made.net.elements[tap.part].name, tap.weight) for tap in made.taps]
    inner = ", ".join(f"{quoted(name)}: {literal(weight).text}" for name, weight in pairs)
    return [f"LOSS_WEIGHTS = {{{inner}}}"]
