"""Weights from another net: layers that match go over, the rest start as `init` says.

VGG, section 3.1: the first four convolutions and the last three fully connected layers of the
deeper nets start from net A.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from archc.diagnostics import Sink, fail
from archc.errors.training import LayerDiffers, NoLayerMatches
from archc.train.settings import is_run

Arrays = Mapping[str, np.ndarray]


class Pair(NamedTuple):
    """A layer or block of the net, and the one of the other net that it starts from."""

    ours: str
    theirs: str


class Warm(NamedTuple):
    """The weights to start from, and what was matched."""

    weights: dict[str, np.ndarray]
    notes: list[str]


def weight_file(path: Path) -> Path:
    """The weights at the end of a run, where the path is a run's folder; else the path."""
    return path / "weights.safetensors" if is_run(path) else path


def warm(own: Arrays, other: Arrays, pairs: Sequence[Pair], source: str) -> Warm:
    """A net's weights with those of another put in, all of a layer or none of it.

    Without pairs, every layer goes over whose weights have the same names and shapes in both.
    With them, these layers or blocks, each of which has to match. Raises `DiagnosticError`
    (E0812 where nothing matches, E0813 where what was asked for does not).
    """
    sink = Sink()
    wanted = [pair for each in pairs for pair in _layers(own, other, each, source, sink)]
    sink.raise_if_failed()
    if not pairs:
        names = _by_layer(own)
        wanted = [Pair(name, name) for name in names if _fits(own, other, Pair(name, name))]
        if not wanted:
            fail(NoLayerMatches(source=source, ours=tuple(names), theirs=tuple(_by_layer(other))))
    weights = dict(own)
    for pair in wanted:
        for part in _by_layer(own)[pair.ours]:
            array = other[f"{pair.theirs}.{part}"]
            weights[f"{pair.ours}.{part}"] = array.astype(own[f"{pair.ours}.{part}"].dtype)
    return Warm(weights, _notes(own, other, wanted, source))


def _notes(own: Arrays, other: Arrays, wanted: Sequence[Pair], source: str) -> list[str]:
    taken = [
        pair.ours if pair.ours == pair.theirs else f"{pair.ours} (its {pair.theirs})"
        for pair in wanted
    ]
    ours, theirs = {pair.ours for pair in wanted}, {pair.theirs for pair in wanted}
    left = [name for name in _by_layer(own) if name not in ours]
    unused = [name for name in _by_layer(other) if name not in theirs]
    return [
        f"from {source}: {', '.join(taken)}",
        *([f"as init says: {', '.join(left)}"] if left else []),
        *([f"not used of {source}: {', '.join(unused)}"] if unused else []),
    ]


def _layers(own: Arrays, other: Arrays, pair: Pair, source: str, sink: Sink) -> list[Pair]:
    """The layers that a pair stands for, itself or those of a block; faults go to the sink."""
    found = [
        Pair(name, pair.theirs + name.removeprefix(pair.ours))
        for name in _by_layer(own)
        if name == pair.ours or name.startswith(f"{pair.ours}.")
    ]
    if not found:
        sink.add(LayerDiffers(name=pair.ours, reason="this net has no such layer with weights"))
    for each in found:
        reason = _difference(own, other, each, source)
        if reason:
            sink.add(LayerDiffers(name=each.ours, reason=reason))
    return found


def _fits(own: Arrays, other: Arrays, pair: Pair) -> bool:
    return not _difference(own, other, pair, "")


def _difference(own: Arrays, other: Arrays, pair: Pair, source: str) -> str:
    """Why a layer cannot start from the other one; nothing where it can."""
    there = _by_layer(other).get(pair.theirs)
    if there is None:
        return f"{source} has no {pair.theirs}"
    here = _by_layer(own)[pair.ours]
    if set(here) != set(there):
        return f"it has {', '.join(here)}, {pair.theirs} of {source} {', '.join(there)}"
    for part in here:
        ours, theirs = own[f"{pair.ours}.{part}"].shape, other[f"{pair.theirs}.{part}"].shape
        if ours != theirs:
            return f"its {part} is {_size(ours)}, that of {pair.theirs} in {source} {_size(theirs)}"
    return ""


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _by_layer(arrays: Arrays) -> dict[str, list[str]]:
    """The names of a layer's arrays, `weight` and `bias` say, by the layer's."""
    found: dict[str, list[str]] = {}
    for name in arrays:
        layer, _, part = name.rpartition(".")
        found.setdefault(layer, []).append(part)
    return found
