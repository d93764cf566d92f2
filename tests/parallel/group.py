"""A group of forked processes that go through some cases: `python -m tests.parallel.group SIZE
FOLDER NAME...` leaves `FOLDER/NAME-RANK.safetensors`."""

from __future__ import annotations

import sys
from pathlib import Path

from archc_torch.processes import join, leave
from safetensors.numpy import save_file

from tests.parallel.cases import CASES
from tests.parallel.forked import in_group


def member(rank: int, folder: Path, names: list[str]) -> None:
    join(60.0)
    for name in names:
        work, case = CASES[name]
        save_file(work(case), folder / f"{name}-{rank}.safetensors")
    leave()


if __name__ == "__main__":
    there, given = Path(sys.argv[2]), sys.argv[3:]
    sys.exit(in_group(int(sys.argv[1]), lambda rank: member(rank, there, given)))
