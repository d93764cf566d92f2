"""The whole program that trains: the net, its images, its recipe, and what runs them."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from archc.backend import Program
from archc.diagnostics import fail
from archc.emit.carried import carried, pieces
from archc.emit.dialect import Dialect
from archc.emit.program import NetCode, describe, net_code
from archc.emit.python import WIDTH, comment, function_head, number, wrapped
from archc.emit.training.imports import Module, imports
from archc.emit.training.steps import Steps, Writer
from archc.errors.data import ChannelsUnsupported
from archc.ir import Graph
from archc.lone import lone
from archc.ops.dropout import Dropout, DropPath
from archc.ops.norm import Bn
from archc.recipe import Polyak, Recipe, Sgd
from archc.runtime import FILES
from archc.trainable import trainable

SHARED = Path(__file__).with_name("templates")

TOP = 5
"""The best guesses that the second error counts, where there are more classes."""

DEFINED = re.compile(r"^(?:def |class )?(\w+)(?: =|\(|:)", re.MULTILINE)
"""What a template defines at the left margin."""


@dataclass(frozen=True)
class Framework:
    """What one framework adds: its templates, what programs import, and what they carry."""

    dialect: type[Dialect]
    templates: Path
    libraries: Sequence[Module]
    processes: bool
    """Whether a program runs in several processes, each with a share of every batch."""
    runtime: Path | None = None
    """Definitions that the templates use."""


def emit(graph: Graph, framework: Framework) -> Program:
    """The program that trains the net of a graph without towers, by its recipe.

    Where the recipe measures whole images, `archc.passes.Sliding` came before. Raises
    `DiagnosticError` where a net has no recipe to train by (E0506, E0507, E0508), or takes what
    no image is (E0713).
    """
    recipe = trainable(graph)
    channels = graph.input[0]
    if channels not in (1, 3):
        fail(ChannelsUnsupported(channels=channels))
    net = net_code(graph, framework.dialect, _taken(framework))
    text = _Text(graph, recipe, net, framework)
    return Program(text.program(), net.outline.net.name, net.keys)


def _taken(framework: Framework) -> frozenset[str]:
    """The names of such programs, which no class of a net may have."""
    names: set[str] = set()
    for folder in (SHARED, framework.templates):
        for file in folder.glob("*.jinja"):
            names |= set(DEFINED.findall(file.read_text("utf-8")))
    for file in (*FILES, framework.runtime):
        names |= pieces(file).keys() if file else set()
    for module, found in framework.libraries:
        names |= {*found, module.rpartition(" ")[2]}
    return frozenset(names)


class _Text:
    """One program's text."""

    def __init__(self, graph: Graph, recipe: Recipe, net: NetCode, framework: Framework) -> None:
        self._graph = graph
        self._recipe = recipe
        self._net = net
        self._framework = framework
        self._environment = Environment(
            # Python's text; nothing of it is for a browser.
            autoescape=False,  # noqa: S701
            loader=FileSystemLoader([framework.templates, SHARED]),
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
        )
        self._said = self._context()

    def program(self) -> str:
        """All of it."""
        formats, images = self._section("formats"), self._section("images")
        files, training, main = map(self._section, ("files", "training", "main"))
        own = "\n".join([formats, images, files, training, main])
        runtime = self._framework.runtime
        framework = carried(runtime, _used(own)) if runtime else []
        own = "\n".join([own, *framework])
        helpers: dict[str, list[str]] = {}
        # What stands behind uses what stands before.
        for file in reversed(FILES):
            helpers[file.stem] = carried(file, _used(own))
            own = "\n".join([own, *helpers[file.stem]])
        schedules = helpers.pop("schedules")
        code = "\n\n\n".join(
            [
                f"{_heading('The recipe')}\n\n{self._section('recipe')}",
                f"{_heading('The net')}",
                *self._net.pieces,
                f"{_heading('The images')}\n\n{formats}",
                *(piece for found in reversed(helpers.values()) for piece in found),
                images,
                _heading("Training"),
                *schedules,
                files,
                *framework,
                training,
                main,
            ]
        )
        head = f'"""{self._docstring()}\n"""\n\n{imports(code, self._framework.libraries)}'
        return f"{head}\n\n{code}\n"

    def _section(self, name: str) -> str:
        return self._environment.get_template(f"{name}.jinja").render(self._said).strip("\n")

    def _docstring(self) -> str:
        name = self._graph.name
        lines = [describe(self._graph), "", f"    python {name}.py DATA"]
        if self._framework.processes:
            lines.append(f"    torchrun --nproc-per-node 4 {name}.py DATA")
        lines += [
            "",
            "trains it by its recipe on DATA/train/CLASS/*.jpg, measures it on",
            "DATA/val/CLASS/*.jpg, and goes on where it was stopped.",
        ]
        return "\n".join(lines)

    def _context(self) -> dict[str, object]:
        """What the templates ask."""
        graph, recipe = self._graph, self._recipe
        steps = Writer(recipe.augment, recipe.evaluate, recipe.dense, graph.input)
        views = prod(step.views for step in recipe.evaluate)
        channels, height, width = graph.input
        classes = graph.shape[0]
        ops = {type(node.op) for node in graph.nodes}
        whole = recipe.dense is not None
        same = recipe.augment == recipe.evaluate and not (steps.augment.random or whole)
        learned = ["learned: Learned"] if steps.learning else []
        return {
            "recipe": recipe,
            "sgd": isinstance(recipe.optimizer, Sgd),
            "schedule": recipe.schedule.word,
            "polyak": isinstance(recipe.average, Polyak),
            "judged": "average" if recipe.average else "model",
            "number": number,
            "net": self._net.outline.net.name,
            "output": f"runs/{graph.name}",
            "height": height,
            "width": width,
            "channels": channels,
            "classes": classes,
            "top5": classes > TOP,
            "views": 1 if whole else views,
            "scales": _tuple(recipe.dense.sides) if recipe.dense else "",
            "whole": views if whole else 0,
            "aux": bool(graph.heads),
            "bn": Bn in ops,
            "lone": lone(graph) is not None,
            "draws": bool(ops & {Dropout, DropPath}),
            "processes": self._framework.processes,
            "assumed": self._assumed(),
            "same": same,
            "augment": _Function("prepare" if same else "augment", steps.augment),
            "evaluate": _Function("prepare", steps.evaluate, "list[Pixels]" if whole else "Pixels"),
            "prepared": "T" if whole else "Pixels",
            "learning": "\n".join(steps.learning),
            "learned": ", learned" if learned else "",
            "head": _head,
            "given": learned,
        }

    def _assumed(self) -> list[str]:
        """What the paper does not state, as lines of a comment."""
        if not self._recipe.assumed:
            return []
        said = ", ".join(f"{what} ({source})" for what, source in self._recipe.assumed)
        return wrapped(comment(f"Not in the paper: {said}."), WIDTH - 2).split("\n")


@dataclass(frozen=True)
class _Function:
    """The steps of a pipeline as a function of the program."""

    name: str
    steps: Steps
    returns: str = "Pixels"

    @property
    def random(self) -> bool:
        return self.steps.random

    @property
    def head(self) -> str:
        params = ["image: Pixels"]
        params += ["learned: Learned"] if self.steps.learned else []
        params += ["rng: np.random.Generator"] if self.steps.random else []
        return _head(self.name, params, self.returns)

    @property
    def body(self) -> str:
        return "\n".join(self.steps.lines)

    @property
    def fitting(self) -> bool:
        """Whether the steps themselves make every image one that the net takes."""
        return self.steps.fitting

    @property
    def call(self) -> str:
        """The function of an image alone."""
        more = [", learned"] * self.steps.learned + [", rng"] * self.steps.random
        return f"lambda image: {self.name}(image{''.join(more)})" if more else self.name


def _head(name: str, params: Sequence[str], returns: str, indent: int = 0) -> str:
    """`def name(params) -> returns:`, laid out."""
    return "\n".join(function_head(name, params, returns, indent)).lstrip()


def _tuple(numbers: Sequence[int]) -> str:
    """A tuple, of one number too."""
    return f"({', '.join(map(str, numbers))}{',' * (len(numbers) == 1)})"


def _heading(text: str) -> str:
    return f"# {text} ".ljust(WIDTH, "-")


def _used(code: str) -> set[str]:
    """The names that a text uses."""
    return {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
