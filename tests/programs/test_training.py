"""Programs that train by themselves: `archc compile --train`."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from archc_jax.engine import JaxEngine
from archc_torch.engine import TorchEngine
from safetensors.numpy import load_file, save_file

from archc.backend import Step
from archc.cli import main
from archc.driver import check, compile_graph
from archc.source import Source
from tests.programs.alone import Done, Job, plain, run, write_program
from tests.programs.recipes import NETS, WHOLE, pictures

ENGINES = {"torch": TorchEngine, "jax": JaxEngine}


def folder_of(name: str, root: Path) -> Path:
    """24 pictures of three classes to train on, or 28 of seven; some to measure by: most for VGG,
    whose errors tell whether whole images were looked at, mirrored, at both scales."""
    classes = 7 if name == "googlenet" else 3
    val = 12 if name == "vgg" else 4
    return pictures(root / f"data_{name}", classes, train=24 // classes + classes // 7, val=val)


@pytest.mark.parametrize(
    ("backend", "names"),
    [
        ("torch", ("vgg", "googlenet", "modern")),
        pytest.param("torch", tuple(NETS), marks=pytest.mark.slow),
        ("jax", ("lenet",)),
        # XLA compiles each of them for half a minute.
        *(pytest.param("jax", (name,), marks=pytest.mark.slow) for name in NETS if name != "lenet"),
    ],
)
def test_its_first_twenty_losses_are_those_of_archc_train(
    backend: str, names: Sequence[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, list[Step]] = {}
    jobs: list[Job] = []
    for name in names:
        program = write_program(NETS[name], backend, tmp_path)
        data = folder_of(name, tmp_path)
        start = tmp_path / f"{name}.safetensors"
        save_file(first_weights(NETS[name]), start)
        out = tmp_path / f"{name}_program"
        jobs.append(Job(program, [data, "--output", out, "--weights", start]))
        with monkeypatch.context() as patched:
            seen[name] = noted(backend, patched)
            spec, of_archc = tmp_path / f"{name}.arch", tmp_path / f"{name}_archc"
            words = ["train", spec, "--data", data, "-o", of_archc, "--weights", start]
            words += ["--backend", backend, "--device", "cpu", "--quiet"]
            assert main(list(map(str, words))) == 0
    for name, done in zip(names, run(*jobs), strict=True):
        assert done.ended == 0
        hold_against(done, seen[name], exactly=backend == "torch")
        errors = errors_measured(tmp_path / f"{name}_archc")
        assert errors_said(done.out) == errors
        assert name != "vgg" or len(set(errors)) > 1, "nothing to compare"
        ours = load_file(tmp_path / f"{name}_program" / "weights.safetensors")
        theirs = load_file(tmp_path / f"{name}_archc" / "weights.safetensors")
        assert ours.keys() == theirs.keys()
        for key, array in ours.items():
            # The average's share is worked out in another precision.
            np.testing.assert_allclose(array, theirs[key], rtol=1e-4, atol=1e-6, err_msg=key)


def hold_against(done: Done, seen: Sequence[Step], *, exactly: bool) -> None:
    """The losses and wrong answers of all steps, the same on both sides."""
    assert len(done.steps) == len(seen) >= 20
    losses, expected = [loss for loss, _ in done.steps], [step.loss for step in seen]
    if exactly:
        assert losses == expected
    else:
        # XLA may fuse two texts of one sum differently: an ulp, which twenty steps make more.
        np.testing.assert_allclose(losses, expected, rtol=1e-5)
    assert [wrong for _, wrong in done.steps] == [step.wrong for step in seen]


def errors_said(out: str) -> list[str]:
    """The errors on the images held out that a program printed, an epoch a text."""
    return re.findall(r"validation error ([\d.]+%(?: \(top-5 [\d.]+%\))?)", out)


def errors_measured(folder: Path) -> list[str]:
    """Those that `archc train` noted, in the program's words."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert len(rows) == 5
    return [
        f"{row['validation_error']:.2%}"
        + (f" (top-5 {row['validation_top5_error']:.2%})" if "validation_top5_error" in row else "")
        for row in rows
    ]


def noted(backend: str, patched: pytest.MonkeyPatch) -> list[Step]:
    """What the engines of a backend will see."""
    seen: list[Step] = []
    engine = ENGINES[backend]
    step = engine.step

    def noting(self: object, *given: object) -> Step:
        found = step(self, *given)  # pyright: ignore[reportArgumentType, reportCallIssue]
        seen.append(found)
        return found

    patched.setattr(engine, "step", noting)
    return seen


def first_weights(text: str) -> dict[str, np.ndarray]:
    """What PyTorch's engine starts from, for both backends."""
    graph = check(Source("small.arch", text))
    if graph.recipe is None:
        raise ValueError("the net has a recipe")
    program = compile_graph(graph, "torch")
    return TorchEngine(program, graph, graph.recipe, device="cpu", seed=0).weights()


@pytest.mark.parametrize(
    ("backend", "names"),
    [
        ("torch", ("alexnet", "modern")),
        ("jax", ("lenet",)),
        *(pytest.param("jax", (n,), marks=pytest.mark.slow) for n in NETS if n != "lenet"),
    ],
)
def test_a_run_that_was_interrupted_ends_as_one_that_was_not(
    backend: str, names: Sequence[str], tmp_path: Path
) -> None:
    jobs: list[Job] = []
    for name in names:
        program, data = write_program(NETS[name], backend, tmp_path), folder_of(name, tmp_path)
        whole, cut = tmp_path / f"{name}_whole", tmp_path / f"{name}_cut"
        jobs += [
            Job(program, [data, "--output", whole]),
            Job(program, [data, "--output", cut], stop=11),  # in the third epoch
            Job(program, [data, "--output", cut]),
        ]
    done = run(*jobs)
    for number, name in enumerate(names):
        uninterrupted, stopped, again = done[3 * number : 3 * number + 3]
        assert (uninterrupted.ended, stopped.ended, again.ended) == (0, 130, 0)
        assert "going on after epoch 2\n" in again.out
        before = 2 * len(uninterrupted.steps) // 5
        assert again.steps == uninterrupted.steps[before:]
        for file in ("weights.safetensors", "best.safetensors"):
            ours = (tmp_path / f"{name}_cut" / file).read_bytes()
            assert ours == (tmp_path / f"{name}_whole" / file).read_bytes()


def hold_weights(one: Path, other: Path) -> None:
    """The weights and statistics of two runs are the same."""
    theirs = load_file(other / "weights.safetensors")
    for key, array in load_file(one / "weights.safetensors").items():
        # Sums in another order; 2e-7 was seen.
        np.testing.assert_allclose(theirs[key], array, rtol=1e-5, atol=1e-6, err_msg=key)


def test_two_processes_train_as_one(tmp_path: Path) -> None:
    """Batch norm sees all of a batch, gradients are over all of it; the last of 26 is of two."""
    data = pictures(tmp_path / "data", 2, train=13, val=3)
    text = NETS["modern"].replace("classes = 3", "classes = 2").replace("epochs 5", "epochs 3")
    # Measured on whole images of several sizes.
    text = text.replace("resize(16)  center_crop(input)  ", "")
    optimizer = "\n    }\n    optimizer"
    text = text.replace(optimizer, f"  dense([16, 22]){optimizer}")
    text = text.replace("global_avgpool  fc(classes)", "maxpool(4, 4)  fc(6) relu  fc(classes)")
    program = write_program(text, "torch", tmp_path)
    (one,) = run(Job(program, [data, "--output", tmp_path / "one"]))
    assert len(errors_said(one.out)) == 3
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", 2]
    done = plain([*torchrun, program, data, "--output", tmp_path / "two"])
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("epoch 1/3") == 1
    assert errors_said(done.stdout) == errors_said(one.out)
    hold_weights(tmp_path / "one", tmp_path / "two")


@pytest.mark.slow
def test_a_batch_too_small_for_all_processes(tmp_path: Path) -> None:
    """Four of them, and of 15 images in batches of six the last three: one process has none, and
    batch norm, gradients and counts are those of three images."""
    data = pictures(tmp_path / "data", 3, train=5, val=3)
    program = write_program(NETS["modern"], "torch", tmp_path)
    said: list[list[str]] = []
    for start in ([], ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", 4]):
        done = plain([*start, program, data, "--output", tmp_path / str(len(start))])
        assert done.returncode == 0, done.stderr
        said.append(re.findall(r"loss \S+  training error \S+", done.stdout))
    assert said[0]
    assert said[0] == said[1]
    hold_weights(tmp_path / "0", tmp_path / "5")


def test_a_process_without_a_gpu_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second of a machine that has one."""
    path = write_program(NETS["lenet"], "torch", tmp_path)
    program = ModuleType("program")
    monkeypatch.setitem(sys.modules, "program", program)
    exec(compile(path.read_text(), path, "exec"), vars(program))
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    monkeypatch.setenv("LOCAL_RANK", "1")
    with pytest.raises(SystemExit, match="error: process 1 has no GPU of its own: there are 1"):
        program.join()


def test_two_devices_train_as_one(tmp_path: Path) -> None:
    """Batches of five, which do not come out even; whole images, three of each size."""
    data = pictures(tmp_path / "data", 3, train=4, val=3)
    text = NETS["vgg"].replace("batch 6     epochs 5", "batch 5     epochs 2")
    text = text.replace("dense([16, 21])", "dense(16)")
    text = text.replace("after fc but last { dropout(0.2) }", "")
    program = write_program(text, "jax", tmp_path)
    losses: list[list[float]] = []
    errors: list[list[str]] = []
    for count in ("1", "2"):
        job = Job(program, [data, "--output", tmp_path / count])
        (done,) = run(job, environment={"JAX_NUM_CPU_DEVICES": count})
        assert done.ended == 0
        losses.append([loss for loss, _ in done.steps])
        errors.append(errors_said(done.out))
    assert errors[0] == errors[1]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-5)


@pytest.mark.parametrize("backend", ["torch", pytest.param("jax", marks=pytest.mark.slow)])
def test_whole_images_are_measured_as_by_archc_evaluate(
    backend: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Views of crops, grouped layers, scales at which not every image is as wide as the net."""
    data = pictures(tmp_path / "data", 3, train=2, val=20)
    program = write_program(WHOLE, backend, tmp_path)
    weights = tmp_path / "start.safetensors"
    save_file(first_weights(WHOLE), weights)
    words = [data, "--weights", weights, "--evaluate", "--output", tmp_path / "out"]
    square = WHOLE.replace("[20, 24]", "20").replace("net whole", "net square")
    done, refused = run(Job(program, words), Job(write_program(square, backend, tmp_path), words))
    spec = ["evaluate", tmp_path / "whole.arch", "--data", data, "--weights", weights]
    assert main([*map(str, spec), "--backend", backend, "--device", "cpu"]) == 0
    (error,) = errors_said(done.out)
    assert f"validation error {error} (" in capsys.readouterr().out
    assert "it ends up as (12, 12, 1), the net takes (12, 14, 1) and larger" in str(refused.ended)


FAULTS = {
    "no folder": "there is no folder",
    "no split": "there is no folder",
    "a class more": "has 4 classes, the net tells 3 apart",
    "a class that is unknown": "is of a class that is not in train",
    "no images": "has no images",
    "a broken image": "cannot identify image file",
    "an image cut short": "0.png",
    "an image of another size": "the net takes",
    "a broken checkpoint": "checkpoint.safetensors cannot be read",
    "no such weights": "start.safetensors cannot be read",
    "weights of another net": "fc2.weight",
    "weights in bfloat16": "start.safetensors cannot be read",
    "a batch of one image": "of which batch norm learns nothing",
}


# A number that NumPy has no type for.
_HEADER = b'{"fc1.weight":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}'
BFLOAT16 = len(_HEADER).to_bytes(8, "little") + _HEADER + bytes(2)


def broken(fault: str, root: Path) -> list[object]:
    """A folder of data, or of a run, with a fault; the arguments that meet it."""
    data, out, start = pictures(root / "data", 3, 2, 2), root / "out", root / "start.safetensors"
    image = data / "train" / "class0" / "0.png"
    more: list[object] = []
    match fault:
        case "no folder":
            data = root / "nowhere"
        case "no split":
            (data / "val").rename(data / "test")
        case "a class more":
            (data / "train" / "class3").mkdir()
        case "a class that is unknown":
            (data / "val" / "class0").rename(data / "val" / "dog")
        case "no images":
            for file in (data / "val" / "class1").iterdir():
                file.unlink()
        case "a broken image":
            image.write_text("no image")
        case "an image cut short":
            image.write_bytes(image.read_bytes()[:200])
        case "an image of another size":
            pass  # the program's own fault: its net takes 12x12, its steps give 24x30
        case "a broken checkpoint":
            out.mkdir()
            (out / "checkpoint.safetensors").write_text("nothing")
        case "no such weights":
            more = ["--weights", start]
        case "weights in bfloat16":
            start.write_bytes(BFLOAT16)
            more = ["--weights", start]
        case "a batch of one image":
            pass  # of the program's 6 images in batches of 5
        case _:
            save_file({"fc1.weight": np.zeros((3, 3), np.float32)}, start)
            more = ["--weights", start]
    return [data, "--output", out, *more]


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    text = NETS["lenet"].replace("epochs 5", "epochs 1")
    program = write_program(text, "torch", tmp_path)
    (tmp_path / "large").mkdir()
    unfit = text.replace("resize(12) center_crop(input)", "")
    other = write_program(unfit, "torch", tmp_path / "large")
    (tmp_path / "lone").mkdir()
    normed = text.replace("fc(16)", "fc(16) bn").replace("batch 6", "batch 5")
    odd = {
        "an image of another size": other,
        "a batch of one image": write_program(normed, "torch", tmp_path / "lone"),
    }
    jobs = [Job(odd.get(fault, program), broken(fault, tmp_path / fault)) for fault in FAULTS]
    for fault, done in zip(FAULTS, run(*jobs), strict=True):
        assert isinstance(done.ended, str), fault
        assert done.ended.startswith("error: ")
        assert FAULTS[fault] in done.ended


def test_a_fault_is_one_line_and_status_1(tmp_path: Path) -> None:
    done = plain([write_program(NETS["lenet"], "torch", tmp_path), tmp_path / "nowhere"])
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: there is no folder {tmp_path / 'nowhere' / 'train'}\n"


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    """A file that may not grow beyond a kilobyte stands for it."""
    data = pictures(tmp_path / "data", 3, 2, 2)
    program = write_program(NETS["lenet"], "torch", tmp_path)
    limit = "import resource, runpy, sys; sys.argv = sys.argv[1:]; "
    limit += "resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024)); "
    limit += "runpy.run_path(sys.argv[0], run_name='__main__')"
    done = plain(["-c", limit, program, data, "--output", tmp_path / "out"])
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "File too large" in done.stderr
    assert not list((tmp_path / "out").glob("*.safetensors"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--evaluate"], "argument --evaluate: of which weights?"),
        (["--seed", "-1"], "argument --seed: it is from 0 to 4294967295"),
    ],
)
def test_what_cannot_be_meant(words: list[str], said: str, tmp_path: Path) -> None:
    """A net that nothing has trained is not worth measuring."""
    done = plain([write_program(NETS["lenet"], "torch", tmp_path), tmp_path, *words])
    assert done.returncode == 2
    assert said in done.stderr


@pytest.mark.parametrize("backend", ENGINES)
def test_nothing_is_carried_that_a_recipe_does_not_use(backend: str, tmp_path: Path) -> None:
    text = write_program(NETS["lenet"], backend, tmp_path).read_text()
    for word in ("plateau", "cosine", "rng.random", "random_crop", "learn(", "take_in", "DECAY"):
        assert word not in text


def test_whole_images_and_training_are_two_programs(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["compile", "vgg_d", "--backend", "torch", "--train", "--dense"])
    assert "--dense: not allowed with argument --train" in capsys.readouterr().err
