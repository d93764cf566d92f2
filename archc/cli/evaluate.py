"""`archc evaluate`: the error of weights on the images held out."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from archc.cli.common import add_spec, load, positive
from archc.cli.jobs import add_devices, crew, device, make_job

if TYPE_CHECKING:
    from archc.data.pipeline import Statistics
    from archc.train import Job
    from archc.train.upkeep import Upkeep

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
    from archc.train import supervisor
    from archc.train.settings import is_run

    if is_run(Path(arguments.spec)):
        if arguments.settings or arguments.shape or arguments.width:
            parser.error("a run has its own --set, --input and --width")
    elif arguments.weights is None:
        parser.error("the following arguments are required: --weights FILE, for a spec")
    if supervisor.is_worker():
        return supervisor.work(lambda: _measured(arguments))
    status = _launched(arguments)
    return _measured(arguments) if status is None else status


def _launched(arguments: argparse.Namespace) -> int | None:
    """The exit status of workers that measure by the same command line; None where the devices
    need none."""
    from archc.backend import backend as find
    from archc.devices import asked_for
    from archc.train.launch import Launch
    from archc.train.settings import is_run, read_settings
    from archc.train.supervisor import Limits

    asked = device(arguments) or "auto"
    if asked_for(asked) == 1:
        return None
    path = Path(arguments.spec)
    name = arguments.backend or (read_settings(path).backend if is_run(path) else "torch")
    framework = find(name)
    if not framework.processes:
        return None
    command, *rest = arguments.words
    # Nothing would be gone on with: a worker that is lost is not started again.
    words = (command, "--backend", name, *rest)
    return framework.launch(Launch(words=words, device=asked, limits=Limits(restarts=0)))


def _measured(arguments: argparse.Namespace) -> int:
    """Measure in this process; the exit status."""
    from archc.train import measure
    from archc.train.crew import ElsewhereError, Together
    from archc.train.settings import is_run

    path = Path(arguments.spec)
    settled = _of_run if is_run(path) else _of_spec
    try:
        measure(*Together(crew(arguments)).do(lambda: settled(path, arguments)))
    except ElsewhereError:
        return 1
    return 0


def _of_spec(_: Path, arguments: argparse.Namespace) -> tuple[Job, Path, Statistics | None]:
    weights = Path(arguments.weights)
    job = make_job(
        load(arguments),
        arguments,
        backend=arguments.backend or "torch",
        device=device(arguments) or "auto",
        data=arguments.data or "digits",
        run_dir=weights.parent,
        batch=arguments.batch,
        upkeep=_upkeep(arguments),
    )
    return job, weights, None


def _of_run(path: Path, arguments: argparse.Namespace) -> tuple[Job, Path, Statistics | None]:
    from archc import driver
    from archc.computing import Computing
    from archc.train.settings import read_settings, read_statistics

    settings = read_settings(path)
    weights = Path(arguments.weights) if arguments.weights else path / "weights.safetensors"
    job = make_job(
        driver.load(str(path / "spec.arch")),
        arguments,
        backend=arguments.backend or settings.backend,
        device=device(arguments) or "auto",
        data=arguments.data or settings.data,
        run_dir=weights.parent,
        batch=arguments.batch or settings.batch,
        computing=Computing(precision=settings.computing.precision),
        upkeep=_upkeep(arguments),
    )
    return job, weights, read_statistics(path)


def _upkeep(arguments: argparse.Namespace) -> Upkeep:
    from archc.train.upkeep import Upkeep

    return Upkeep(workers=arguments.workers or 0)
