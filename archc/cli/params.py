"""`archc params`: every layer's shape, parameters and multiply-adds."""

from __future__ import annotations

import argparse
import json

from archc.cli.common import add_spec, load, positive

_EPILOG = """\
MACs are the multiply-adds of conv, deconv and fc for one image, the figure that papers quote;
FLOPs are twice that plus everything else.

Memory is that of a batch. At inference: the weights at the precision, and the most that live
maps take at any layer. In training: weights, gradients and the optimizer's buffers (one for
momentum, two for adamw) in float32, also with bf16, and every layer's output at the
precision. docs/params.md says the rest.

examples:
  archc params alexnet
  archc params vgg_d --set classes=10
  archc params vgg_d --batch 64 --precision bf16
  archc params vgg_d --set classes=10 --input 3x32x32 --width 0.25
  archc params alexnet --explain
  archc params specs/vgg_d.arch --json
"""


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    parser.description = "Print a row a layer, totals by labelled stage, and totals."
    parser.epilog = _EPILOG
    add_spec(parser)
    parser.add_argument(
        "--batch", metavar="N", type=positive, default=1, help="images that memory is for (1)"
    )
    parser.add_argument(
        "--precision",
        choices=("fp32", "bf16"),
        default="fp32",
        help="what layers compute in, for memory (fp32)",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON object instead")
    form.add_argument(
        "--explain", action="store_true", help="print the arithmetic behind each figure instead"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the figures of a spec."""
    from archc.analysis.arithmetic import explained
    from archc.analysis.report import as_json, report
    from archc.analysis.table import as_text

    graph = load(arguments)
    if arguments.explain:
        print(explained(graph))
        return 0
    found = report(graph, batch=arguments.batch, precision=arguments.precision)
    print(json.dumps(as_json(found), indent=2) if arguments.json else as_text(found))
    return 0
