"""Writes archc/parse_tables.json: grammar.lark as lark's LALR(1) tables.

    python tools/parse_tables.py          after a change of the grammar
    python tools/parse_tables.py --check  says whether the file is up to date

archc reads the tables instead of building them at every start (docs/architecture.md). A test
holds the file against the grammar, and what it parses against what lark parses.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from lark import Lark
from lark.grammar import Rule, Terminal
from lark.lexer import TerminalDef

ARCHC = Path(__file__).resolve().parent.parent / "archc"
GRAMMAR = ARCHC / "grammar.lark"
TABLES = ARCHC / "parse_tables.json"
STARTS = ("start", "value")


def tables() -> dict[str, Any]:
    """The tables of the grammar as an object for JSON; `archc.lalr` says what they mean."""
    lark = Lark(
        GRAMMAR.read_text("utf-8"), start=list(STARTS), parser="lalr", maybe_placeholders=True
    )
    found = lark.parser.parser._parse_table
    terminals = {terminal.name for terminal in lark.terminals} | {"$END"}
    # States in the order in which they are reached: lark's own numbers are not stable.
    order = [found.start_states[name] for name in STARTS]
    rules: list[Rule] = []
    for state in order:
        for _, (action, argument) in sorted(found.states[state].items()):
            if action.name != "Shift":
                if argument not in rules:
                    rules.append(argument)
            elif argument not in order:
                order.append(argument)
    number = {state: i for i, state in enumerate(order)}
    actions: list[dict[str, int]] = []
    gotos: list[dict[str, int]] = []
    for state in order:
        row: dict[str, int] = {}
        onwards: dict[str, int] = {}
        for symbol, (action, argument) in sorted(found.states[state].items()):
            if symbol not in terminals:
                onwards[symbol] = number[argument]
            else:
                shift = action.name == "Shift"
                row[symbol] = number[argument] if shift else ~rules.index(argument)
        if state in found.end_states.values():
            row["$END"] = 0  # where a text may end: there is nothing to go to
        actions.append(row)
        gotos.append(onwards)
    return {
        **_terminals(lark.terminals),
        "kept": sorted({name for rule in rules for name in _kept(rule)}),
        "rules": [_rule(rule) for rule in rules],
        "actions": actions,
        "gotos": gotos,
        "starts": {name: number[found.start_states[name]] for name in STARTS},
    }


def _kept(rule: Rule) -> list[str]:
    """The terminals of a rule that its action is given."""
    return [
        symbol.name
        for symbol in rule.expansion
        if isinstance(symbol, Terminal) and not symbol.filter_out
    ]


def _terminals(terminals: Collection[TerminalDef]) -> dict[str, Any]:
    """Keywords and signs by their text; the other terminals as patterns, the first that fits
    wins."""
    keywords: dict[str, str] = {}
    signs: dict[str, str] = {}
    patterns: list[tuple[str, str]] = []
    for terminal in sorted(terminals, key=lambda t: (-t.priority, -t.pattern.max_width)):
        value = terminal.pattern.value
        texts = re.sub(r"^\(\??:?|\)(\\b)?$", "", value).split("|")
        if terminal.name.startswith("__IGNORE"):
            continue
        if terminal.pattern.type == "str":
            texts = [value]
        if all(text.isidentifier() for text in texts):
            keywords |= dict.fromkeys(texts, terminal.name)
        elif all(not re.search(r"[\[\w(]", text) or text in "()[]" for text in texts):
            signs |= {text.replace("\\", ""): terminal.name for text in texts}
        else:
            patterns.append((terminal.name, value))
    return {"keywords": keywords, "signs": signs, "patterns": patterns}


def _rule(rule: Rule) -> list[Any]:
    """[origin, size, action, children]: what `archc.lalr` does with a rule.

    A child is the place of a symbol, [place] of a helper rule whose children are spliced in,
    or None for an optional part that is absent.
    """
    children: list[Any] = []
    empty = list(rule.options.empty_indices) or [False] * (len(rule.expansion) + 1)
    # lark marks the places of absent parts by a True each among a False a symbol.
    place = 0
    for absent in empty:
        if absent:
            children.append(None)
            continue
        if place < len(rule.expansion):
            symbol = rule.expansion[place]
            if symbol.name.startswith("__"):
                children.append([place])
            elif not (isinstance(symbol, Terminal) and symbol.filter_out):
                children.append(place)
        place += 1
    name = str(rule.origin.name)
    action: str | None = str(rule.alias or name)
    if name.startswith("__"):
        action = "*"
    elif rule.options.expand1 and not rule.alias and len(children) == 1:
        action = None
    return [name, len(rule.expansion), action, children]


def _text(found: dict[str, Any]) -> str:
    """One state a line, so that a change of the grammar is read as one."""
    lines: list[str] = []
    for key, value in found.items():
        if isinstance(value, list):
            rows = ",\n".join(f"  {json.dumps(row)}" for row in value)
            lines.append(f" {json.dumps(key)}: [\n{rows}\n ]")
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main(arguments: list[str]) -> int:
    text = _text(tables())
    if arguments == ["--check"]:
        same = TABLES.exists() and TABLES.read_text("utf-8") == text
        print("up to date" if same else f"run {Path(__file__).name}: the grammar has changed")
        return 0 if same else 1
    TABLES.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
