"""What the subcommands share: their arguments' types and texts."""

from __future__ import annotations

import argparse

from archc.diagnostics import printable


def add_spec(parser: argparse.ArgumentParser) -> None:
    """The argument SPEC and the settings of its parameters."""
    parser.add_argument(
        "spec", metavar="SPEC", help="an .arch file, or the name of a spec that comes with archc"
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


def settings(arguments: argparse.Namespace) -> dict[str, str]:
    """The settings of the command line; the last one of a name counts."""
    pairs: list[tuple[str, str]] = arguments.settings
    return dict(pairs)


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip().isidentifier() or not value.strip():
        raise argparse.ArgumentTypeError(f"'{printable(text)}' is not NAME=VALUE")
    return name.strip(), value.strip()


def positive(text: str) -> int:
    """A whole number above 0."""
    return _whole(text, 1)


def not_negative(text: str) -> int:
    """A whole number, 0 or above."""
    return _whole(text, 0)


def _whole(text: str, least: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) < least:
        problem = f"'{printable(text)}' is not a whole number, {least} or above"
        raise argparse.ArgumentTypeError(problem)
    return int(text)
