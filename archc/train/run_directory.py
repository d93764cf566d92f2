"""The folder that keeps a run: what was trained, how, and what came out.

spec.arch program.py run.json     what really was used
statistics.safetensors            what the transforms learned, where any did
metrics.jsonl events.out.*        an epoch a line; the same for TensorBoard
weights.safetensors               the weights at the end
best.safetensors                  those with the least error so far
checkpoints/                      what is needed to go on
curve.svg curve.png               errors against epochs
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from archc.backend import Engine
from archc.data.pipeline import flatten
from archc.data.prepare import Prepared
from archc.data.sources import absolute
from archc.diagnostics import fail
from archc.errors.training import RunDirectoryExists
from archc.train.curve import draw_curve
from archc.train.events import Events
from archc.train.files import write_tensors, write_text, writing
from archc.train.job import Job
from archc.train.metrics import EpochMetrics
from archc.train.record import State, lock

BEST = "best.safetensors"
WEIGHTS = "weights.safetensors"

DISTRIBUTIONS = ("archc-nets", "numpy", "pillow", "pydantic", "safetensors")
"""Whose versions are noted, beside the backend's own."""


def default_run_dir(name: str, *, now: datetime, root: Path = Path("runs")) -> Path:
    """`runs/<name>-<YYYYMMDD-HHMMSS>`, with a number where that is taken."""
    stamp = f"{name}-{now:%Y%m%d-%H%M%S}"
    path, number = root / stamp, 2
    while path.exists():
        path, number = root / f"{stamp}-{number}", number + 1
    return path


class RunDirectory(AbstractContextManager["RunDirectory"]):
    """The folder of a run, a new one unless the run goes on; its event file is closed on leaving.

    A run that goes on keeps the epochs of `history` and those alone; `batches` of the next one are
    trained already. Raises `DiagnosticError` (E0804) where the folder exists, (E0805) where it
    cannot be written, from every method.
    """

    def __init__(
        self,
        job: Job,
        data: Prepared,
        engine: Engine,
        history: Sequence[EpochMetrics] = (),
        batches: int = 0,
    ) -> None:
        self._job = job
        self._held_out = data.dataset.held_out_name
        self.path = job.run_dir
        about = described(job, data, engine)
        if job.resume:
            about = gone_on(self.path, about, len(history), batches)
        else:
            with writing(self.path):
                try:
                    self.path.mkdir(parents=True, exist_ok=job.restart is not None)
                except FileExistsError:
                    fail(RunDirectoryExists(path=str(self.path)))
        write_text(self.path / "spec.arch", job.spec_text)
        write_text(self.path / "program.py", job.program_text)
        self._about = about
        self.say("running")
        if data.statistics:
            write_tensors(
                self.path / "statistics.safetensors",
                flatten(data.statistics),
                {"of": "what the transforms learned from the training set", "data": job.data},
            )
        metrics = self.path / "metrics.jsonl"
        write_text(metrics, "".join(map(self._line, history)))
        with writing(self.path):
            self._metrics = metrics.open("a", encoding="utf-8", newline="\n")
            lock(self._metrics.fileno())
            try:
                self._events = Events(self.path, after=len(history))
            except BaseException:
                self._metrics.close()
                raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._metrics.close()
        self._events.close()

    def say(self, status: State) -> None:
        """Note in `run.json` how the run stands."""
        about = {**self._about, "status": status}
        text = json.dumps(about, indent=2, ensure_ascii=False, allow_nan=False)
        write_text(self.path / "run.json", text + "\n")

    @property
    def best(self) -> Path:
        return self.path / BEST

    @property
    def weights(self) -> Path:
        return self.path / WEIGHTS

    def record(self, metrics: EpochMetrics) -> None:
        """Append an epoch, so that it is there whatever happens next."""
        with writing(self.path):
            self._metrics.write(self._line(metrics))
            self._metrics.flush()
            self._events.add(metrics.epoch, metrics.scalars(self._held_out))

    def _line(self, metrics: EpochMetrics) -> str:
        return json.dumps(metrics.row(self._held_out), allow_nan=False) + "\n"

    def save(self, path: Path, weights: Mapping[str, np.ndarray], epochs: int) -> None:
        """Weights in the canonical layout, with the net's name and the full epochs trained."""
        write_tensors(path, weights, {"net": self._job.name, "epochs": str(epochs)})

    def draw(self, history: list[EpochMetrics]) -> None:
        """The learning curve, once there is an epoch to draw."""
        if history:
            draw_curve(self._job.name, history, self._held_out, self.path)


def described(job: Job, data: Prepared, engine: Engine) -> dict[str, object]:
    """What a run really used, for `run.json`."""
    dataset = data.dataset
    used = {
        "net": job.name,
        "input": list(job.input),
        "classes": job.classes,
        "command": list(job.command),
        "restart": job.restart,
        "backend": job.backend,
        "device": engine.device,
        "requested_device": job.device,
        "weights": None if job.weights is None else str(job.weights),
        "init_from": None if job.init_from is None else str(job.init_from),
        "layers": [f"{pair.ours}={pair.theirs}" for pair in job.layers],
        "seed": job.seed,
        "batch": job.batch,
        "accumulate": job.accumulate,
        **asdict(job.computing),
        "parallel": job.parallel,
        "epochs": job.epochs,
        "test_every": job.test_every,
        "save_every": str(job.upkeep.save_every),
        "workers": job.upkeep.workers,
        "restarts": job.upkeep.restarts,
        "stall": job.upkeep.stall,
    }
    return {
        **used,
        "recipe": {**job.recipe.described(), "batch": job.batch, "epochs": job.epochs},
        "data": {
            "name": dataset.name,
            # As it is found again, from wherever the run is gone on with.
            "source": absolute(job.data),
            "about": dataset.about,
            "classes": list(dataset.classes),
            "training_images": len(dataset.train),
            f"{dataset.held_out_name}_images": len(dataset.held_out),
            "notes": list(dataset.notes),
        },
        "versions": {"python": platform.python_version(), **_versions(), **engine.versions},
        "platform": platform.platform(),
    }


def gone_on(
    run_dir: Path, about: Mapping[str, object], epoch: int, batch: int
) -> dict[str, object]:
    """What a run says of itself that goes on after an epoch and a batch of the next: how it began
    is kept in `earlier`, a piece of the run for each time."""
    # Any: read_settings has looked at the file; what it holds besides is handed on.
    before: Any = json.loads((run_dir / "run.json").read_text("utf-8"))
    earlier: list[object] = before.pop("earlier", [])
    pieces = [*earlier, {key: before.get(key) for key in PIECE}]
    began = {key: before.get(key) for key in ("weights", "init_from", "layers")}
    return {**about, **began, "after_epoch": epoch, "after_batch": batch, "earlier": pieces}


PIECE = (
    "after_epoch",
    "after_batch",
    "command",
    "restart",
    "backend",
    "device",
    "requested_device",
    "parallel",
    "epochs",
    "save_every",
    "workers",
    "restarts",
    "stall",
    "versions",
)
"""What may differ between the pieces of a run."""


def _versions() -> dict[str, str]:
    """The versions of what is installed; what is not installed was not used."""
    found: dict[str, str] = {}
    for name in DISTRIBUTIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
