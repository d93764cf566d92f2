"""The devices that a run asks for, as a mesh of JAX."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh

from archc.devices import choose
from archc.diagnostics import fail
from archc.errors.backends import DevicesTooLate, TowersOnHosts
from archc.passes import replicas
from archc.towers import in_words as towers_in_words

DATA = "data"
"""The mesh's axis along which the images of a batch are shared out."""

TOWER = "tower"
"""The axis along which are the towers of one net."""


def find_mesh(name: str, towers: int = 1) -> Mesh:
    """The devices of a word of `archc.devices`, those of one net's towers side by side; where
    several processes train, those of each, in the order of the processes.

    Raises `DiagnosticError` (E0603, E0607), (E0608) where more devices on the CPU are asked for
    than JAX has started with in this process, and where they are no whole number of nets: (E0904)
    those of one machine, (E0610) those of each of several.
    """
    chosen = choose(name, lambda: len(_gpus()))
    if chosen.kind == "gpu":
        devices = _gpus()[chosen.first : chosen.first + chosen.count]
    else:
        devices = _cpus(chosen.count)
    if jax.process_count() > 1 and len(devices) % towers:
        fail(TowersOnHosts(backend="jax", devices=len(devices), towers=towers))
    every = _of_all(devices)
    shape = (replicas(towers, len(every)), towers)
    if jax.process_count() == 1:
        return jax.make_mesh(shape, (DATA, TOWER), axis_types=(AxisType.Auto,) * 2, devices=every)
    # JAX would look for an order of its own; the images come in that of the processes.
    return Mesh(np.array(every).reshape(shape), (DATA, TOWER), axis_types=(AxisType.Auto,) * 2)


def _of_all(devices: list[Any]) -> list[Any]:
    """The devices that stand where these do, of every process."""
    mine = jax.local_devices(backend=devices[0].platform)
    places = [mine.index(device) for device in devices]
    there: dict[int, list[Any]] = {}
    for device in jax.devices(devices[0].platform):
        there.setdefault(device.process_index, []).append(device)
    return [there[process][place] for process in sorted(there) for place in places]


def described(mesh: Mesh) -> str:
    """The devices in words, for the log: `cpu`, `cpu:4`, `cuda:0 (NVIDIA H200)`.

    With towers, how many: `cpu:4, 2 replicas of 2 towers`.
    """
    devices: list[Any] = list(mesh.local_devices)
    if devices[0].platform == "cpu":
        found = "cpu" if len(devices) == 1 else f"cpu:{len(devices)}"
    else:
        numbers = ", ".join(f"cuda:{_gpus().index(device)}" for device in devices)
        found = f"{numbers} ({devices[0].device_kind})"
    hosts = jax.process_count()
    found += f" on each of {hosts} machines" if hosts > 1 else ""
    return f"{found}{towers_in_words(mesh.shape[DATA], mesh.shape[TOWER])}"


# Any: to a type checker jax.Device is a variable.
def _gpus() -> list[Any]:
    try:
        return jax.local_devices(backend="gpu")
    except RuntimeError:
        # JAX was installed without support for GPUs, or there is none.
        return []


def _cpus(count: int) -> list[Any]:
    """So many devices on the CPU; JAX can be told how many only before it starts."""
    try:
        if count > 1:
            jax.config.update("jax_num_cpu_devices", count)
        devices = jax.local_devices(backend="cpu")
    except RuntimeError:
        devices = jax.local_devices(backend="cpu")
    if len(devices) < count:
        fail(DevicesTooLate(count=count, present=len(devices)))
    return devices[:count]
