"""What the parser complains of, worded for a reader."""

from __future__ import annotations

import re
import unicodedata

from archc.errors import text as errors
from archc.lalr import Word
from archc.limits import MAX_NAME
from archc.source import Source

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
    "COMPARE": "a comparison such as ==",
    "_IMPORT": "an import",
    "_NET": "a net",
    "_BLOCK": "a block",
    "EXPECT": "expect",
    "RECIPE": "recipe { ... }",
    "INIT": "init { ... }",
    "_ASSUMED": "assumed",
    "TRUTH": "true or false",
    "AS": "as",
    "IF": "if",
    "_LAST": "last",
    "$END": "the end",
}
_VALUES = set("NUMBER DIMS STRING NAME PATH TRUTH LPAR LSQB MINUS".split())
# What may go on after almost anything: saying so at every fault would help nobody.
_UNSAID = set("PLUS MINUS PRODUCT AND OR _ASSUMED EXPECT RECIPE INIT DEFAULTS AFTER BUT".split())


def _expected(accepts: set[str]) -> tuple[str, ...]:
    """What could stand here, as a reader calls it."""
    if accepts >= _VALUES:
        return ("a value", *_said(accepts - _VALUES - {"NOT"}))
    if "INIT" in accepts:
        return ("a clause such as batch 128", "'}'")
    if {"NAME", "RBRACE"} <= accepts:
        return ("an op", *_said(accepts & {"VBAR", "RBRACE", "ELSE"}))
    if "VBAR" in accepts:
        return ("an op", "'|'")
    said = accepts - _UNSAID
    if "COMPARE" in accepts:
        # Behind a value: what would go on with it is not what is missing.
        said -= {"LPAR", "LSQB"}
        said -= {"COMPARE"} if said - {"COMPARE", "APPROX"} else {"APPROX"}
    if "NAME" in accepts:
        said -= {"PATH", "WORD"}
    return _said(said)


def _said(kinds: set[str]) -> tuple[str, ...]:
    return tuple(sorted(_WORDS.get(kind, kind) for kind in kinds))


def unexpected(source: Source, word: Word, accepts: set[str]) -> errors.Unexpected:
    """What the grammar did not expect, in a reader's words."""
    if word.kind == "$END":
        end = len(source.text.rstrip())
        return errors.Unexpected(found="", expected=_expected(accepts), span=source.span(end, 1))
    text = source.text[word.start : word.end]
    span = source.span(word.start, len(text))
    before = source.line(span.line)[: span.column - 1]
    shown = text if len(text) <= MAX_NAME else f"{text[:MAX_NAME]}..."
    hint = _hint(word.kind, text, accepts, before, source.text[word.start : word.start + 40])
    return errors.Unexpected(found=f"'{shown}'", expected=_expected(accepts), hint=hint, span=span)


def _hint(kind: str, text: str, accepts: set[str], before: str, after: str) -> str:
    """What was probably meant, for the slips that are made most."""
    if kind == "LBRACE" and accepts == {"NAME"}:
        return "a name comes first: net lenet { ... }"
    if kind == "EQUAL" and "COMPARE" in accepts:
        return "equality is spelled =="
    if text in ("=", ":") and accepts >= _VALUES and "LBRACE" in accepts:
        return "a clause is a word and its value: batch 128"
    if text == "*" and before.endswith("*"):
        return "there are no powers: write the product out"
    if {"NAME", "RBRACE"} <= accepts or "VBAR" in accepts:
        return _hint_of_item(kind, text, accepts, before, after)
    if text == "-" and accepts & {"LBRACE", "EQUAL"} and re.search(r"\w$", before):
        return "names are of letters, digits and _"
    if "_NET" in accepts:
        return _hint_at_the_top(text)
    return _hint_of_structure(kind, text, accepts, before) or _hint_of_value(
        kind, text, accepts, before
    )


def _hint_at_the_top(text: str) -> str:
    """What was probably meant outside of all braces."""
    match text:
        case "from" | "include" | "require" | "use" | "using":
            return 'blocks of another file come by import "blocks.arch"'
        case "else":
            return "the brace before this closes the net or block; else belongs to an if in it"
        case "," | ";":
            return "nothing stands between nets, blocks and imports"
        case _:
            return "a file holds one net, net lenet(classes = 10) { ... }, and its blocks"


def _hint_of_structure(kind: str, text: str, accepts: set[str], before: str) -> str:
    """What was probably meant where the parts of `if`, `repeat`, `after` and `import` stand."""
    if {"OR", "LBRACE"} <= accepts:
        # Behind the condition of an if.
        if kind == "COMPARE":
            return "one comparison at a time: 1 < n and n < 4"
        if kind == "VBAR":
            return "it is spelled or: in == 3 or in == 4"
        return "what is done stands in braces: if in == 64 { ... } else { ... }"
    if accepts == {"LPAR"} and re.search(r"\brepeat\s*$", before):
        return "how often stands in parentheses: repeat(3) { ... }"
    if accepts == {"STRING"} and re.search(r"\bimport\s*$", before):
        name = text if text.endswith(".arch") else f"{text}.arch"
        quoted = re.fullmatch(r"[\w.]+", text)
        return f'a file is named in quotes: import "{name if quoted else "blocks.arch"}"'
    if accepts == {"_LAST"} or ({"COMMA", "LBRACE"} <= accepts and text == "last"):
        return "it is spelled but last: after conv, fc but last { relu }"
    if {"COMMA", "LBRACE"} <= accepts:
        return "names are parted by commas, and what follows is in braces: after conv, fc { relu }"
    if accepts == {"LBRACE"} and re.search(r"\bdefaults\s*$", before):
        return "defaults { maxpool(2, 2) }"
    return ""


def _hint_of_value(kind: str, text: str, accepts: set[str], before: str) -> str:
    """What was probably meant within arguments, lists and expressions."""
    if re.search(r"\bif\s*$", before):
        return "if chooses among ops, not among values: if in == 3 { ... } else { ... }"
    if text == "[" and before.rstrip().endswith("]"):
        return "only a name has elements: widths[0], where widths is a parameter"
    if "COMMA" in accepts and kind in _VALUES:
        return "a comma is missing before this"
    if kind == "COMMA" and accepts >= _VALUES:
        return "a value is missing before this comma"
    if kind == "COMMA" and "RPAR" in accepts:
        return "a pair is written 3x3, or [3, k] where it is calculated"
    return ""


IN_THE_NET = "it stands in the body of a net, outside of blocks and other braces"
_REPEAT = "what is done several times: repeat(3) as i { ... }"
_ON_THE_LINE = (
    (r"\b(?:for|while)\b", _REPEAT),
    (r"\b(?:elif|elsif|elseif)\b", "it is spelled else if"),
    (r"\bimport\s*$", 'import "blocks.arch" stands at the top of a file, outside of its net'),
    (r"\bexpect\b", "claims stand in the body of the net, each with an expect of its own"),
)
"""What a line may say before a word that does not fit, and what was probably meant."""


def meant_by_line(before: str) -> str:
    """What was probably meant, told from what its line says before it."""
    return next((hint for pattern, hint in _ON_THE_LINE if re.search(pattern, before)), "")


def _hint_of_item(kind: str, text: str, accepts: set[str], before: str, after: str) -> str:
    """What was probably meant where an op or a clause may stand."""
    if kind != "COLON" and (hint := meant_by_line(before)):
        return hint
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
        case "expect" | "recipe" | "defaults" | "after":
            return IN_THE_NET
        case "-":
            return "shorthand is one word: conv3-64, FC-4096"
        case ":" if re.search(r"\w-\w*\s*$", before):
            return "labels are of letters, digits and _"
        case _ if kind == "STRING":
            return "a text in quotes stands first in its net or block"
        case _ if kind == "DIMS" and re.search(r"\binput\s*$", before):
            return f"its size stands in parentheses: input({text})"
        case _ if kind == "NUMBER" and re.search(r"\w\s*$", before):
            return "arguments stand in parentheses, conv(3, 1, 64); shorthand is one word, conv3-64"
        case _ if kind == "NUMBER":
            return _REPEAT
        case _ if "." in text:
            return "an op is a plain word and its arguments: conv(3, 1, 64)"
        case _:
            return ""


def strange(source: Source, offset: int) -> errors.StrangeCharacter | errors.BadNumber:
    """A character that begins no word, in a reader's words."""
    character = source.text[offset]
    if character.isdigit() and character.isascii():
        match = re.compile(r"[0-9A-Za-z_.]+").match(source.text, offset)
        length = len(match.group()) if match else 1
        return errors.BadNumber(
            reason="is not written as numbers are",
            fix="numbers are written 64, 0.5, 1e-4, 138M; sizes 1x7, 3x224x224",
            span=source.span(offset, length),
        )
    name = unicodedata.name(character, f"U+{ord(character):04X}")
    return errors.StrangeCharacter(
        character=character,
        name=name,
        plain=_plain(character, name),
        span=source.span(offset, 1),
    )


_PLAIN = {
    "×": "x", "–": "-", "—": "-", "−": "-", "“": '"', "”": '"', "，": ",", "'": '"', "≈": "~",
    "≠": "!=", "≤": "<=", "≥": ">=", "÷": "/", "&": "and", "!": "not",
}  # fmt: skip
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
