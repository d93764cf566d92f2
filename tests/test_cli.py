"""The command line: output, exit status, and where errors go."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from archc.claims import Claim
from archc.cli import COMMANDS
from archc.cli.check import as_table
from archc.ops import OPS
from tests.nets import ROOT

ARCHC = Path(sys.executable).parent / "archc"


def archc(*args: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(ARCHC), *args], capture_output=True, text=True, cwd=cwd, check=False)


def test_specs_are_found_by_name_from_anywhere(tmp_path: Path) -> None:
    done = archc("params", "alexnet", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr == ""
    assert "params          60,965,224" in done.stdout
    assert "MACs            724,406,816" in done.stdout


def test_params_prints_a_row_a_layer_and_stage_totals() -> None:
    lines = archc("params", str(ROOT / "specs" / "vgg_d.arch")).stdout.splitlines()
    rows = {line.split()[0]: line.split()[1:] for line in lines if line.strip()}
    assert rows["conv2"] == ["conv", "64x224x224", "36,928", "1,849,688,064"]
    assert rows["fc3"] == ["fc", "1000x1x1", "4,097,000", "4,096,000"]


def test_params_json() -> None:
    found = json.loads(archc("params", "vgg_d", "--json").stdout)
    totals = "params trainable macs flops neurons depth receptive_field memory"
    assert list(found) == f"net input output {totals} layers".split()
    assert (found["net"], found["input"], found["output"]) == ("vgg_d", [3, 224, 224], [1000, 1, 1])
    assert (found["params"], found["macs"]) == (138_357_544, 15_470_264_320)
    first = found["layers"][0]
    assert list(first) == "name op output params macs receptive_field line".split()
    assert first["name"] == "conv1"
    text = (ROOT / "specs" / "vgg_d.arch").read_text("utf-8").splitlines()
    assert text[first["line"] - 1].split() == ["conv3-64", "conv3-64"]
    assert found["layers"][1]["receptive_field"] == 3


def test_params_of_a_batch() -> None:
    args = ("params", "lenet", "--batch", "32", "--precision", "bf16")
    memory = json.loads(archc(*args, "--json").stdout)["memory"]
    assert (memory["batch"], memory["precision"]) == (32, "bf16")
    assert memory["weights"] == 2 * 61_706
    assert memory["weights_training"] == memory["gradients"] == memory["momentum"] == 4 * 61_706
    parts = [memory[key] for key in ("weights_training", "gradients", "momentum")]
    assert memory["training"] == sum(parts) + memory["activations_training"]
    assert memory["inference"] == memory["weights"] + memory["activations_inference"]
    one = json.loads(archc("params", "lenet", "--json").stdout)["memory"]
    assert (one["batch"], one["precision"]) == (1, "fp32")
    assert memory["activations_training"] == 16 * one["activations_training"]
    rows = archc(*args).stdout.splitlines()[-7:]
    assert rows[0].split() == "memory, batch 32, bf16 inference training".split()
    assert rows[2].split() == "weights 123.4 kB 246.8 kB".split()
    assert rows[3].split() == "gradients - 246.8 kB".split()
    assert [row.split()[0] for row in rows[4:]] == ["momentum", "activations", "total"]


def test_settings() -> None:
    found = json.loads(archc("params", "vgg_d", "--json", "--set", "classes=10").stdout)
    assert found["output"] == [10, 1, 1]
    assert found["params"] == 138_357_544 - 990 * 4097
    done = archc("params", "vgg_d", "--set", "clases=10")
    assert (done.returncode, done.stdout) == (1, "")
    assert "error[E0317]" in done.stderr
    assert "did you mean 'classes'?" in done.stderr


def test_check_goes_on_after_a_faulty_spec(tmp_path: Path) -> None:
    bad = tmp_path / "bad.arch"
    bad.write_text("net bad { input(3x8x8) fc(3) softmax expect params == 1 }")
    done = archc("check", str(bad), "lenet")
    assert done.returncode == 1
    assert "error[E0401]" in done.stderr
    assert "fc1.params" not in done.stderr
    assert "specs/lenet.arch: lenet, 12 layers; 6 claims hold" in done.stdout


def test_check_json(tmp_path: Path) -> None:
    bad = tmp_path / "bad.arch"
    bad.write_text("net bad {\n  input(3x8x8)\n  con(3, 1, 4)\n  fc(n) softmax\n}\n")
    done = archc("check", "--json", str(bad), "lenet")
    assert (done.returncode, done.stderr) == (1, "")
    found = json.loads(done.stdout)
    assert [fault["code"] for fault in found] == ["E0301", "E0307"]
    keys = "code severity message file line column end_line end_column notes help"
    assert list(found[0]) == keys.split()
    places = [found[0][key] for key in "line column end_line end_column".split()]
    assert places == [3, 3, 3, 6]
    assert found[0]["help"] == "did you mean 'conv'?"
    done = archc("check", "--json", "lenet")
    assert (done.returncode, json.loads(done.stdout)) == (0, [])


CLAIMS = """\
net small(classes = 3) {
  input(3x8x8)
  c: conv(3, 1, 4)   # not behind a claim
  fc(classes) softmax
  # above a claim
  expect c.output == 4x6x6            # a comment that is long enough to be wrapped twice
  expect params ~ 0.5K  # Table\x1b 2
  expect macs / params < 3 * params
  expect fc1.neurons == classes expect depth != 1 # the last
}
"""


def test_check_claims(tmp_path: Path) -> None:
    (tmp_path / "small.arch").write_text(CLAIMS)
    done = archc("check", "--claims", "small.arch", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "small.arch: small, 3 layers; 5 claims hold\n"
        "line  claim                              found\n"
        "----  --------------------------  ------------\n"
        "   6  c.output == 4x6x6                  4x6x6"
        "  a comment that is long enough to be wrapped twice\n"
        "   7  params ~ 0.5K                        547  Table\N{REPLACEMENT CHARACTER} 2\n"
        "   8  macs / params < 3 * params  7.898 < 1641\n"
        "   9  fc1.neurons == classes                 3\n"
        "   9  depth != 1                             2  the last\n"
    )
    done = archc("check", "--claims", "--json", "small.arch", cwd=tmp_path)
    assert done.returncode == 2
    (tmp_path / "none.arch").write_text("net none { input(3x8x8) fc(3) softmax }")
    done = archc("check", "--claims", "none.arch", cwd=tmp_path)
    assert done.stdout == "none.arch: none, 2 layers; 0 claims hold\n"


def test_claims_in_a_narrow_terminal() -> None:
    claims = [Claim("params ~ 138M", "138,357,544", "Table 2 of the paper, in millions", 26)]
    row = "  26  params ~ 138M  138,357,544"
    assert as_table(claims, 60).splitlines()[2:] == [
        f"{row}  Table 2 of the paper, in",
        f"{' ' * 34}millions",
    ]
    assert as_table(claims, 40).splitlines()[2:] == [row, "      Table 2 of the paper, in millions"]
    assert max(map(len, as_table(claims, 59).splitlines())) <= 59
    assert as_table([], None).splitlines() == ["line  claim  found", "----  -----  -----"]


def test_explain_an_error() -> None:
    done = archc("explain", "e0203")
    assert done.stdout.startswith("E0203: branches differ\n")
    assert "error[E0203]" in done.stdout
    assert "E0204" not in done.stdout
    done = archc("explain", "E9999")
    assert (done.returncode, done.stdout) == (1, "")
    assert "error[E0004]: no error has the code 'E9999'" in done.stderr


def test_ops() -> None:
    lines = archc("ops").stdout.splitlines()
    assert [line.split()[0].split("(")[0] for line in lines] == list(OPS)
    done = archc("ops", "LRN")
    assert done.stdout.startswith("lrn(n, k=2.0, alpha=0.0001, beta=0.75, groups=1)\n")
    assert "Krizhevsky" in done.stdout
    done = archc("ops", "lnr")
    assert done.returncode == 1
    assert "did you mean 'lrn'?" in done.stderr


def test_explain() -> None:
    done = archc("params", "alexnet", "--explain")
    assert done.stdout.startswith("conv1: 55 = floor((227 + 2*0 - 11)/4) + 1\n")
    assert archc("params", "alexnet", "--explain", "--json").returncode == 2


def test_compile_to_a_file_and_to_standard_output(tmp_path: Path) -> None:
    printed = archc("compile", "lenet", "--backend", "torch").stdout
    done = archc("compile", "lenet", "--backend", "torch", "-o", str(tmp_path / "lenet.py"))
    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / "lenet.py").read_text("utf-8") == printed
    done = archc("compile", "lenet", "--backend", "torch", "-o", str(tmp_path / "no" / "x.py"))
    assert (done.returncode, "error[E0605]" in done.stderr) == (1, True)


def test_an_unknown_backend() -> None:
    done = archc("compile", "lenet", "--backend", "troch")
    assert done.returncode == 1
    assert "error[E0601]" in done.stderr
    assert "did you mean 'torch'?" in done.stderr


def test_another_input_and_width() -> None:
    command = ("params", "vgg_d", "--json", "--set", "classes=10")
    found = json.loads(archc(*command, "--input", "3x64x64", "--width", "0.25").stdout)
    assert found["input"] == [3, 64, 64]
    assert found["layers"][-1]["output"] == [10, 1, 1]
    # 64 maps become 16, and 4096 units 1024; a map of 2x2 reaches them.
    assert found["layers"][0]["params"] == 16 * (3 * 9 + 1)
    fc1 = next(layer for layer in found["layers"] if layer["op"] == "fc")
    assert fc1["params"] == 1024 * (128 * 2 * 2 + 1)


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["parms", "alexnet"],
        ["params"],
        ["compile", "alexnet"],
        ["params", "alexnet", "--set", "classes"],
        ["params", "lenet", "--batch", "0"],
        ["params", "lenet", "--precision", "fp16"],
        ["params", "alexnet", "--input", "3x8"],
        ["params", "alexnet", "--input", "3x0x8"],
        ["params", "alexnet", "--input", "3x8x\u0663"],
        ["params", "alexnet", "--input", f"3x8x{'9' * 10}"],
        ["params", "alexnet", "--width", "0"],
        ["params", "alexnet", "--width", "-1"],
        ["params", "alexnet", "--width", "nan"],
        ["params", "alexnet", "--width", "1e3"],
        ["compile", "alexnet", "--backend", "torch", "--width", "65"],
        ["train", "lenet", "--input", "28"],
        ["train", "lenet", "--batch", "0"],
        ["train", "lenet", "--epochs", "many"],
    ],
)
def test_a_wrong_command_line_is_status_2(args: list[str]) -> None:
    done = archc(*args)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: archc" in done.stderr
    assert "Traceback" not in done.stderr


def test_every_command_has_its_file_and_its_line_in_the_help() -> None:
    files = {path.stem for path in (ROOT / "archc" / "cli").glob("*.py")}
    assert set(COMMANDS) == files - {"__init__", "common", "jobs", "slurm"}
    said = archc("--help").stdout
    for name, summary in COMMANDS.items():
        assert re.search(rf"^ +{name} +{re.escape(summary)}$", said, re.MULTILINE)


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help(command: str) -> None:
    done = archc(*command.split(), "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "usage: archc" in done.stdout
    assert "example" in done.stdout or command == ""


def test_a_reader_that_goes_away() -> None:
    done = subprocess.run(
        f"'{ARCHC}' params vgg_d | head -1", shell=True, capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("VGG-D")
    assert done.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("args", [["params", "vgg_d"], ["compile", "vgg_d", "--backend", "torch"]])
def test_a_full_disk(args: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [str(ARCHC), *args], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr == "error[E0605]: cannot write the output: no space left on device\n"


# Training ------------------------------------------------------------------------------------


def test_train_writes_all_of_a_run(tmp_path: Path) -> None:
    run = tmp_path / "run"
    done = archc(
        "train", "lenet", "--data", "digits", "--epochs", "2", "--batch", "64", "-o", str(run)
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    last = done.stdout.splitlines()[-1]
    assert last.startswith("test error ")
    assert last.endswith("of 360)")
    names = {path.name for path in run.iterdir() if "tfevents" not in path.name}
    assert names == {
        "spec.arch", "program.py", "run.json", "metrics.jsonl", "weights.safetensors",
        "best.safetensors", "curve.svg", "curve.png", "checkpoints",
    }  # fmt: skip
    assert any("tfevents" in path.name for path in run.iterdir())
    metrics = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in metrics] == [1, 2]
    settings = json.loads((run / "run.json").read_text())
    assert (settings["batch"], settings["epochs"], settings["seed"]) == (64, 2, 0)

    # What was really used is a spec of its own: the same net, the same recipe.
    spec = run / "spec.arch"
    assert archc("check", str(spec)).returncode == 0
    again = tmp_path / "again"
    assert archc("train", str(spec), "-o", str(again)).returncode == 0
    first = load_file(run / "weights.safetensors")
    second = load_file(again / "weights.safetensors")
    assert all((array == second[name]).all() for name, array in first.items())

    # And what was trained is what `compile` prints.
    weights_load = (
        "import runpy, sys\n"
        "from safetensors.torch import load_file\n"
        "made = runpy.run_path(sys.argv[1])['LeNet']().eval()\n"
        "made.load_state_dict(load_file(sys.argv[2]))\n"
    )
    command = [sys.executable, "-c", weights_load]
    command += [str(run / "program.py"), str(run / "weights.safetensors")]
    assert subprocess.run(command, check=False).returncode == 0


def test_train_with_a_setting_leaves_the_claims_out(tmp_path: Path) -> None:
    spec = tmp_path / "tiny.arch"
    spec.write_text(
        """net tiny(classes, width = 4) {
          input(1x8x8) conv(3, 1, width) relu fc(classes) softmax
          expect params == 1
          recipe { evaluate { scale(1/255) } augment { scale(1/255) }
            optimizer sgd(lr = 0.1) batch 10 epochs 3 }
        }"""
    )
    run = tmp_path / "run"
    done = archc("train", str(spec), "--set", "classes=10", "--epochs", "1", "-o", str(run))
    assert done.returncode == 0, done.stderr
    text = (run / "spec.arch").read_text()
    assert "classes = 10" in text
    assert "epochs 1" in text
    assert "expect" not in text
    assert archc("check", str(run / "spec.arch")).returncode == 0


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["train", "vgg_d"], "E07"),  # 1000 classes and three channels, ten digits of one
        (["train", "lenet", "--data", "/nowhere"], "E07"),
        (["train", "lenet", "--device", "cuda:9"], "E0603"),
        (["train", "lenet", "--backend", "jaxx"], "E0601"),
        (["train", "nonet"], "E0001"),
    ],
)
def test_what_cannot_be_trained(args: list[str], code: str, tmp_path: Path) -> None:
    done = archc(*args, cwd=tmp_path)
    assert done.returncode == 1
    assert f"error[{code}" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_compare() -> None:
    done = archc("compare", "vgg_a", "vgg_b")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "A: VGG-A (Simonyan & Zisserman 2014, Table 1, column A)"
    added = [line.split()[1] for line in lines if line.startswith("+")]
    assert added == ["conv2:", "conv4:"]
    assert lines[-3].split() == "depth 11 13 1.182".split()
    found = json.loads(archc("compare", "vgg_a", "vgg_b", "--json").stdout)
    assert [row["mark"] for row in found["rows"]].count("+") == 2
    markdown = archc("compare", "vgg_a", "vgg_b", "--markdown").stdout
    assert "\n| depth | 11 | 13 | 1.182 |\n" in markdown
    done = archc("compare", "vgg_a", "vgg_z")
    assert (done.returncode, done.stdout) == (1, "")
    assert archc("compare", "vgg_a").returncode == 2
    assert archc("compare", "vgg_a", "vgg_b", "--json", "--markdown").returncode == 2
