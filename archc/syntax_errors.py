"""What lark complains of, worded for a reader."""

from __future__ import annotations

import re
import unicodedata

from lark import Token, UnexpectedToken

from archc.errors import text as errors
from archc.limits import MAX_NAME
from archc.source import Source, Span

_WORDS = {
    "NAME": "a name",
    "NUMBER": "a number",
    "DIMS": "a size such as 3x224x224",
    "STRING": "a string",
    "LBRACE": "'{'",
    "RBRACE": "'}'",
    "LPAR": "'('",
    "RPAR": "')'",
    "LSQB": "'['",
    "RSQB": "']'",
    "COMMA": "','",
    "COLON": "':'",
    "SEMICOLON": "';'",
    "VBAR": "'|'",
    "EQUAL": "'='",
    "DOT": "'.'",
    "COMPARE": "a comparison such as ==",
    "_NET": "a net",
    "_BLOCK": "a block",
    "EXPECT": "expect",
    "RECIPE": "recipe { ... }",
    "INIT": "init { ... }",
    "ASSUMED": "assumed",
    "TRUTH": "true or false",
    "$END": "the end",
}
_VALUES = {"NUMBER", "DIMS", "STRING", "NAME", "TRUTH", "LPAR", "LSQB", "MINUS"}
# What may go on after almost anything: saying so at every fault would help nobody.
_UNSAID = {"PLUS", "MINUS", "PRODUCT", "ASSUMED", "DOT", "EXPECT", "RECIPE", "INIT"}


def _expected(accepts: set[str]) -> tuple[str, ...]:
    """What could stand here, as a reader calls it."""
    if accepts >= _VALUES:
        return ("a value", *_said(accepts - _VALUES))
    if "INIT" in accepts:
        return ("a clause such as batch 128", "'}'")
    if {"NAME", "RBRACE"} <= accepts:
        return ("an op", *_said(accepts & {"VBAR", "RBRACE"}))
    if "VBAR" in accepts:
        return ("an op", "'|'")
    return _said(accepts - _UNSAID - ({"LPAR"} if "COMPARE" in accepts else set()))


def _said(kinds: set[str]) -> tuple[str, ...]:
    return tuple(sorted(_WORDS.get(kind, kind) for kind in kinds))


def unexpected(source: Source, error: UnexpectedToken) -> errors.Unexpected | errors.NotYet:
    """What lark did not expect, in a reader's words."""
    token: Token = error.token
    accepts = set(error.accepts or error.expected)
    if token.type == "$END":
        end = len(source.text.rstrip())
        return errors.Unexpected(
            found="", expected=_expected(accepts), span=span_at(source, end, 1)
        )
    text, start = str(token), token.start_pos or 0
    span = span_at(source, start, len(text))
    before = source.line(span.line)[: span.column - 1]
    if {"NAME", "_NET"} & accepts:
        later = _LATER.search(before)
        if later:
            return errors.NotYet(
                word=later.group(),
                span=span_at(source, span.start - len(before) + later.start(), len(later.group())),
            )
        if text in ("import", "defaults", "after"):
            return errors.NotYet(word=text, span=span)
    shown = text if len(text) <= MAX_NAME else f"{text[:MAX_NAME]}..."
    hint = _hint(token, accepts, before, source.text[start : start + 40])
    return errors.Unexpected(found=f"'{shown}'", expected=_expected(accepts), hint=hint, span=span)


# Conditions and loops are refused as such, not for what they hold.
_LATER = re.compile(r"\b(?:if|else|repeat|after)\b(?=[^{}()\"#]*$)")
_SHORTHAND = re.compile(r"(conv)([0-9]+)-([0-9]+)|(fc)-([0-9]+)|(soft-max)", re.IGNORECASE)


def _hint(token: Token, accepts: set[str], before: str, after: str) -> str:
    """What was probably meant, for the slips that are made most."""
    text = str(token)
    items = {"NAME", "RBRACE"} <= accepts or "VBAR" in accepts
    if token.type == "LBRACE" and accepts == {"NAME"}:
        return "a name comes first: net lenet { ... }"
    if token.type == "EQUAL" and "COMPARE" in accepts:
        return "equality is spelled =="
    if text in ("=", ":") and accepts >= _VALUES and "LBRACE" in accepts:
        return "a clause is a word and its value: batch 128"
    if text == "*" and before.endswith("*"):
        return "there are no powers: write the product out"
    if "COMMA" in accepts and token.type in _VALUES:
        return "a comma is missing before this"
    if token.type == "COMMA" and "RPAR" in accepts:
        return "a pair is written 3x3, or [3, k] where it is calculated"
    if "_NET" in accepts:
        return "a file holds one net, net lenet(classes = 10) { ... }, and its blocks"
    return _hint_of_item(token, accepts, before, after) if items else ""


def _hint_of_item(token: Token, accepts: set[str], before: str, after: str) -> str:
    """What was probably meant where an op or a clause may stand."""
    text = str(token)
    word = re.search(r"[A-Za-z0-9_]*$", before)
    short = _SHORTHAND.match((word.group() if word else "") + after)
    if short:
        conv, kernel, maps, fc, units, _ = short.groups()
        if conv:
            return f"{short.group()} is spelled conv({kernel}, 1, {maps}, pad=same) here"
        return f"{short.group()} is spelled {f'fc({units})' if fc else 'softmax'} here"
    if after.startswith(("//", "/*")):
        return "a comment begins with # and ends with its line"
    if after.startswith("->") or text in (",", ";", "+"):
        what = (
            "clauses stand side by side" if "INIT" in accepts else "ops side by side are composed"
        )
        return f"{what}: nothing stands between them"
    match text:
        case "|":
            return "branches stand in concat { | ... | ... }"
        case "=":
            return "a label is written with a colon, c1: conv(5, 1, 6); arguments stand in (...)"
        case ".":
            return "an op is a plain word and its arguments: conv(3, 1, 64)"
        case _:
            return (
                "a text in quotes stands first in its net or block"
                if token.type == "STRING"
                else ""
            )


def strange(source: Source, offset: int) -> errors.StrangeCharacter | errors.BadNumber:
    """A character that begins no word, in a reader's words."""
    character = source.text[offset]
    if character.isdigit() and character.isascii():
        match = re.compile(r"[0-9A-Za-z_.]+").match(source.text, offset)
        length = len(match.group()) if match else 1
        return errors.BadNumber(
            reason="is not written as numbers are",
            fix="numbers are written 64, 0.5, 1e-4, 138M; sizes 1x7, 3x224x224",
            span=span_at(source, offset, length),
        )
    name = unicodedata.name(character, f"U+{ord(character):04X}")
    return errors.StrangeCharacter(
        character=character,
        name=name,
        plain=_plain(character, name),
        span=span_at(source, offset, 1),
    )


_PLAIN = {"×": "x", "–": "-", "—": "-", "−": "-", "“": '"', "”": '"', "，": ",", "'": '"', "≈": "~"}
_LOOKALIKE = re.compile(r"(?:CYRILLIC|GREEK|FULLWIDTH LATIN) (SMALL|CAPITAL) LETTER (\w+)$")
_SHAPES = {"IE": "e", "ES": "c", "ER": "p", "HA": "x", "KOMI DE": "d", "ALPHA": "a", "OMICRON": "o"}


def _plain(character: str, name: str) -> str:
    """The ASCII character that this one is often mistaken for, or nothing."""
    folded = unicodedata.normalize("NFKC", character)
    if folded.isascii() and folded.isprintable() and folded.strip() and folded != character:
        return folded
    match = _LOOKALIKE.match(name)
    if match:
        letter = _SHAPES.get(match.group(2), match.group(2).lower())
        if len(letter) == 1:
            return letter if match.group(1) == "SMALL" else letter.upper()
    return _PLAIN.get(character, "")


def span_at(source: Source, start: int, length: int) -> Span:
    """So many characters, as far as the text goes."""
    return Span(source, start, min(start + length, len(source.text)))
