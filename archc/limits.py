"""How large a spec may be: what is read, parsed and nested."""

from __future__ import annotations

MAX_BYTES = 1_000_000
"""The longest spec that is read. The longest of the zoo has 6,000."""

MAX_WORDS = 20_000
"""How many names, numbers, signs and comments a spec may have: what is parsed in a second."""

MAX_NAME = 100
"""How long a name may be."""

MAX_DEPTH = 100
"""How deep brackets may be nested."""

MAX_DIGITS = 18
"""How long an integer may be: every count the compiler makes of such sizes stays exact."""
