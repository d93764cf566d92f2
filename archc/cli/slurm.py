"""The batch script that trains on machines which Slurm hands out."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote

# Every word of the user's stands behind `set --`, quoted by the shell's own rules; the rest of the
# script is the same for all.
_SCRIPT = """\
#!/bin/bash
#SBATCH --job-name=archc
#SBATCH --nodes={hosts}
#SBATCH --ntasks-per-node=1
{devices}
#SBATCH --output=archc-%j.log
#SBATCH --signal=TERM@120

set -euo pipefail
set -- {words}

# The first machine, and a port that other jobs on it do not have.
first="$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)"
meet="$first:$((20000 + SLURM_JOB_ID % 20000))"

srun --kill-on-bad-exit=1 bash -c \\
  'exec "$@" --hosts "$SLURM_NNODES" --host "$SLURM_NODEID" --meet "$0"' "$meet" "$@"
"""


def script(words: Sequence[str], *, hosts: int, gpus: int | None, workers: int) -> str:
    """A script for `sbatch` that runs `archc WORDS` on each of some machines, which have so many
    GPUs each, or as many workers on the CPU."""
    asked = f"cpus-per-task={workers}" if gpus is None else f"gpus-per-node={gpus}"
    quoted = " ".join(map(quote, ["archc", *words]))
    return _SCRIPT.format(hosts=hosts, devices=f"#SBATCH --{asked}", words=quoted)
