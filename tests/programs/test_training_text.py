"""Programs that train as their readers meet them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from archc.diagnostics import DiagnosticError
from archc.driver import check, compile_training
from archc.ir import Graph
from archc.source import Source
from tests import nets
from tests.nets import ROOT, spec
from tests.programs.manners import laid_out, well_typed
from tests.programs.recipes import NETS, WHOLE

GOLDEN = ROOT / "tests" / "golden"
GOLDENS = {"torch": ("alexnet", "googlenet", "vgg_a"), "jax": ("lenet", "zfnet", "vgg_a")}

# Steps that no other net has: what each learns after the others, and names that are taken.
CORNERS = """
net split(classes = 3) {
  input(3x12x14)
  batches: ahead(4)
  ahead(5) bn
  fc(classes) softmax
  recipe {
    augment {
      scale(0.5) normalize(10, 20) pca_color(0.1) photometric(0.5, 1.5)
      normalize([1, 2, 3], [0.5, 0.25, 1]) subtract_mean(per=channel)
      random_area_crop(input, interpolation=cubic)
    }
    evaluate  { subtract_mean(per=channel) resize([12, 14]) }
    optimizer   sgd(lr = 0.1, momentum = 0, weight_decay = 0.1, decay_bias = false)
    schedule    cosine()
    loss        cross_entropy(smoothing = 0.1)
    average     polyak
    limit       filter_rms(0.1)
    batch 8     epochs 2
  }
}
block ahead(n) { conv(3, 1, n, pad=same) relu }
"""


def graphs(which: str) -> dict[str, Graph]:
    """Small nets that have every part of the templates between them; all of them, and the nets of
    specs/ that have a recipe."""
    found = {f"small_{name}": check(Source(name, text)) for name, text in NETS.items()}
    found["corners"] = check(Source("corners.arch", CORNERS))
    found["corners_whole"] = check(Source("whole.arch", WHOLE))
    if which == "some":
        del found["small_zfnet"]
        return found
    for path in nets.SPECS:
        graph = spec(path)
        if graph.recipe is not None:
            found[path.stem] = graph
    return found


@pytest.fixture(scope="module", params=["some", pytest.param("all", marks=pytest.mark.slow)])
def programs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the programs of nets, on both backends."""
    folder = tmp_path_factory.mktemp("programs")
    for name, graph in graphs(request.param).items():
        for backend in GOLDENS:
            text = compile_training(graph, backend).text
            (folder / f"{name}_{backend}.py").write_text(text, "utf-8")
    return folder


@pytest.mark.parametrize(
    ("backend", "name"), [(backend, name) for backend in GOLDENS for name in GOLDENS[backend]]
)
def test_golden(backend: str, name: str, update_golden: bool) -> None:
    """Read by a person when it changes: `pytest --update-golden`."""
    text = compile_training(spec(ROOT / "specs" / f"{name}.arch"), backend).text
    path = GOLDEN / backend / f"train_{name}.py"
    if update_golden:
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8")


def test_laid_out_as_the_formatter_would(programs: Path) -> None:
    laid_out(programs)


def test_passes_the_type_checker(programs: Path) -> None:
    well_typed(programs)


def test_the_same_to_the_byte_wherever_it_is_compiled() -> None:
    code = """
from archc.driver import compile_training, load
for backend in ("torch", "jax"):
    print(compile_training(load("googlenet"), backend).text)
"""
    texts: set[bytes] = set()
    for seed in ("0", "1"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=True, env=environment
        )
        texts.add(done.stdout)
    assert len(texts) == 1


def test_a_net_that_takes_what_no_image_is() -> None:
    text = NETS["lenet"].replace("input(1x12x12)", "input(2x12x12)")
    with pytest.raises(DiagnosticError, match="E0713"):
        compile_training(check(Source("two.arch", text)), "torch")
