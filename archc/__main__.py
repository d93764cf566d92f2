"""`python -m archc`: the command, by the interpreter at hand."""

from __future__ import annotations

import sys

from archc.cli import main

if __name__ == "__main__":
    sys.exit(main())
