"""`archc train`: a net trained by its recipe."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from archc.cli.common import add_spec, load, not_negative, positive

if TYPE_CHECKING:
    from archc.backend import Engine, Program
    from archc.evaluate import Value
    from archc.ir import Graph

_EPILOG = """\
FOLDER holds train/CLASS/*.jpg and val/CLASS/*.jpg (or .png, ...). digits are the scans of
handwritten digits that come with scikit-learn: 1,437 to train, 360 to test.

The run's folder keeps the spec as it was used, the program, metrics, weights and the
learning curve.

examples:
  archc train lenet --data digits
  archc train vgg_d --data photos --set classes=5 --batch 32
  archc train vgg_d --data photos --set classes=5 --input 3x64x64 --width 0.25
"""


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    parser.description = "Compile SPEC and train the program by the spec's recipe."
    parser.epilog = _EPILOG
    add_spec(parser)
    parser.add_argument(
        "--data", metavar="digits|FOLDER", default="digits", help="what to train on (digits)"
    )
    parser.add_argument("--backend", metavar="NAME", default="torch", help="the framework (torch)")
    parser.add_argument(
        "--device",
        metavar="NAME",
        default="auto",
        help="auto (a GPU where there is one), cpu, cuda:1",
    )
    parser.add_argument("--batch", metavar="N", type=positive, help="instead of the recipe's batch")
    parser.add_argument(
        "--epochs", metavar="N", type=positive, help="instead of the recipe's epochs"
    )
    parser.add_argument(
        "--seed", metavar="N", type=not_negative, default=0, help="of all chance (0)"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        help="the run's folder (runs/NET-DATE-TIME); must not exist",
    )
    parser.add_argument("--quiet", action="store_true", help="print the last line only")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Train; 0 where it finished, 1 where it failed, 130 where it was interrupted."""
    from archc.backend import backend
    from archc.driver import compile_dense, compile_graph
    from archc.resolve import resolved
    from archc.train import DenseNet, Job, default_run_dir, train
    from archc.trainable import trainable

    graph = load(arguments)
    recipe = trainable(graph)
    program = compile_graph(graph, arguments.backend)
    framework = backend(arguments.backend)

    def engine_of(made: Program, of: Graph) -> Engine:
        return framework.engine(made, of, recipe, device=arguments.device, seed=arguments.seed)

    dense: DenseNet | None = None
    if recipe.dense is not None:
        whole, for_whole = compile_dense(graph, arguments.backend)
        dense = DenseNet(whole, lambda: engine_of(for_whole, whole))

    settled = {
        "batch": recipe.batch if arguments.batch is None else arguments.batch,
        "epochs": recipe.epochs if arguments.epochs is None else arguments.epochs,
    }
    overridden: dict[str, Value] = {
        name: value for name, value in settled.items() if getattr(arguments, name) is not None
    }
    default = default_run_dir(graph.name, now=datetime.now().astimezone())
    job = Job(
        name=graph.name,
        input=graph.input,
        classes=graph.shape[0],
        recipe=recipe,
        make_engine=lambda: engine_of(program, graph),
        dense=dense,
        backend=arguments.backend,
        data=arguments.data,
        run_dir=Path(arguments.output) if arguments.output else default,
        spec_text=resolved(graph, overridden),
        program_text=program.text,
        seed=arguments.seed,
        batch=settled["batch"],
        epochs=settled["epochs"],
        quiet=arguments.quiet,
        command=tuple(sys.argv),
    )
    return 0 if train(job).status == "finished" else 130
