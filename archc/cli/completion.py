"""`archc completion`: a script that completes command lines in a shell."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from typing import cast

SHELLS = ("bash", "zsh", "tcsh")

_EPILOG = """\
The script knows the commands and the specs of this version: print it anew after an update.

examples:
  archc completion bash > ~/.local/share/bash-completion/completions/archc
  archc completion zsh > ~/.zfunc/_archc        (~/.zfunc being in fpath, before compinit)
  archc completion tcsh > ~/.archc.tcsh         (and: source ~/.archc.tcsh)
"""


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    parser.description = (
        "Print a script for a shell that completes commands, options, files, and the names of "
        "specs, ops, backends and errors."
    )
    parser.epilog = _EPILOG
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help=" or ".join(SHELLS))
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    import shtab

    from archc.cli import COMMANDS, make_parser

    # The one command that needs the arguments of all.
    parser = make_parser(COMMANDS)
    _mark(parser, _completions())
    print(shtab.complete(parser, arguments.shell))
    return 0


_Completion = Mapping[str, str | Mapping[str, str]]
"""What a shell calls to complete an argument, by shell; `preamble` has the functions for it."""


def _completions() -> dict[str, _Completion]:
    """How arguments are completed, by what the help calls them or the parser stores them as."""
    import shtab

    from archc.backend import installed
    from archc.cli.explain import entries
    from archc.library import names
    from archc.ops import OPS

    spec = _spec(names())
    return {
        **dict.fromkeys(("SPEC", "SPEC|RUN", "A", "B"), spec),
        "FILE": shtab.FILE,
        "DIR": shtab.DIRECTORY,
        "RUN": shtab.DIRECTORY,
        "DATA": shtab.DIRECTORY,
        "CODE": _words("codes", entries()),
        "name": _words("ops", OPS),
        "backend": _words("backends", installed()),
    }


def _mark(parser: argparse.ArgumentParser, known: Mapping[str, _Completion]) -> None:
    """Give every argument the attribute that shtab reads."""
    for action in parser._actions:  # pyright: ignore[reportPrivateUsage]
        if isinstance(action.choices, dict):
            commands = cast("dict[str, argparse.ArgumentParser]", action.choices)
            for command in commands.values():
                _mark(command, known)
        for key in (action.dest, str(action.metavar)):
            if key in known:
                vars(action)["complete"] = known[key]


def _words(name: str, words: Iterable[str]) -> _Completion:
    """One of the words."""
    listed = " ".join(words)
    bash = f'_archc_{name}() {{\n  compgen -W "{listed}" -- "$1"\n}}'
    return {
        "bash": f"_archc_{name}",
        "zsh": f"({listed})",
        "tcsh": f"({listed})",
        "preamble": {"bash": bash},
    }


def _spec(names: Iterable[str]) -> _Completion:
    """A file or the name of a spec that comes with archc. tcsh looks in this folder only."""
    listed = " ".join(names)
    bash = f"""_archc_spec_files() {{
  compgen -f -X "!*.arch" -- "$1"
  compgen -d -- "$1"
  compgen -W "{listed}" -- "$1"
}}"""
    zsh = f"""_archc_specs() {{
  _alternative "files:file:_files -g '*.arch'" "names:spec of archc:({listed})"
}}"""
    return {
        # shtab completes paths piece by piece where the function is named after files.
        "bash": "_archc_spec_files",
        "zsh": "_archc_specs",
        "tcsh": f"`env ls; echo {listed}`",
        "preamble": {"bash": bash, "zsh": zsh},
    }
