"""Programs that train, run where archc cannot be imported, and what they did."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from archc.driver import check, compile_training
from archc.source import Source

# A line of JSON a run: [program, arguments, stop]. What every step saw is noted; where `stop`
# is a number, Ctrl-C comes in that step.
SCRIPT = """
import contextlib, importlib.util, io, json, sys
for name in ("archc", "archc_torch", "archc_jax", "lark", "pydantic", "jinja2.loaders"):
    sys.modules[name] = None

def run(path, arguments, stop):
    spec = importlib.util.spec_from_file_location("program", path)
    program = importlib.util.module_from_spec(spec)
    sys.modules["program"] = program
    spec.loader.exec_module(program)
    steps = []
    step = program.Training.step
    def noting(self, *given):
        if len(steps) == stop:
            raise KeyboardInterrupt
        found = step(self, *given)
        labels = given[1]
        steps.append((found[0] / len(labels), found[1]))
        return found
    program.Training.step = noting
    sys.argv = [path, *arguments]
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        try:
            program.main()
            ended = 0
        except SystemExit as error:
            ended = error.code
    return [ended, said.getvalue(), steps]

print(json.dumps([run(*job) for job in json.loads(sys.argv[1])]))
"""


class Done(NamedTuple):
    """A program that was run."""

    ended: int | str
    """What it ended with: an exit status, or what it printed on standard error for a 1."""
    out: str
    steps: list[list[float]]
    """The loss and the wrong answers of each step."""


def write_program(text: str, backend: str, folder: Path) -> Path:
    """The program of a spec's text, and the spec beside it."""
    graph = check(Source("small.arch", text))
    (folder / f"{graph.name}.arch").write_text(text, "utf-8")
    path = folder / f"{graph.name}_{backend}.py"
    path.write_text(compile_training(graph, backend).text, "utf-8")
    return path


class Job(NamedTuple):
    """A program to be run, with a command line; stopped by Ctrl-C in a step, from 0."""

    program: Path
    arguments: Sequence[object]
    stop: int | None = None


def run(*jobs: Job, environment: Mapping[str, str] | None = None) -> list[Done]:
    """Run programs one after another, in one process without archc."""
    listed = [[str(job.program), list(map(str, job.arguments)), job.stop] for job in jobs]
    done = plain(["-c", SCRIPT, json.dumps(listed)], environment)
    if done.returncode:
        raise AssertionError(done.stderr)
    return [Done(*each) for each in json.loads(done.stdout)]


def plain(
    command: Sequence[object], environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command line of Python's."""
    return subprocess.run(
        [sys.executable, *map(str, command)],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "JAX_PLATFORMS": "cpu",
            **(environment or {}),
        },
    )
