"""What is PyTorch's own in emitted programs."""

from __future__ import annotations

import pytest
import torch
from archc_torch.emit.names import MODULE_NAMES

from archc.driver import compile_graph
from archc.program_module import load_program
from tests import nets
from tests.nets import GOOGLENET, SMALL, net, spec
from tests.torch.programs import program

SPECS = {path.stem: path for path in nets.SPECS}


@pytest.mark.parametrize("name", [*SPECS, *SMALL])
def test_attributes_are_the_canonical_names(name: str) -> None:
    """So that a weight file loads with `load_state_dict` and nothing else."""
    graph = spec(SPECS[name]) if name in SPECS else SMALL[name]
    emitted = program(graph)
    with torch.device("meta"):
        made = getattr(load_program(emitted), emitted.class_name)()
    state = made.state_dict().items()
    # PyTorch's own count of batches is no part of a net.
    shapes = {n: tuple(a.shape) for n, a in state if not n.endswith("num_batches_tracked")}
    assert shapes == {
        emitted.keys[f"{node.path}.{weight}"]: info.shape
        for node in graph.nodes
        for weight, info in (graph.weights(node) | graph.buffers(node)).items()
    }
    if name != "names of what programs call":  # some of which Python would change
        assert emitted.keys == {name: name for name in shapes}


def test_names_that_python_or_the_framework_has_taken() -> None:
    graph = net(
        """input(3x8x8)
        class: conv(3, 1, 4) lambda: relu
        forward: conv(1, 1, 4, pad=0)
        training: conv(1, 1, 3) _parameters: conv(1, 1, 3)
        print: self(2) nn: self(2) weight: torch(3)
        x: concat { | F: conv(1, 1, 2) | Tensor: relu }
        predict: fc(x) state_dict: softmax""",
        """block self(self) { self_: conv(1, 1, self) super: relu }
        block torch(in_channels) { conv(1, 1, in_channels) x: conv(1, 1, in + in_channels) }""",
        params="(x = 3)",
    )
    emitted = program(graph)
    made = getattr(load_program(emitted), emitted.class_name)().eval()
    assert made(torch.zeros(2, 3, 8, 8)).shape == (2, 3)
    assert set(emitted.keys.values()) == set(made.state_dict())
    assert emitted.keys["class.weight"] == "class_.weight"
    assert emitted.keys["forward.weight"] == "forward_.weight"


def test_every_name_of_a_module_is_kept_clear_of() -> None:
    module = torch.nn.Module()
    present = {*dir(module), *module.__dict__}
    assert present - MODULE_NAMES - {"__firstlineno__", "__static_attributes__"} == set()


def test_a_net_parameter_stays_open_where_it_only_says_how_wide() -> None:
    text = program(
        net("input(3x9x9) conv(k, 1, w) relu fc(n) softmax", params="(w=4, n=5, k=3)")
    ).text
    assert "def __init__(self, w: int = 4, n: int = 5) -> None:" in text
    assert "nn.Conv2d(3, w, 3)" in text
    assert "nn.Linear(w * 7 * 7, n)" in text


def test_other_values_of_an_open_parameter_build_the_net_that_archc_counts() -> None:
    body = "input(3x9x9) b(w) b(w + 2) concat { | b(w) | conv(1, 1, w) } fc(n) softmax"
    block = "block b(k) { conv(3, 1, 2 * k, pad=same) relu conv(1, 1, in - k) }"
    emitted = program(net(body, block, params="(w = 4, n = 5)"))
    made = getattr(load_program(emitted), emitted.class_name)(w=6, n=3)
    other = net(body, block, params="(w = 6, n = 3)")
    count = sum(w.size for node in other.nodes for w in other.weights(node).values())
    assert sum(parameter.numel() for parameter in made.parameters()) == count


def test_without_heads() -> None:
    text = compile_graph(spec(GOOGLENET), "torch", heads=False).text
    assert "6,998,552 parameters" in text
    assert "LOSS_WEIGHTS" not in text
