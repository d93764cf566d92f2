"""The processes that train one net on several machines, and what they agree on."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

import numpy as np

from archc.train.crew import Alone, Crew

MEETING = "ARCHC_MEETING"
"""In the environment of a worker that is one of several: where they meet, as JSON."""

PATIENCE = 900
"""Seconds that one machine waits for the others."""

SILENCE = 30
"""Seconds after which a machine that is not heard of is taken for dead."""

LEAVING = 10
"""Seconds that one waits for the others before it leaves."""


def crew() -> Crew:
    """The processes of this one's run; those of other machines are waited for."""
    meeting = os.environ.get(MEETING)
    if meeting is None:
        return Alone()
    import jax

    from archc.devices import asked_for

    if not jax.distributed.is_initialized():
        said = json.loads(meeting)
        where = f"{said['address']}:{said['port']}"
        if said["device"].startswith("cpu"):
            # JAX can be told so only before it starts, which meeting makes it do.
            jax.config.update("jax_num_cpu_devices", asked_for(said["device"]))
        _keep_gloo_quiet()
        # It would take SIGTERM for itself.
        jax.config.update("jax_enable_preemption_service", False)
        jax.distributed.initialize(
            where,
            said["hosts"],
            said["host"],
            initialization_timeout=PATIENCE,
            heartbeat_timeout_seconds=SILENCE,
            shutdown_timeout_seconds=LEAVING,
            coordinator_bind_address=where,
        )
    return Processes()


def _keep_gloo_quiet() -> None:
    """What gloo has to say of each group of devices goes nowhere: it writes to standard output,
    past Python, and cannot be told not to. What archc says still goes there."""
    sys.stdout.flush()
    said = os.dup(1)
    sys.stdout = os.fdopen(said, "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


class Processes:
    """A `Crew`: JAX's processes, one on each machine."""

    def __init__(self) -> None:
        import jax

        self.rank = jax.process_index()
        self.size = jax.process_count()

    def agreed(self, flag: int) -> int:
        return int(gathered(np.array([flag], np.int64)).max())

    def summed(self, values: Sequence[float]) -> list[float]:
        return gathered(np.array(values, np.float64)).sum(axis=0).tolist()


def gathered(values: np.ndarray) -> np.ndarray:
    """Arrays of one shape of all processes, stacked by rank, the same on all of them."""
    from jax.experimental.multihost_utils import process_allgather

    # As bytes: JAX would make 32 bits of numbers of 64.
    raw = np.frombuffer(values.tobytes(), np.uint8)
    every = np.asarray(process_allgather(raw))
    return np.frombuffer(every.tobytes(), values.dtype).reshape(-1, *values.shape)
