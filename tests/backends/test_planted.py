"""Wrong programs are found by the checks that the right ones pass."""

from __future__ import annotations

from importlib import import_module

import pytest

from archc.backend import Program
from archc.ir import Graph

from . import running
from .examine import TOLERANCE, case, examine
from .planted import NETS, REQUIRED, Fault

FAULTS: dict[str, dict[str, Fault]] = {
    name: import_module(f"{__package__}.planted_{name}").FAULTS for name in running.NAMES
}
PLANTED = [(backend, name) for backend, faults in FAULTS.items() for name in faults]


@pytest.mark.parametrize("backend", running.NAMES)
def test_every_backend_is_tried_with_what_is_required(backend: str) -> None:
    assert set(REQUIRED) <= FAULTS[backend].keys()


@pytest.mark.parametrize("name", NETS)
def test_the_nets_pass(name: str) -> None:
    found = examine(case(NETS[name]), running.NAMES)
    assert max(found.values()) <= TOLERANCE


@pytest.mark.parametrize(("backend", "name"), PLANTED)
def test_a_planted_fault_is_found(backend: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = running.runner(backend)
    emit, fault = runner.emit, FAULTS[backend][name]

    def wrong(graph: Graph) -> Program:
        return fault.plant(emit(graph))

    programs = {net: running.emitted(backend, graph) for net, graph in NETS.items()}
    # The other nets are known to pass.
    touched = [net for net, right in programs.items() if fault.plant(right) != right]
    monkeypatch.setattr(runner, "emit", wrong)
    flagged: dict[str, float] = {}
    for graph in (NETS[net] for net in touched):
        found = examine(case(graph), (backend,))
        flagged |= {what: d for what, d in found.items() if not d <= TOLERANCE}
    assert flagged, "not found, or it has no place in these programs"
    # By numbers, and far from what rounding could do.
    assert any(1e-6 < d < float("inf") for d in flagged.values())
