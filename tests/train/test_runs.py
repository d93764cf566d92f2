"""`archc runs` and `archc plot`: what folders tell of runs, and figures of them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from archc.cli import main
from archc.diagnostics import DiagnosticError
from archc.train import Job, train
from archc.train.plot import MAX_RUNS, labels
from archc.train.record import MAX_BYTES, read_record

Make = Callable[..., Job]
Capture = pytest.CaptureFixture[str]

ERRORS = ((0.9, 0.8), (0.5, 0.25), (0.4, 0.5))
"""Of training and of the images held out, an epoch each."""


def made(
    path: Path,
    errors: Sequence[tuple[float, float]] = ERRORS,
    *,
    held_out: str = "test",
    **about: object,
) -> Path:
    """The folder of a run, written by hand."""
    path.mkdir(parents=True)
    run = {
        "net": "small", "backend": "torch", "device": "cpu", "epochs": 3, "status": "finished",
        "data": {"name": "digits", f"{held_out}_images": 360}, **about,
    }  # fmt: skip
    (path / "run.json").write_text(json.dumps(run))
    rows = [
        {"epoch": i, "loss": 1 / i, "train_error": training, f"{held_out}_error": error}
        for i, (training, error) in enumerate(errors, 1)
    ]
    (path / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def said(capsys: Capture, *words: object) -> tuple[int, str, str]:
    status = main([str(word) for word in words])
    return status, *capsys.readouterr()


def test_a_list(tmp_path: Path, capsys: Capture) -> None:
    made(tmp_path / "b")
    made(tmp_path / "a", ERRORS[:1], held_out="validation", status="interrupted", epochs=70)
    made(tmp_path / "c", (), net="e\x1b[2Jvil", status="failed")
    (tmp_path / "no run").mkdir()
    (tmp_path / "a file").touch()
    for path in tmp_path.glob("?"):
        os.utime(path / "metrics.jsonl", (0, 86_400 * 365))
    status, out, err = said(capsys, "runs", tmp_path)
    assert (status, err) == (0, "")
    lines = [re.sub(r"  19(70|71)-\d\d-\d\d \d\d:\d\d  ", "  (time)  ", x) for x in out.split("\n")]
    assert lines == [
        "run  net       backend  device  epochs    best    last  changed           state",
        "---  --------  -------  ------  ------  ------  ------  ----------------  -----------",
        "a    small     torch    cpu       1/70  80.00%  80.00%  (time)  interrupted",
        "b    small     torch    cpu        3/3  25.00%  50.00%  (time)  finished",
        "c    e\ufffd[2Jvil  torch    cpu        0/3       -       -  (time)  failed",
        "",
    ]


def test_a_list_for_programs(tmp_path: Path, capsys: Capture) -> None:
    run = made(tmp_path / "runs" / "one")
    found = json.loads(said(capsys, "runs", tmp_path / "runs", "--json")[1])
    assert found[0].pop("changed")
    expected = {
        "run": str(run), "net": "small", "backend": "torch", "device": "cpu", "data": "digits",
        "epochs": 3, "epochs_asked": 3, "measured_on": "test", "best_error": 0.25,
        "best_epoch": 2, "last_error": 0.5, "last_train_error": 0.4, "last_loss": 1 / 3,
        "state": "finished",
    }  # fmt: skip
    assert found == [expected]
    assert len(json.loads(said(capsys, "runs", run, "--json")[1])) == 1, "the folder of a run"


def test_no_runs(tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = said(capsys, "runs")
    assert (status, out) == (1, "")
    assert "error[E0715]: the folder 'runs' cannot be listed: no such file" in err
    Path("runs").mkdir()
    assert said(capsys, "runs") == (0, "no runs in runs\n", "")
    assert said(capsys, "runs", "--json") == (0, "[]\n", "")


def test_states_of_real_runs(job: Make, tmp_path: Path) -> None:
    path = train(job()).run_dir
    record = read_record(path)
    assert (record.net, record.state, record.epochs) == ("softmax", "finished", 3)
    rows = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    assert [(r.loss, r.train_error, r.error) for r in record.rows] == [
        (row["loss"], row["train_error"], row["test_error"]) for row in rows
    ]
    with pytest.raises(DiagnosticError, match="E0802"):
        train(job(run_dir=tmp_path / "failed", engine=_Diverging()))
    assert read_record(tmp_path / "failed").state == "failed"


class _Diverging:
    """An engine whose first step gives no number."""

    device, devices, versions, share = "cpu", 1, {}, slice

    def step(self, images: object, labels: object, lr: float, size: int) -> object:
        from archc.backend import Step

        return Step(float("nan"), 0)

    def weights(self) -> dict[str, object]:
        return {}

    optimizer_state = rng_state = weights


HOLDS = """
import sys, time
from archc.train.record import lock
file = open(sys.argv[1], "a")
lock(file.fileno())
print("held", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize(("epochs", "then"), [(9, "interrupted"), (3, "finished")])
def test_a_run_is_running_while_its_process_lives(tmp_path: Path, epochs: int, then: str) -> None:
    """Also one that is killed and could say nothing any more."""
    run = made(tmp_path / "run", status="running", epochs=epochs)
    command = [sys.executable, "-c", HOLDS, str(run / "metrics.jsonl")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert read_record(run).state == "running"
        holder.kill()
    assert read_record(run).state == then


def spoil(run: Path, name: str, text: str) -> None:
    (run / name).write_text(text)


ROW = '{"epoch": 1, "loss": 1, "train_error": 0.5, "test_error": 0.5}\n'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{\n", "line 1: it is not JSON"),
        ("[" * 100_000 + "\n", "line 1: it is not JSON"),
        (ROW + "[]\n", "line 2: it does not say what it should"),
        (ROW + ROW, "line 2: it is not of epoch 2"),
        (ROW.replace("0.5", "NaN", 1), "line 1: its 'train_error' is no number"),
        (ROW.replace("0.5", "1.5", 1), "line 1: its 'train_error' is no number"),
        (ROW.replace(": 1,", ": -1,").replace("-1", "1", 1), "line 1: its 'loss' is no number"),
        (ROW.replace("0.5}", "true}"), "line 1: it has no 'test_error'"),
        (ROW.replace('"loss": 1', '"loss": 1e999'), "line 1: its 'loss' is no number"),
        (ROW.replace('"loss": 1', f'"loss": 1{"0" * 400}'), "line 1: its 'loss' is no number"),
        (ROW.replace('"loss": 1', f'"loss": 1{"0" * 5000}'), "line 1: it is not JSON"),
        (ROW.replace("train", "trian"), "line 1: it has no 'train_error'"),
    ],
)
def test_metrics_that_cannot_be_read(tmp_path: Path, text: str, reason: str) -> None:
    run = made(tmp_path / "run")
    spoil(run, "metrics.jsonl", text)
    with pytest.raises(DiagnosticError, match="E0820") as caught:
        read_record(run)
    assert f"metrics.jsonl' cannot be read: {reason}" in caught.value.diagnostics[0].message()


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    run = made(tmp_path / "run")
    spoil(run, "metrics.jsonl", ROW + '{"epoch": 2, "lo')
    assert len(read_record(run).rows) == 1


def test_files_that_are_no_text(tmp_path: Path) -> None:
    run = made(tmp_path / "run")
    metrics = run / "metrics.jsonl"
    metrics.write_bytes(b"\xff\n")
    with pytest.raises(DiagnosticError, match=r"E0820.*not UTF-8"):
        read_record(run)
    with metrics.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(DiagnosticError, match=r"E0820.*67,108,865 bytes"):
        read_record(run)
    metrics.unlink()
    os.mkfifo(metrics)
    with pytest.raises(DiagnosticError, match=r"E0820.*no plain file"):
        read_record(run)
    metrics.unlink()
    with pytest.raises(DiagnosticError, match=r"E0810.*metrics.jsonl: no such file"):
        read_record(run)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"net": 1}', '{"data": []}', "[" * 100_000])
def test_what_is_no_run_json(tmp_path: Path, text: str, capsys: Capture) -> None:
    """It is said after the runs that are whole."""
    made(tmp_path / "whole")
    spoil(made(tmp_path / "other"), "run.json", text)
    status, out, err = said(capsys, "runs", tmp_path)
    assert status == 1
    assert "whole" in out
    assert "other" not in out
    assert f"error[E0810]: '{tmp_path / 'other'}' is not the folder of a run: run.json" in err


# Figures -------------------------------------------------------------------------------------


def test_a_figure_of_two_runs(tmp_path: Path, capsys: Capture) -> None:
    runs = [
        made(tmp_path / "x", net="a_$b$"),
        made(tmp_path / "y", net="tanh", held_out="validation"),
    ]
    target = tmp_path / "both.svg"
    options = ("-o", target, "--title", "100% & <sure> \x1b")
    assert said(capsys, "plot", *runs, *options) == (0, f"2 runs drawn in {target}\n", "")
    svg = target.read_text()
    for text in (
        "a_$b$, training", "a_$b$, test (50.00%)", "tanh, training", "tanh, validation (50.00%)",
        "error (%)", "epoch", "100% &amp; &lt;sure&gt; \ufffd",
    ):  # fmt: skip
        assert f">{text}<" in svg, "text stays text"
    assert not re.search(r"date|20[0-9][0-9]-", svg, re.IGNORECASE), "nothing of when it was made"
    assert svg.count("stroke-dasharray") >= 2, "training is dashed: colour alone tells nothing"
    said(capsys, "plot", *runs, *options)
    assert target.read_text() == svg, "the same bytes"


def test_the_curve_goes_through_its_points(tmp_path: Path, capsys: Capture) -> None:
    """Heights in the file are proportional to the errors."""
    target = tmp_path / "one.svg"
    said(capsys, "plot", made(tmp_path / "run"), "-o", target)
    paths = re.findall(
        r'<path d="([^"]*)"[^>]*style="fill: none;[^"]*stroke: #d55e00', target.read_text()
    )
    points = [[float(y) for y in re.findall(r"[ML] \S+ (\S+)", path)] for path in paths]
    (a, b, c), (d, e, f) = (line for line in points if len(set(line)) == 3)
    scale = (a - b) / (0.9 - 0.5)
    assert (b - c) == pytest.approx(scale * 0.1, abs=1e-3)
    assert (d - e) == pytest.approx(scale * (0.8 - 0.25), abs=1e-3)
    assert (f - c) == pytest.approx(scale * (0.5 - 0.4), abs=1e-3)
    assert (f - e) == pytest.approx(scale * (0.5 - 0.25), abs=1e-3)


@pytest.mark.parametrize(("suffix", "begins"), [(".pdf", b"%PDF"), (".PNG", b"\x89PNG")])
def test_other_formats(tmp_path: Path, suffix: str, begins: bytes, capsys: Capture) -> None:
    run, target = made(tmp_path / "run"), tmp_path / f"losses{suffix}"
    assert said(capsys, "plot", run, "--y", "loss", "-o", target)[0] == 0
    first = target.read_bytes()
    assert first.startswith(begins)
    said(capsys, "plot", run, "--y", "loss", "-o", target)
    assert target.read_bytes() == first


def test_the_loss(tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert (
        said(capsys, "plot", made(tmp_path / "run"), "--y", "loss")[1]
        == "1 run drawn in plot.svg\n"
    )
    svg = Path("plot.svg").read_text()
    assert ">small, training<" in svg
    assert ">loss<" in svg
    assert "test" not in svg


def test_what_runs_are_called(tmp_path: Path) -> None:
    def called(*runs: Path) -> list[str]:
        return labels([read_record(run) for run in runs])

    a, b = made(tmp_path / "x" / "a"), made(tmp_path / "x" / "b")
    c, d = made(tmp_path / "y" / "a"), made(tmp_path / "y" / "c", net="other")
    assert called(a, d) == ["small", "other"]
    assert called(a, b) == ["a", "b"]
    assert called(a, c) == [str(a), str(c)]


def test_runs_that_cannot_be_drawn(tmp_path: Path, capsys: Capture) -> None:
    """Every one is named, and no figure is left."""
    target = tmp_path / "figure.svg"
    good, empty = made(tmp_path / "good"), made(tmp_path / "empty", ())
    status, out, err = said(capsys, "plot", good, tmp_path / "none", tmp_path, "-o", target)
    assert (status, out) == (1, "")
    assert err.count("error[E0810]") == 2
    status, out, err = said(capsys, "plot", good, empty, "-o", target)
    assert (status, out) == (1, "")
    assert f"error[E0821]: the run '{empty}' has no full epoch" in err
    assert not target.exists()
    assert "error[E0805]" in said(capsys, "plot", good, "-o", tmp_path / "no" / "figure.svg")[2]


@pytest.mark.parametrize(
    "words", [["run", "-o", "figure.jpg"], ["run", "--y", "lr"], [], ["run"] * (MAX_RUNS + 1)]
)
def test_wrong_command_lines(words: list[str], capsys: Capture) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["plot", *words])
    assert "usage: archc plot" in capsys.readouterr().err
