"""`archc plan`: what training a net on several devices takes."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from archc.cli.common import add_spec, load, positive
from archc.diagnostics import printable

if TYPE_CHECKING:
    from archc.analysis.plan import Collective, Form, Plan

_EPILOG = """\
data: each device has the whole net and a share of the batch. towers: each tower of the net is on
a device of its own. hybrid: several replicas of the towers share out the batch.

Memory is that of a device, as archc params has it for training. Sent is what each device sends
in a step, where collectives go around a ring. docs/plan.md has the formulas.

examples:
  archc plan alexnet --gpus 2
  archc plan alexnet --gpus 8 --batch 1024 --precision bf16
  archc plan googlenet --gpus 4 --json
"""


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    parser.description = "Print memory and communication of training SPEC on several devices."
    parser.epilog = _EPILOG
    add_spec(parser)
    parser.add_argument(
        "--gpus", metavar="N", type=positive, required=True, help="how many devices there are"
    )
    parser.add_argument(
        "--batch", metavar="N", type=positive, help="the global batch (the recipe's)"
    )
    parser.add_argument(
        "--precision",
        choices=("fp32", "bf16"),
        default="fp32",
        help="what layers compute in (fp32)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Plan and print."""
    from archc.analysis.plan import as_json, plan

    found = plan(
        load(arguments),
        arguments.gpus,
        batch=arguments.batch,
        precision=arguments.precision,
    )
    print(json.dumps(as_json(found), indent=2) if arguments.json else as_text(found))
    return 0


_MEMORY = ("weights", "gradients", "momentum", "activations", "total")


def as_text(found: Plan) -> str:
    """A row a form, then what each sends at which place of the spec, and what is not possible."""
    from archc.analysis.plan import Form, Refused
    from archc.analysis.table import table

    devices = "1 device" if found.devices == 1 else f"{found.devices} devices"
    parts = [
        printable(found.doc or found.net),
        f"{devices}, batch {found.batch}, {found.precision}; memory and bytes are a device's",
    ]
    forms = [form for form in found.forms if isinstance(form, Form)]
    if forms:
        rows = [_row(form) for form in forms]
        head = ("form", "replicas", "towers", *_MEMORY, "sent a step")
        parts += ["", table(head, rows, figures=head[1:])]
    for form in forms:
        if form.sent:
            head = ("line", "from", "to", "map", "forward", "backward", "sent")
            parts += ["", f"{form.name}, a step:", table(head, _places(form), figures=("sent",))]
    refused = [form for form in found.forms if isinstance(form, Refused)]
    if refused:
        parts += ["", *(printable(f"no {form.name}: {form.why}") for form in refused)]
    return "\n".join(parts)


def _row(form: Form) -> tuple[str, ...]:
    from archc.analysis.table import in_bytes

    memory = [in_bytes(getattr(form.memory, name)) for name in _MEMORY]
    return (form.name, str(form.replicas), str(form.towers), *memory, in_bytes(form.sent))


def _places(form: Form) -> list[tuple[str, ...]]:
    from archc.analysis.table import in_bytes
    from archc.ops.base import written

    rows = [
        (
            f"{place.line}:{place.column}",
            printable(place.source),
            printable(place.layer) if place.layer != place.source else "its statistics",
            written(place.shape),
            _kind(place.forward),
            _kind(place.backward),
            in_bytes(place.sent),
        )
        for place in form.places
    ]
    if form.gradients:
        rows.append(
            ("", "gradients", "", "", "", _kind(form.gradients), in_bytes(form.gradients.sent))
        )
    return rows


def _kind(collective: Collective | None) -> str:
    return collective.kind if collective else "-"
