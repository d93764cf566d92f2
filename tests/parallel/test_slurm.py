"""The batch script: whole, and nothing of the command line reaches the shell unquoted."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from archc.cli import main

NASTY = "a'; touch pwned; $(touch pwned) `touch pwned`\n#SBATCH --nodes=99\n\"\\ é"


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["train", *words, "--print-slurm"]) == 0
    return capsys.readouterr().out


def test_the_words_arrive_as_they_were(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The script runs under bash, with stand-ins for Slurm and archc: two machines."""
    text = printed(
        capsys, "lenet", "--data", NASTY, "-o", "runs/{a}", "--hosts", "2", "--gpus", "4"
    )
    stand_ins = {
        "archc": f'#!/bin/sh\nexec {shlex.quote(sys.executable)} said.py "$@"\n',
        "said.py": "import json, os, sys\n"
        "open('words-' + os.environ['SLURM_NODEID'], 'w').write(json.dumps(sys.argv[1:]))\n",
        "scontrol": "#!/bin/sh\necho node7\necho node8\n",
        "srun": '#!/bin/sh\nshift\nSLURM_NODEID=0 "$@"\nSLURM_NODEID=1 "$@"\n',
    }
    for name, body in stand_ins.items():
        (tmp_path / name).write_text(body)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "job.sh").write_text(text, "utf-8")
    slurm = {"SLURM_JOB_NODELIST": "node[7-8]", "SLURM_JOB_ID": "412345", "SLURM_NNODES": "2"}
    path = f"{tmp_path}:{os.environ['PATH']}"
    subprocess.run(
        ["bash", "job.sh"], cwd=tmp_path, env={**os.environ, **slurm, "PATH": path}, check=True
    )
    assert not (tmp_path / "pwned").exists()
    for host in ("0", "1"):
        assert json.loads((tmp_path / f"words-{host}").read_text()) == [
            "train", "lenet", "--data", NASTY, "-o", "runs/{a}", "--hosts", "2", "--gpus", "4",
            "--hosts", "2", "--host", host, "--meet", "node7:32345",
        ]  # fmt: skip


def test_what_slurm_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """Slurm reads its lines up to the first command, and no line of the user's is before that."""

    def asked(*words: str) -> list[str]:
        head, _, _ = printed(capsys, "lenet", "-o", NASTY, *words).partition("\nset ")
        return [line.removeprefix("#SBATCH ") for line in head.splitlines() if "#SBATCH" in line]

    assert asked("--gpus", "4", "--hosts", "3")[1:4] == [
        "--nodes=3", "--ntasks-per-node=1", "--gpus-per-node=4",
    ]  # fmt: skip
    assert asked("--device", "cpu:8")[1:4] == [
        "--nodes=1", "--ntasks-per-node=1", "--cpus-per-task=8",
    ]  # fmt: skip
    assert "--gpus-per-node=1" in asked()


@pytest.mark.parametrize(
    ("device", "asked"), [("gpus:8", "--gpus-per-node=8"), ("cpu:4", "--cpus-per-task=4")]
)
def test_a_run_that_goes_on_has_the_devices_it_had(
    device: str, asked: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = ["train", "lenet", "--epochs", "1", "--quiet", "-o", str(tmp_path / "run")]
    assert main(begun) == 0
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    (tmp_path / "run" / "run.json").write_text(json.dumps({**about, "requested_device": device}))
    assert asked in printed(capsys, "--resume", str(tmp_path / "run"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--print-slurm"], "the machines have to find one folder"),
        (["--print-slurm", "-o", "a", "--host", "1"], "the script itself says --host"),
        (["--hosts", "2", "-o", "a"], "--hosts, --host and --meet go together"),
        (["--hosts", "2", "--host", "2", "--meet", "a:1", "-o", "a"], "the last of 2 is 1"),
        (["--hosts", "2", "--host", "1", "--meet", "a:1"], "the machines have to find one folder"),
        (["--meet", "a b:1"], "is not ADDRESS:PORT"),
        (["--meet", "127.0.0.1"], "is not ADDRESS:PORT"),
        (["--meet", "10.0.0.1:99999"], "is not ADDRESS:PORT"),
    ],
)
def test_what_cannot_be_meant(
    capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["train", "lenet", *words])
    assert caught.value.code == 2
    assert said in capsys.readouterr().err
