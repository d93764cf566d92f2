"""Random nets over the whole language: does every backend give the oracle's numbers?

    python tools/fuzz_backends.py --nets 10000 --seed 1 [--backends torch,jax] [--first N]

Each net is compared in float64, forward in evaluation and in training, with its loss, gradient
and running statistics: with the naive oracle, and between the backends. A seed and a number are a
net, whatever comes before it. Printed are how many nets were tried, the ops and the pairs of ops
that they had, and the largest difference of each comparison. A net that differs by more than
1e-10, or does not run, is printed, shrunk and as it was, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.backends import running
from tests.backends.fuzzing import Tally, attempt

EVERY = 60.0
"""Seconds between two lines of progress."""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--nets", type=int, default=200, help="how many (200)")
    parser.add_argument("--seed", type=int, default=0, help="of the nets and their weights (0)")
    parser.add_argument("--first", type=int, default=0, help="the number of the first net (0)")
    parser.add_argument(
        "--backends", default=",".join(running.NAMES), help="which (%(default)s)", metavar="A,B"
    )
    options = parser.parse_args()
    backends = options.backends.split(",")
    unknown = [name for name in backends if name not in running.NAMES]
    if unknown:
        parser.error(f"no backend is called {unknown[0]!r}; there are {', '.join(running.NAMES)}")

    tally, said = Tally(), time.monotonic()
    for number in range(options.first, options.first + options.nets):
        failure = attempt(tally, options.seed, number, backends)
        if failure is not None:
            print(f"{failure.shrunk}\nis net {number} made shorter:\n\n{failure.text}")
            print(f"{failure.what}\n--seed {options.seed} --first {number} --nets 1 repeats it")
            return 1
        if time.monotonic() - said > EVERY:
            print(f"{number + 1 - options.first} of {options.nets}", file=sys.stderr)
            said = time.monotonic()
    print("\n".join(tally.lines()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
