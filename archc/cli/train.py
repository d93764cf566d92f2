"""`archc train`: a net trained by its recipe."""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from archc.cli.common import add_spec, load, not_negative, positive
from archc.cli.jobs import add_devices, add_parallel, crew, device, make_job
from archc.computing import PRECISIONS, Computing
from archc.diagnostics import printable

if TYPE_CHECKING:
    from archc.ir import Graph
    from archc.train import Job
    from archc.train.cadence import Every
    from archc.train.launch import Meeting
    from archc.train.settings import Settings
    from archc.train.upkeep import Upkeep
    from archc.train.warm_start import Pair

_EPILOG = """\
DATA is a folder of train/CLASS/*.jpg and val/CLASS/*.jpg (or .png, ...); digits, the scans of
handwritten digits that come with archc, 1,437 to train, 360 to test; cifar10:FOLDER, the
files of CIFAR-10's binary version; or generated:N, N images of noisy patterns, for measuring.

The run's folder keeps the spec as it was used, the program, metrics, weights, checkpoints
and the learning curve. --resume RUN goes on with it from its newest checkpoint, on the same
framework as if nothing had been, or on another one.

examples:
  archc train lenet --data digits
  archc train vgg_d --data photos --set classes=5 --batch 32
  archc train vgg_d --data photos --init-from runs/vgg_a --layers conv1,conv3=conv2,fc1
  archc train cifar_relu --data cifar10:cifar-10-batches-bin
  archc train vgg_d --data photos --set classes=5 --input 3x64x64 --width 0.25
  archc train alexnet --gpus 2 --parallel towers
  archc train --resume runs/lenet-20261121-043119 --epochs 80
"""

_SETTLED = {
    "spec": "SPEC",
    "settings": "--set",
    "shape": "--input",
    "width": "--width",
    "data": "--data",
    "batch": "--batch",
    "accumulate": "--accumulate",
    "test_every": "--test-every",
    "precision": "--precision",
    "recompute": "--recompute",
    "compile": "--compile",
    "seed": "--seed",
    "weights": "--weights",
    "init_from": "--init-from",
    "layers": "--layers",
    "output": "-o",
}
"""What a run that goes on has settled already."""


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    parser.description = "Compile SPEC and train the program by the spec's recipe."
    parser.epilog = _EPILOG
    add_spec(parser, required=False)
    parser.add_argument("--data", metavar="DATA", help="what to train on (digits)")
    add_devices(parser)
    add_parallel(parser)
    parser.add_argument("--batch", metavar="N", type=positive, help="instead of the recipe's batch")
    parser.add_argument(
        "--epochs", metavar="N", type=positive, help="instead of the recipe's epochs"
    )
    parser.add_argument(
        "--accumulate",
        metavar="N",
        type=positive,
        help="compute each batch in N pieces, which need less memory (1)",
    )
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        help="what layers compute in (fp32); weights are float32 whatever it is",
    )
    # None where it is not said: a run that goes on has settled it.
    parser.add_argument(
        "--recompute",
        action="store_true",
        default=None,
        help="keep what arrives at each block alone and compute the rest again: less memory",
    )
    parser.add_argument(
        "--compile",
        action="store_true",
        default=None,
        help="let PyTorch compile the net (torch.compile); JAX always does",
    )
    parser.add_argument("--seed", metavar="N", type=not_negative, help="of all chance (0)")
    starts = parser.add_mutually_exclusive_group()
    starts.add_argument(
        "--weights", metavar="FILE", help="start from these weights, not from what init says"
    )
    starts.add_argument(
        "--init-from",
        metavar="RUN|FILE",
        help="start the layers that match from another net's weights, the rest as init says",
    )
    parser.add_argument(
        "--layers",
        metavar="NAME,...",
        help="of --init-from these layers or blocks only; OURS=THEIRS where the names differ",
    )
    parser.add_argument(
        "--save-every",
        metavar="N|Nm",
        type=_every,
        help="a checkpoint after every N steps, or N minutes (10m), and at the end of each epoch",
    )
    parser.add_argument(
        "--test-every",
        metavar="N",
        type=positive,
        help="test after every N epochs and after the last one (1)",
    )
    parser.add_argument(
        "--restarts",
        metavar="N",
        type=not_negative,
        help="train in a process of its own, which is started again N times when it is lost (3 "
        "with several devices)",
    )
    several = parser.add_argument_group("several machines, each with the same command line")
    several.add_argument("--hosts", metavar="N", type=positive, help="how many there are")
    several.add_argument(
        "--host",
        metavar="I",
        type=not_negative,
        help="which this one is, from 0, where the run is kept",
    )
    several.add_argument(
        "--meet",
        metavar="ADDRESS:PORT",
        type=_address,
        help="an address of number 0, where they find one another",
    )
    several.add_argument(
        "--print-slurm",
        action="store_true",
        help="print a script that does this under Slurm, on --hosts machines, for sbatch",
    )
    parser.add_argument(
        "--stall",
        metavar="SECONDS",
        type=positive,
        help="such a process is lost when it makes no step for so long (600)",
    )
    parser.add_argument("--resume", metavar="RUN", help="go on with the run in this folder")
    parser.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        help="the run's folder (runs/NET-DATE-TIME); must not exist",
    )
    parser.add_argument("--quiet", action="store_true", help="print the last line only")
    parser.set_defaults(run=partial(run, parser))


def run(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    """Train; 0 where it finished, 1 where it failed, 130 where it was interrupted."""
    if arguments.layers is not None and arguments.init_from is None and arguments.resume is None:
        parser.error("argument --layers: of which net? --init-from RUN")
    if arguments.resume is None and arguments.spec is None:
        parser.error("the following arguments are required: SPEC, or --resume RUN")
    if arguments.resume is not None:
        for name, word in _SETTLED.items():
            # 0 is a seed; what was not said is None, or no settings at all.
            if getattr(arguments, name) not in (None, []):
                parser.error(f"argument --resume: the run has its own {word}")
    if arguments.print_slurm:
        return _print_slurm(parser, arguments)
    meeting = _meeting(parser, arguments)
    from archc.train import supervisor

    if supervisor.is_worker():
        if arguments.output is None and arguments.resume is None:
            parser.error("argument -o: the workers have to find one folder, which is not said")
        return supervisor.work(lambda: _trained(arguments))
    if meeting or _is_watched(arguments):
        return _launched(arguments, meeting)
    return _trained(arguments)


def _trained(arguments: argparse.Namespace) -> int:
    """Train in this process; the exit status."""
    from archc.train import train
    from archc.train.crew import ElsewhereError, Together

    try:
        job = Together(crew(arguments)).do(lambda: _job(arguments))
        return 0 if train(job).status == "finished" else 130
    except ElsewhereError:
        return 1


def _job(arguments: argparse.Namespace) -> Job:
    from archc.train.checkpoint import any_in
    from archc.train.supervisor import why_restarted

    if why_restarted() and arguments.resume is None and any_in(Path(arguments.output)):
        arguments.resume = arguments.output
    return _new(arguments) if arguments.resume is None else _resumed(arguments)


def _print_slurm(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    """Print the script for this command line, which Slurm gives the machines to meet at."""
    from archc.cli.slurm import script
    from archc.devices import asked_for

    if arguments.host is not None or arguments.meet is not None:
        parser.error("argument --print-slurm: the script itself says --host and --meet")
    if arguments.output is None and arguments.resume is None:
        parser.error("argument -o: the machines have to find one folder, which is not said")
    # argparse takes the beginning of an option for it, where it is no other's.
    given: tuple[str, ...] = arguments.words
    words = [word for word in given if len(word) < 4 or not "--print-slurm".startswith(word)]
    before = _before(arguments)
    devices = device(arguments) or (before.device if before else "auto")
    count = asked_for(devices)
    gpus = None if devices.startswith("cpu") else count
    print(script(words, hosts=arguments.hosts or 1, gpus=gpus, workers=count), end="")
    return 0


def _meeting(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> Meeting | None:
    """The machines that train together, None where it is one."""
    said = {name: getattr(arguments, name) is not None for name in ("hosts", "host", "meet")}
    if not any(said.values()):
        return None
    if not all(said.values()):
        missing = next(name for name, is_said in said.items() if not is_said)
        parser.error(f"argument --{missing}: --hosts, --host and --meet go together")
    if arguments.host >= arguments.hosts:
        parser.error(f"argument --host: the last of {arguments.hosts} is {arguments.hosts - 1}")
    if arguments.output is None and arguments.resume is None:
        parser.error("argument -o: the machines have to find one folder, which is not said")
    from archc.train.launch import Meeting

    address, port = arguments.meet
    return Meeting(arguments.hosts, arguments.host, address, port)


def _address(text: str) -> tuple[str, int]:
    """`10.0.0.1:29400`, `node1:29400`."""
    match = re.fullmatch(r"([A-Za-z0-9.-]{1,255}):([0-9]{1,5})", text)
    if match is None or not 0 < int(match[2]) <= 65535:
        raise argparse.ArgumentTypeError(f"'{printable(text)}' is not ADDRESS:PORT")
    return match[1], int(match[2])


def _is_watched(arguments: argparse.Namespace) -> bool:
    """Whether to train in a process of its own, which is watched."""
    from archc.devices import asked_for

    before = _before(arguments)
    if upkeep(arguments, before).is_watched:
        return True
    devices = device(arguments) or (before.device if before else "auto")
    return asked_for(devices) > 1


def _before(arguments: argparse.Namespace) -> Settings | None:
    """How the run was started that goes on. Raises `DiagnosticError` (E0810)."""
    from archc.train.settings import read_settings

    return None if arguments.resume is None else read_settings(Path(arguments.resume))


def upkeep(arguments: argparse.Namespace, before: Settings | None) -> Upkeep:
    """What is said, and what is not as the run had it."""
    from archc.train.upkeep import Upkeep

    said = {
        name: getattr(arguments, name) for name in ("save_every", "workers", "restarts", "stall")
    }
    return replace(
        before.upkeep if before else Upkeep(),
        **{name: value for name, value in said.items() if value is not None},
    )


def _launched(arguments: argparse.Namespace, meeting: Meeting | None) -> int:
    """Have workers train, by the same command line; the exit status."""
    from archc.backend import backend as find
    from archc.devices import asked_for
    from archc.train.launch import Launch

    before = _before(arguments)
    devices = device(arguments) or (before.device if before else "auto")
    hosts = meeting.hosts if meeting else 1
    graph = _checked(arguments, before, asked_for(devices) * hosts)
    name = arguments.backend or (before.backend if before else "torch")
    run_dir = arguments.resume or arguments.output
    # Settled here, for every worker has to find it again.
    settled = ["--backend", name]
    if run_dir is None:
        run_dir = str(_default(graph))
        settled += ["-o", run_dir]
    command, *rest = arguments.words
    return find(name).launch(
        Launch(
            words=(command, *settled, *rest),
            run=run_dir,
            device=devices,
            limits=upkeep(arguments, before).limits,
            meeting=meeting,
        )
    )


def _checked(arguments: argparse.Namespace, before: Settings | None, devices: int) -> Graph:
    """The net. What is wrong with it, or with so many devices for it, is said before workers are
    started, which takes its time. Raises `DiagnosticError`."""
    from archc import driver
    from archc.passes import replicas, towers_of
    from archc.trainable import trainable

    graph = driver.load(str(Path(arguments.resume) / "spec.arch")) if before else load(arguments)
    trainable(graph)
    if (arguments.parallel or (before.parallel if before else "data")) == "towers":
        replicas(towers_of(graph), devices)
    return graph


def _default(graph: Graph) -> Path:
    """Where a run goes when nothing is said."""
    from archc.train import default_run_dir

    return default_run_dir(graph.name, now=datetime.now().astimezone())


def _new(arguments: argparse.Namespace) -> Job:
    """A run from its beginning."""
    graph = load(arguments)
    return make_job(
        graph,
        arguments,
        backend=arguments.backend or "torch",
        device=device(arguments) or "auto",
        data=arguments.data or "digits",
        run_dir=Path(arguments.output) if arguments.output else _default(graph),
        seed=arguments.seed or 0,
        batch=arguments.batch,
        epochs=arguments.epochs,
        weights=Path(arguments.weights) if arguments.weights else None,
        init_from=Path(arguments.init_from) if arguments.init_from else None,
        layers=_pairs(arguments.layers),
        accumulate=arguments.accumulate or 1,
        computing=Computing(
            precision=arguments.precision or "fp32",
            recompute=bool(arguments.recompute),
            compile=bool(arguments.compile),
        ),
        upkeep=upkeep(arguments, None),
        test_every=arguments.test_every or 1,
        parallel=arguments.parallel or "data",
    )


def _every(text: str) -> Every:
    from archc.train.cadence import parsed

    try:
        return parsed(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(printable(str(error))) from error


def _pairs(text: str | None) -> tuple[Pair, ...]:
    """`conv1,conv3=conv2`: layers, and those of the other net that they start from."""
    from archc.train.warm_start import Pair

    names = (each.strip().partition("=") for each in text.split(",")) if text else ()
    return tuple(Pair(ours, theirs or ours) for ours, _, theirs in names)


def _resumed(arguments: argparse.Namespace) -> Job:
    """A run that goes on: its own settings, but for what the command line says."""
    from archc import driver
    from archc.train.settings import read_settings

    path = Path(arguments.resume)
    before = read_settings(path)
    backend = arguments.backend or before.backend
    # What is another framework's own way to compile does not go over to it.
    compiles = before.computing.compile and backend == before.backend
    return make_job(
        driver.load(str(path / "spec.arch")),
        arguments,
        backend=backend,
        device=device(arguments) or before.device,
        data=before.data,
        run_dir=path,
        seed=before.seed,
        batch=before.batch,
        accumulate=before.accumulate,
        computing=replace(before.computing, compile=compiles),
        epochs=arguments.epochs or before.epochs,
        upkeep=upkeep(arguments, before),
        test_every=before.test_every,
        parallel=arguments.parallel or before.parallel,
        resume=True,
    )
