"""What `archc train` and `archc evaluate` share: their options, and the job that these make."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from archc.cli.common import positive, workers
from archc.computing import AS_WRITTEN, Computing
from archc.diagnostics import fail

if TYPE_CHECKING:
    from archc.backend import Engine, Program
    from archc.evaluate import Value
    from archc.ir import Graph
    from archc.towers import Parallel
    from archc.train import Job
    from archc.train.crew import Crew
    from archc.train.upkeep import Upkeep
    from archc.train.warm_start import Pair


def add_devices(parser: argparse.ArgumentParser) -> None:
    """The options that say what to run on, and what is to read the data."""
    parser.add_argument("--backend", metavar="NAME", help="the framework: torch (default), jax")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--device",
        metavar="NAME",
        help="auto (a GPU where there is one; the default), cpu, cuda:1; cpu:4 is four workers",
    )
    where.add_argument("--gpus", metavar="N", type=positive, help="N GPUs share each batch")
    parser.add_argument(
        "--workers",
        metavar="N",
        type=workers,
        help="N processes read image files; 0 (default): threads of the one that trains",
    )


def crew(arguments: argparse.Namespace) -> Crew:
    """The processes that this one works with. A worker is told its backend by who starts it."""
    from archc.backend import backend as find
    from archc.train.crew import Alone
    from archc.train.supervisor import is_worker

    return find(arguments.backend).crew() if is_worker() and arguments.backend else Alone()


def add_parallel(parser: argparse.ArgumentParser) -> None:
    """The option that says what several devices share out."""
    parser.add_argument(
        "--parallel",
        choices=("data", "towers"),
        help="what several devices share out: the images of each batch (data, the default), or "
        "the towers of the net, each on a device of its own, and replicas of them the images",
    )


def device(arguments: argparse.Namespace) -> str | None:
    """The device that was asked for, None where nothing was said."""
    return arguments.device if arguments.gpus is None else f"gpus:{arguments.gpus}"


def make_job(
    graph: Graph,
    arguments: argparse.Namespace,
    *,
    backend: str,
    device: str,
    data: str,
    run_dir: Path,
    seed: int = 0,
    batch: int | None = None,
    epochs: int | None = None,
    weights: Path | None = None,
    init_from: Path | None = None,
    layers: tuple[Pair, ...] = (),
    accumulate: int = 1,
    computing: Computing = AS_WRITTEN,
    upkeep: Upkeep,
    test_every: int = 1,
    resume: bool = False,
    parallel: Parallel = "data",
) -> Job:
    """A job for a net; None is what the recipe says. Raises `DiagnosticError`."""
    from archc.backend import backend as find
    from archc.driver import compile_dense, compile_graph, compile_tower
    from archc.errors.backends import BackendBroken
    from archc.lone import lone
    from archc.resolve import resolved
    from archc.train import DenseNet, Job
    from archc.train.supervisor import why_restarted
    from archc.trainable import trainable

    recipe = trainable(graph)
    program = compile_graph(graph, backend)
    part = compile_tower(graph, backend) if parallel == "towers" else None
    framework = find(backend)

    def engine_of(made: Program, of: Graph, part: Program | None = None) -> Engine:
        try:
            return framework.engine(
                made,
                of,
                recipe,
                device=device,
                seed=seed,
                accumulate=accumulate,
                computing=computing,
                part=part,
            )
        except ImportError as error:
            fail(BackendBroken(name=backend, reason=str(error)))

    dense: DenseNet | None = None
    if recipe.dense is not None:
        whole, for_whole = compile_dense(graph, backend)
        dense = DenseNet(whole, lambda: engine_of(for_whole, whole))
    changed: dict[str, Value] = {
        name: value
        for name, value, said in (("batch", batch, recipe.batch), ("epochs", epochs, recipe.epochs))
        if value is not None and value != said
    }
    return Job(
        name=graph.name,
        input=graph.input,
        classes=graph.shape[0],
        recipe=recipe,
        make_engine=lambda: engine_of(program, graph, part),
        dense=dense,
        lone=lone(graph),
        backend=backend,
        crew=framework.crew(),
        device=device,
        data=data,
        run_dir=run_dir,
        spec_text=resolved(graph, changed),
        program_text=(part or program).text,
        parallel=parallel,
        seed=seed,
        batch=recipe.batch if batch is None else batch,
        epochs=recipe.epochs if epochs is None else epochs,
        weights=weights,
        init_from=init_from,
        layers=layers,
        accumulate=accumulate,
        computing=computing,
        upkeep=upkeep,
        test_every=test_every,
        resume=resume,
        restart=why_restarted(),
        quiet=arguments.quiet,
        command=tuple(sys.argv),
    )
