"""How large a spec may be: what is read, parsed and nested."""

from __future__ import annotations

MAX_BYTES = 4_000_000
"""The longest spec that is read. Those of the papers have a few thousand."""

MAX_WORDS = 250_000
"""How many names, numbers and signs a spec may have: what is parsed in two seconds."""

MAX_NAME = 100
"""How long a name may be."""

MAX_DEPTH = 100
"""How deep brackets may be nested."""

MAX_DIGITS = 18
"""How long an integer may be: every count the compiler makes of such sizes stays exact."""

MAX_INTEGER = 10**18
"""Beyond this no count of a net is sensible, and exactness in floats is lost."""
