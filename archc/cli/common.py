"""What the subcommands share: their arguments' types and texts."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from archc.diagnostics import printable

if TYPE_CHECKING:
    from archc.ir import Graph


def add_spec(parser: argparse.ArgumentParser, *, required: bool = True, run: bool = False) -> None:
    """The argument SPEC, which can be a run where `run` says so, and the settings of its
    parameters."""
    parser.add_argument(
        "spec",
        metavar="SPEC|RUN" if run else "SPEC",
        nargs=None if required else "?",
        help="an .arch file, or the name of a spec that comes with archc"
        + (", or the folder of a run" if run else ""),
    )
    parser.add_argument(
        "--set",
        metavar="NAME=VALUE",
        action="append",
        type=_setting,
        default=[],
        dest="settings",
        help="set a parameter of the net, such as classes=10 (may be repeated); the spec's "
        "claims are about the net as published and are not checked then",
    )
    parser.add_argument(
        "--input",
        metavar="CxHxW",
        type=_shape,
        dest="shape",
        help="the size of the input instead of the spec's, such as 3x64x64 (claims as for --set)",
    )
    parser.add_argument(
        "--width",
        metavar="F",
        type=_width,
        help="scale all channel counts but the classes by F, such as 0.25 (claims as for --set)",
    )


def settings(arguments: argparse.Namespace) -> dict[str, str]:
    """The settings of the command line; the last one of a name counts."""
    pairs: list[tuple[str, str]] = arguments.settings
    return dict(pairs)


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip().isidentifier() or not value.strip():
        raise argparse.ArgumentTypeError(f"'{printable(text)}' is not NAME=VALUE")
    return name.strip(), value.strip()


def load(arguments: argparse.Namespace) -> Graph:
    """The graph of SPEC as the command line wants it. Raises `DiagnosticError`."""
    from archc import driver

    return driver.load(
        arguments.spec, settings(arguments), shape=arguments.shape, width=arguments.width
    )


def _shape(text: str) -> tuple[int, int, int]:
    parts = text.split("x")
    if len(parts) != 3 or not all(p.isascii() and p.isdigit() and len(p) <= 9 for p in parts):
        problem = f"'{printable(text)}' is no size: channels x height x width, such as 3x64x64"
        raise argparse.ArgumentTypeError(problem)
    c, h, w = map(int, parts)
    if 0 in (c, h, w):
        raise argparse.ArgumentTypeError(f"'{printable(text)}' is an input without elements")
    return c, h, w


def _width(text: str) -> float:
    from archc.elaborate.input import MAX_WIDTH

    factor = float(text) if re.fullmatch(r"[0-9]{1,18}(\.[0-9]{1,18})?", text) else 0.0
    if not 0 < factor <= MAX_WIDTH:
        problem = f"'{printable(text)}' is no factor above 0, {MAX_WIDTH} at most, such as 0.25"
        raise argparse.ArgumentTypeError(problem)
    return factor


def positive(text: str) -> int:
    """A whole number above 0."""
    return _whole(text, 1)


def not_negative(text: str) -> int:
    """A whole number, 0 or above."""
    return _whole(text, 0)


def workers(text: str) -> int:
    """A number of processes to read files, 0 or above, and no more than anybody means."""
    from archc.devices import MOST_WORKERS

    count = not_negative(text)
    if count > MOST_WORKERS:
        problem = f"{count} are too many: {MOST_WORKERS} are the most on this machine"
        raise argparse.ArgumentTypeError(problem)
    return count


def _whole(text: str, least: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) < least:
        problem = f"'{printable(text)}' is not a whole number, {least} or above"
        raise argparse.ArgumentTypeError(problem)
    return int(text)
