"""A net as Python code uses it: `archc.load("alexnet")`.

The one place where the Python API meets the driver.
"""

from __future__ import annotations

import os
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, cast

from archc.analysis.memory import Memory
from archc.analysis.notebook import as_html
from archc.analysis.report import Layer, Report, StageTotal, report
from archc.analysis.table import as_text
from archc.diagnostics import fail
from archc.driver import check, compile_graph
from archc.elaborate.input import MAX_WIDTH
from archc.errors import names as name_errors
from archc.errors import text as text_errors
from archc.evaluate import Value
from archc.ir import Graph
from archc.library import find
from archc.limits import MAX_INTEGER
from archc.ops.base import Pair, Shape, written
from archc.recipe import Recipe
from archc.source import Source

if TYPE_CHECKING:
    # For type checkers alone: no framework is loaded before `to_torch` or `to_jax`.
    from flax import nnx
    from torch import nn

__all__ = ["Layer", "Net", "load", "parse"]


def load(
    spec: str | os.PathLike[str],
    /,
    *,
    input: Shape | None = None,  # noqa: A002  (what the option and the language call it)
    width: float | None = None,
    **settings: object,
) -> Net:
    """The net of a spec: a path, or the name of one that comes with archc.

    `input` `(C, H, W)` takes the place of the spec's own, `width` scales every number of
    channels but the classes.

    `settings` are the net's parameters, as `--set` gives them: `load("alexnet", classes=10)`.
    Values are numbers, truth values, strings, and tuples or lists of numbers. The spec's claims
    are checked unless a parameter is set. Raises `DiagnosticError` for whatever is wrong.
    """
    return _net(find(os.fspath(spec)), settings, input, width)


def parse(
    text: str,
    /,
    *,
    input: Shape | None = None,  # noqa: A002
    width: float | None = None,
    **settings: object,
) -> Net:
    """The net of a spec that is a string; the rest as `load`."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        fail(text_errors.NotText(path=_TEXT, offset=len(text[: error.start].encode())))
    source = Source(_TEXT, text.replace("\r\n", "\n").replace("\r", "\n"))
    return _net(source, settings, input, width)


_TEXT = "<text>"
"""What errors call a spec that has no file."""


def _net(source: Source, settings: Mapping[str, object], shape: object, width: object) -> Net:
    values = {name: _value(name, value) for name, value in settings.items()}
    return Net(check(source, values, shape=_shape(shape), width=_width(width)))


def _shape(shape: object) -> Shape | None:
    """An input's size. Raises `DiagnosticError` (E0303) for what is none."""
    match shape:
        case None:
            return None
        case (int(c), int(h), int(w)) if min(c, h, w) > 0:
            return int(c), int(h), int(w)
        case _:
            rule = "must be three whole numbers above 0: channels, height, width"
            fail(
                name_errors.BadArgument(
                    form="the net", name="input", value=reprlib.repr(shape), rule=rule
                )
            )


def _width(width: object) -> float | None:
    """A factor of all widths. Raises `DiagnosticError` (E0303) for what is none."""
    match width:
        case None:
            return None
        case int() | float() if not isinstance(width, bool) and 0 < width <= MAX_WIDTH:
            return float(width)
        case _:
            rule = f"must be a number above 0, {MAX_WIDTH} at most"
            fail(
                name_errors.BadArgument(
                    form="the net", name="width", value=reprlib.repr(width), rule=rule
                )
            )


def _value(name: str, value: object) -> Value:
    """A setting as the language has it. Raises `DiagnosticError` (E0303) for what it has not."""
    rule = "must be a number, a truth value, a string, or a list of numbers"
    match value:
        case bool():
            return value
        case int() | float():
            if -MAX_INTEGER <= value <= MAX_INTEGER:
                # A subclass, such as NumPy's float64, is written otherwise than a number.
                return int(value) if isinstance(value, int) else float(value)
            rule = "must lie between -10^18 and 10^18"
        case str():
            if value.isprintable() and '"' not in value:
                return value
            rule = "must be a string as specs have them: printable, on one line, without quotes"
        case tuple() | list():
            parts = cast("tuple[object, ...] | list[object]", value)
            if all(isinstance(part, int | float) and not isinstance(part, bool) for part in parts):
                return tuple(_value(name, part) for part in parts)
        case _:
            pass
    shown = reprlib.repr(cast("object", value))
    fail(name_errors.BadArgument(form="the net", name=name, value=shown, rule=rule))


@dataclass(frozen=True, eq=False, repr=False)
class Net:
    """A net: every shape and count known, and ready to become a program.

    Read-only. Shapes are `(C, H, W)`; counts are exact, and for one image.
    """

    graph: Graph
    """Every layer with its inputs and its place in the spec, for tools."""

    @cached_property
    def _report(self) -> Report:
        return report(self.graph)

    @property
    def name(self) -> str:
        return self.graph.name

    @property
    def doc(self) -> str:
        """The spec's description; empty where it has none."""
        return self.graph.doc

    @property
    def spec(self) -> str:
        """The text of the spec."""
        return self.graph.source.text

    @property
    def recipe(self) -> Recipe | None:
        """How the spec says that the net is trained."""
        return self.graph.recipe

    @property
    def input(self) -> Shape:
        return self._report.input

    @property
    def output(self) -> Shape:
        """`(classes, 1, 1)` for a classifier."""
        return self._report.output

    @property
    def params(self) -> int:
        """Weights and biases, those of auxiliary heads among them."""
        return self._report.counts.params

    @property
    def macs(self) -> int:
        """Multiply-adds of conv and fc, the figure that papers quote."""
        return self._report.counts.macs

    @property
    def flops(self) -> int:
        """Two a multiply-add, plus everything else."""
        return self._report.counts.flops

    @property
    def neurons(self) -> int:
        """Outputs of conv and fc layers."""
        return self._report.counts.neurons

    @property
    def depth(self) -> int:
        """The longest path to the output, in conv and fc layers."""
        return self._report.depth

    @property
    def receptive_field(self) -> Pair:
        """The part of the input that an output sees, `(height, width)` in pixels."""
        return self._report.receptive_field

    @property
    def memory(self) -> Memory:
        """Bytes for one image in float32; `memory.at(batch=64, precision="bf16")` for others."""
        return self._report.memory

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The rows of the table that `archc params` prints."""
        return self._report.layers

    @property
    def stages(self) -> tuple[StageTotal, ...]:
        """The totals of the labelled stages."""
        return self._report.stages

    def source(self, backend: str, *, aux: bool = True) -> str:
        """The standalone program for a framework, as `archc compile` prints it.

        Without its auxiliary heads where `aux` is false. Raises `DiagnosticError` where no such
        backend is installed.
        """
        return compile_graph(self.graph, backend, heads=aux).text

    def to_torch(self, *, aux: bool = True) -> nn.Module:
        """The net as a PyTorch module: the class of `source("torch")`, on the CPU in float32, its
        weights as the recipe's `init` starts them, from PyTorch's own source of chance.

        Maps are `(N, C, H, W)`, logits `(N, classes)`. Raises `DiagnosticError` where PyTorch is
        not installed.
        """
        return cast("nn.Module", self._built("torch", aux=aux))

    def to_jax(self, *, aux: bool = True) -> nnx.Module:
        """The net as a module of Flax NNX: the class of `source("jax")`, on JAX's default device in
        float32, its weights as the recipe's `init` starts them, from `nnx.Rngs(0)`.

        Maps are `(N, H, W, C)`, logits `(N, classes)`. Raises `DiagnosticError` where JAX, Flax or
        optax is not installed.
        """
        return cast("nnx.Module", self._built("jax", aux=aux))

    def _built(self, backend_name: str, *, aux: bool) -> object:
        """The net in a framework's own class, by its backend."""
        from archc.backend import backend
        from archc.errors.backends import BackendBroken

        program = compile_graph(self.graph, backend_name, heads=aux)
        try:
            return backend(backend_name).build(program)
        except ImportError as error:
            fail(BackendBroken(name=backend_name, reason=str(error)))

    def __repr__(self) -> str:
        shapes = f"{written(self.input)} -> {written(self.output)}"
        return f"<archc.Net {self.name}: {shapes}, {self.params:,} params, {self.macs:,} MACs>"

    def __str__(self) -> str:
        """What `archc params` prints."""
        return as_text(self._report)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return as_html(self._report)
