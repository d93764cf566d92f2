"""What `archc plan` says that is exchanged between the towers of a net of these tests."""

from __future__ import annotations

from archc.analysis.plan import Form, plan
from tests.towers import nets


def planned(net: str, devices: int, batch: int) -> tuple[Form, list[tuple[str, int]]]:
    """The plan, and its collectives between towers: the kind, and the bytes of what they give in
    float64, which is one part of what is scattered."""
    graph = getattr(nets, net)()
    form = next(
        form
        for form in plan(graph, devices, batch=batch).forms
        if isinstance(form, Form) and form.towers > 1
    )
    return form, sorted(
        (way.kind, 2 * way.size // (form.towers if way.kind == "reduce-scatter" else 1))
        for place in form.places
        for way in (place.forward, place.backward)
        if way and place.layer != place.source
    )
