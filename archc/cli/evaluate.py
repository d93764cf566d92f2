"""`archc evaluate`: the error of weights on the images held out."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from archc.cli.common import add_spec, load, positive
from archc.cli.jobs import add_devices, device, make_job

if TYPE_CHECKING:
    from archc.computing import Precision
    from archc.data.pipeline import Statistics
    from archc.ir import Graph

_EPILOG = """\
A run's folder says by itself what net it is, on what data, and with what weights it ended.
Weights are the same for every framework: what one has trained, another can measure.

examples:
  archc evaluate runs/lenet-20261121-043119
  archc evaluate runs/lenet-20261121-043119 --backend jax
  archc evaluate lenet --weights best.safetensors --data photos
"""


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    parser.description = "Measure the weights of a run, or of a file, by the recipe's evaluate."
    parser.epilog = _EPILOG
    add_spec(parser, run=True)
    parser.add_argument(
        "--weights",
        metavar="FILE",
        help="the weights (of a run: those at its end, weights.safetensors)",
    )
    parser.add_argument(
        "--data", metavar="DATA", help="whose images (of a run: its own; else digits)"
    )
    add_devices(parser)
    parser.add_argument("--batch", metavar="N", type=positive, help="images at once")
    parser.add_argument("--quiet", action="store_true", help="print the last line only")
    parser.set_defaults(run=partial(run, parser))


def run(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    """Measure and print; 0 whatever the error is."""
    from archc.train.settings import is_run

    path = Path(arguments.spec)
    if is_run(path):
        if arguments.settings or arguments.shape or arguments.width:
            parser.error("a run has its own --set, --input and --width")
        return _of_run(path, arguments)
    if arguments.weights is None:
        parser.error("the following arguments are required: --weights FILE, for a spec")
    graph = load(arguments)
    return _measured(
        graph,
        arguments,
        backend=arguments.backend or "torch",
        data=arguments.data or "digits",
        weights=Path(arguments.weights),
        batch=arguments.batch,
        statistics=None,
        precision="fp32",
    )


def _of_run(path: Path, arguments: argparse.Namespace) -> int:
    from archc import driver
    from archc.train.settings import read_settings, read_statistics

    settings = read_settings(path)
    return _measured(
        driver.load(str(path / "spec.arch")),
        arguments,
        backend=arguments.backend or settings.backend,
        data=arguments.data or settings.data,
        weights=Path(arguments.weights) if arguments.weights else path / "weights.safetensors",
        batch=arguments.batch or settings.batch,
        statistics=read_statistics(path),
        precision=settings.computing.precision,
    )


def _measured(
    graph: Graph,
    arguments: argparse.Namespace,
    *,
    backend: str,
    data: str,
    weights: Path,
    batch: int | None,
    statistics: Statistics | None,
    precision: Precision,
) -> int:
    from archc.computing import Computing
    from archc.train import measure

    job = make_job(
        graph,
        arguments,
        backend=backend,
        device=device(arguments) or "auto",
        data=data,
        run_dir=weights.parent,
        batch=batch,
        computing=Computing(precision=precision),
    )
    measure(job, weights, statistics)
    return 0
