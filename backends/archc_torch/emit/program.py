"""The whole program: a docstring, imports, what it carries along, its classes."""

from __future__ import annotations

import hashlib
import re

from archc import __version__
from archc.analysis.report import Report, report
from archc.backend import Program
from archc.emit.outline import Outline, outline
from archc.emit.python import docstring, literal, quoted, wrapped
from archc.evaluate import shown
from archc.ir import Graph
from archc.ops.base import written as shape_text
from archc.passes import ToLogits, ends_in_softmax, run
from archc_torch.emit.module import ModuleWriter
from archc_torch.emit.names import GLOBALS, METHODS, MODULE_NAMES
from archc_torch.runtime import sources

INITIALISERS = ("glorot_", "he_up_")
"""What `reset_parameters` may call of the runtime."""


def emit(graph: Graph) -> Program:
    """The PyTorch program of a graph without towers."""
    made = outline(run([ToLogits()], graph), MODULE_NAMES | METHODS | GLOBALS)
    classifies = ends_in_softmax(graph)
    writers = [ModuleWriter(made, each, classifies=classifies) for each in made.classes]
    classes = ["\n".join(writer.lines()) for writer in writers]
    helpers = {helper for writer in writers for helper in writer.helpers}
    helpers |= {
        name
        for name in INITIALISERS
        if any(re.search(rf"(?<!\w){name}\(", text) for text in classes)
    }
    carried = sources(helpers)
    body = [*carried, *classes, *_loss_weights(made), _main(made)]
    code = "\n\n\n".join(body)
    head = f'"""{_docstring(graph)}\n"""\n\n{_imports(code)}'
    return Program(f"{head}\n\n\n{code}\n", made.net.name, dict(made.keys))


def _docstring(graph: Graph) -> str:
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
        *_counts(found),
    ]
    return docstring("\n".join(lines))


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


def _imports(code: str) -> str:
    """The imports that the code uses."""
    standard = ["import math"] if re.search(r"\bmath\.", code) else []
    found = [name for name in ("Callable", "Sequence") if re.search(rf"\b{name}\[", code)]
    if found:
        standard.append(f"from collections.abc import {', '.join(found)}")
    framework = ["import torch"]
    if re.search(r"\bF\.", code):
        framework.append("import torch.nn.functional as F")
    framework.append("from torch import Tensor, nn")
    return "\n".join([*standard, *([""] if standard else []), *framework])


def _loss_weights(made: Outline) -> list[str]:
    if not made.taps:
        return []
    pairs = [("logits", 1.0)]
    pairs += [(made.net.elements[tap.part].name, tap.weight) for tap in made.taps]
    inner = ", ".join(f"{quoted(name)}: {literal(weight).text}" for name, weight in pairs)
    return [f"LOSS_WEIGHTS = {{{inner}}}"]


def _main(made: Outline) -> str:
    shape = ", ".join(str(size) for size in made.graph.input)
    return "\n".join(
        [
            'if __name__ == "__main__":',
            f"    model = {made.net.name}().eval()",
            f"    outputs = model(torch.zeros(1, {shape}))",
            "    count = sum(parameter.numel() for parameter in model.parameters())",
            '    print(f"{tuple(outputs.shape)}, {count:,} parameters")',
        ]
    )
