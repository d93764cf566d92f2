"""E06: backends and the programs they emit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from archc.diagnostics import Diagnostic, did_you_mean


@dataclass(frozen=True, kw_only=True)
class UnknownBackend(Diagnostic):
    """`--backend` names a framework for which no backend is installed."""

    code: ClassVar[str] = "E0601"
    name: str
    known: tuple[str, ...]

    def message(self) -> str:
        return f"no backend is called '{self.name}'; installed: {', '.join(self.known) or 'none'}"

    def help(self) -> str:
        return did_you_mean(self.name, self.known)


@dataclass(frozen=True, kw_only=True)
class BackendBroken(Diagnostic):
    """The backend is installed, but what it needs is not."""

    code: ClassVar[str] = "E0602"
    name: str
    reason: str

    def message(self) -> str:
        return f"the backend '{self.name}' cannot be loaded: {self.reason}"

    def help(self) -> str:
        return f"install what it needs: pip install 'archc-nets[{self.name}]'"


@dataclass(frozen=True, kw_only=True)
class NoDevice(Diagnostic):
    """`--device` names a device that the framework does not find."""

    code: ClassVar[str] = "E0603"
    name: str
    present: tuple[str, ...]

    def message(self) -> str:
        return f"there is no device '{self.name}'; this machine has {', '.join(self.present)}"


@dataclass(frozen=True, kw_only=True)
class OtherWeights(Diagnostic):
    """The names or shapes of the weights are not those of the net."""

    code: ClassVar[str] = "E0604"
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    reshaped: tuple[str, ...]

    def message(self) -> str:
        return "these weights are of another net"

    def notes(self) -> Sequence[str]:
        parts = (
            ("not in the file", self.missing),
            ("not in the net", self.extra),
            ("of another shape", self.reshaped),
        )
        return [f"{what}: {_some(names)}" for what, names in parts if names]


def _some(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:8])
    return f"{shown} and {len(names) - 8} more" if len(names) > 8 else shown


@dataclass(frozen=True, kw_only=True)
class CannotWrite(Diagnostic):
    """The program cannot be written where `-o` says."""

    code: ClassVar[str] = "E0605"
    path: str
    reason: str

    def message(self) -> str:
        return f"cannot write {self.path}: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class OtherProcesses(Diagnostic):
    """A framework that needs a process for each device was started as more or fewer."""

    code: ClassVar[str] = "E0606"
    devices: int
    processes: int

    def message(self) -> str:
        each = "process was" if self.processes == 1 else "processes were"
        return (
            f"{self.devices} devices are asked for, each of which needs a process; "
            f"{self.processes} {each} started on this machine"
        )

    def help(self) -> str:
        return f"archc train --gpus {self.devices}, or torchrun --nproc-per-node {self.devices}"


@dataclass(frozen=True, kw_only=True)
class TooFewDevices(Diagnostic):
    """`--gpus` asks for more devices than there are."""

    code: ClassVar[str] = "E0607"
    count: int
    present: tuple[str, ...]

    def message(self) -> str:
        gpus = "GPU is" if self.count == 1 else "GPUs are"
        return f"{self.count} {gpus} asked for; this machine has {', '.join(self.present)}"


@dataclass(frozen=True, kw_only=True)
class DevicesTooLate(Diagnostic):
    """The framework has started in this process with fewer devices on the CPU than asked for."""

    code: ClassVar[str] = "E0608"
    count: int
    present: int

    def message(self) -> str:
        has = "one CPU device" if self.present == 1 else f"{self.present} CPU devices"
        return f"{self.count} CPU devices are asked for, but JAX has started here with {has}"

    def help(self) -> str:
        setting = f"jax.config.update('jax_num_cpu_devices', {self.count})"
        return f"{setting} before anything else is done with JAX"


@dataclass(frozen=True, kw_only=True)
class TowersOnHosts(Diagnostic):
    """Towers on the devices of several machines, each of which has to have whole replicas."""

    code: ClassVar[str] = "E0610"
    backend: str
    devices: int
    """Of each machine."""
    towers: int

    def message(self) -> str:
        has = "1 device" if self.devices == 1 else f"{self.devices} devices"
        return (
            f"the backend '{self.backend}' has the {self.towers} towers of a net on one machine; "
            f"here each has {has}"
        )

    def help(self) -> str:
        return f"--parallel data, or {self.towers} devices on each machine, or a multiple of that"


@dataclass(frozen=True, kw_only=True)
class AlwaysCompiled(Diagnostic):
    """`--compile` of a backend that compiles every step anyway."""

    code: ClassVar[str] = "E0620"
    backend: str

    def message(self) -> str:
        return f"--compile is for PyTorch: the backend '{self.backend}' always compiles its steps"


@dataclass(frozen=True, kw_only=True)
class CannotCompile(Diagnostic):
    """The framework's own compiler failed: it needs a compiler for C++ on a CPU."""

    code: ClassVar[str] = "E0621"
    backend: str
    reason: str

    def message(self) -> str:
        return f"--compile failed in the backend '{self.backend}': {self.reason}"

    def help(self) -> str:
        return "without --compile the net is trained as it is"
