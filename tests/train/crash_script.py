"""Runs that end at every kind of moment, and what becomes of them.

    python -m tests.train.crash_script FOLDER kill|full STEP

The run is killed with SIGKILL, or finds the disk full, when it is about to touch a file of its
folder for the 1st, (1 + STEP)th, ... time: in the middle of a save as well as between two. Then it
goes on, is stopped in the same way somewhere on its way, goes on again, and must end as one that
nothing came between. Prints a JSON object: what was tried, and what came out wrong.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from archc.data.transforms import Flip
from archc.diagnostics import DiagnosticError
from archc.recipe import Recipe, Sgd
from archc.train import Job, train
from archc.train.cadence import Steps
from archc.train.upkeep import Upkeep

from .test_resume import Remembering, rows, same

TOUCHES = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod"}
"""Python's audit events of whoever changes files; reading is among the first of them."""

Happens = Callable[[str, tuple[object, ...]], None]


def job(folder: Path, *, resume: bool) -> Job:
    """Three epochs of four batches, a checkpoint after every second."""
    recipe = Recipe(batch=16, epochs=3, optimizer=Sgd(lr=0.1), augment=(Flip(),))
    return Job(
        name="softmax", input=(1, 8, 8), classes=10, recipe=recipe, backend="numpy",
        make_engine=lambda: Remembering(seed=1000 * resume), data="generated:64", run_dir=folder,
        spec_text="net\n", program_text="#\n", seed=0, batch=16, epochs=3,
        upkeep=Upkeep(save_every=Steps(2)), resume=resume, quiet=True,
    )  # fmt: skip


def tried(folder: Path, *, resume: bool, happens: Happens | None = None) -> str:
    """Train in a process of its own; how it ended: `done`, a code, or a signal."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(1, 2)
        if happens is not None:
            sys.addaudithook(happens)
        try:
            train(job(folder, resume=resume))
            said = "done"
        except DiagnosticError as error:
            said = error.diagnostics[0].code
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as said_by:
        said = said_by.read()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return said or signal.Signals(-status).name


class Count:
    """Counts how often a folder's files are touched; at the `last` time something happens."""

    def __init__(self, folder: Path, last: int, fault: str) -> None:
        self._folder = str(folder)
        self._last, self._fault = last, fault
        self.seen = 0

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if event not in TOUCHES or not str(arguments[0]).startswith(self._folder):
            return
        writes = event != "open" or str(arguments[1] or "r") != "r"
        if self._fault == "full" and not (writes and event in {"open", "os.mkdir"}):
            return
        self.seen += 1
        if self.seen < self._last:
            return
        if self._fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self._fault == "full":
            raise OSError(28, "No space left on device")


def touches(folder: Path, fault: str) -> int:
    """How often a run that nothing comes between touches its files."""
    reading, writing = os.pipe()
    count = Count(folder, sys.maxsize, fault)
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.addaudithook(count)
        train(job(folder, resume=False))
        os.write(writing, str(count.seen).encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(pid, 0)
    with os.fdopen(reading) as seen:
        return int(seen.read())


def main() -> None:
    folder, fault, step = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    # Once, for all the processes that are forked off.
    for name in ("figure", "ticker", "backends.backend_svg", "backends.backend_agg"):
        importlib.import_module(f"matplotlib.{name}")
    importlib.import_module("tensorboard.summary.writer.event_file_writer")
    whole = folder / "whole"
    total = touches(whole, fault)
    chance = random.Random(0)
    wrong: list[str] = []
    begun_anew = 0
    for last in range(1, total + 1, step):
        run = folder / "run"
        shutil.rmtree(run, ignore_errors=True)
        how = [tried(run, resume=False, happens=Count(run, last, fault))]
        there = (run / "checkpoints").is_dir() and any((run / "checkpoints").glob("epoch-*"))
        again = chance.randrange(1, total)
        how.append(tried(run, resume=True, happens=Count(run, again, fault)))
        if how[-1] != "done":
            how.append(tried(run, resume=True))
        if not there and how[-1] in {"E0808", "E0810"}:
            # Refused: not a step was trained.
            begun_anew += 1
        elif how[-1] not in {"done", "E0811"} or not (
            same(run / "weights.safetensors", whole / "weights.safetensors")
            and same(run / "best.safetensors", whole / "best.safetensors")
            and rows(run) == rows(whole)
            and [path for path in (run / "checkpoints").iterdir() if path.name[0] == "."] == []
        ):
            wrong.append(f"at {last} of {total}, then at {again}: {how}")
    print(json.dumps({"total": total, "refused": begun_anew, "wrong": wrong}))


main()
