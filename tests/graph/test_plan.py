"""`archc plan`, worked out by hand from the papers' figures."""

from __future__ import annotations

import json

import pytest

from archc.analysis.plan import Collective, Form, Refused, counts, plan
from archc.cli import main
from archc.driver import load
from archc.ir import Graph
from tests.nets import net

# AlexNet, from Figure 2 and Section 3.5 of the paper: weights and biases of one tower, and of
# fc8, which both compute.
TOWER = (
    (48 * 3 * 11 * 11 + 48)
    + (128 * 48 * 5 * 5 + 128)
    + (192 * 256 * 3 * 3 + 192)
    + (192 * 192 * 3 * 3 + 192)
    + (128 * 192 * 3 * 3 + 128)
    + (2048 * 6 * 6 * 256 + 2048)
    + (2048 * 4096 + 2048)
)
FC8 = 1000 * 4096 + 1000

# Every output of a tower: conv1, relu, lrn and pool; conv2 likewise; conv3, 4 and 5 with relu, and
# a pool; fc6 and fc7 with relu and dropout. Beside them the image, the four maps that were
# joined, fc8 and softmax.
OUTPUTS = (
    3 * 48 * 55 * 55
    + 48 * 27 * 27
    + 3 * 128 * 27 * 27
    + 128 * 13 * 13
    + 2 * (192 + 192 + 128) * 13 * 13
    + 128 * 6 * 6
    + 2 * 3 * 2048
)
JOINED = (256 * 13 * 13, 256 * 6 * 6, 4096, 4096)
REST = 3 * 227 * 227 + 2 * 1000


def forms(graph: Graph, devices: int, batch: int | None = None) -> dict[str, Form | Refused]:
    return {form.name: form for form in plan(graph, devices, batch=batch).forms}


def taken(form: Form | Refused) -> Form:
    assert isinstance(form, Form)
    return form


def test_alexnet_on_the_two_gpus_of_the_paper() -> None:
    found = taken(forms(load("alexnet"), 2)["towers"])
    assert 2 * TOWER + FC8 == 60_965_224
    assert found.memory.weights == found.memory.gradients == 4 * (TOWER + FC8)
    assert found.memory.momentum == 4 * (TOWER + FC8)
    assert found.memory.activations == 4 * 128 * (OUTPUTS + sum(JOINED) + REST)
    # Half of each joined map is sent, and again its gradient, but for fc8's: both have that.
    conv3, fc6, fc7, fc8 = (4 * 128 * size // 2 for size in JOINED)
    assert [place.sent for place in found.places] == [2 * conv3, 2 * fc6, 2 * fc7, fc8]
    assert found.sent == 2 * (conv3 + fc6 + fc7) + fc8 == 30_015_488
    assert [(place.line, place.column, place.layer) for place in found.places] == [
        (15, 5, "conv3"),
        (19, 15, "fc6"),
        (20, 15, "fc7"),
        (21, 3, "fc8"),
    ]
    assert counts(found) == {"all-gather": 4, "reduce-scatter": 3, "all-reduce": 0}


def test_alexnet_by_data() -> None:
    """Two devices send the gradients once (2 (N - 1) / N), four one and a half times."""
    two = taken(forms(load("alexnet"), 2)["data"])
    assert two.sent == 4 * 60_965_224
    assert two.memory.weights == 4 * 60_965_224
    assert counts(two) == {"all-gather": 0, "reduce-scatter": 0, "all-reduce": 1}
    four = taken(forms(load("alexnet"), 4)["data"])
    assert four.sent == 4 * 60_965_224 * 3 // 2
    assert 2 * four.memory.activations == two.memory.activations


def test_alexnet_in_replicas_of_its_towers() -> None:
    found = taken(forms(load("alexnet"), 4)["hybrid"])
    assert (found.replicas, found.towers) == (2, 2)
    assert found.memory.activations == 4 * 64 * (OUTPUTS + sum(JOINED) + REST)
    conv3, fc6, fc7, fc8 = (4 * 64 * size // 2 for size in JOINED)
    # Two replicas, so the gradients of what a device has are sent once.
    assert found.sent == 2 * (conv3 + fc6 + fc7) + fc8 + 4 * (TOWER + FC8)


def test_half_the_bytes_of_maps_in_bf16() -> None:
    full, half = (
        taken({form.name: form for form in plan(load("alexnet"), 4, precision=p).forms}["hybrid"])
        for p in ("fp32", "bf16")
    )
    assert [2 * place.sent for place in half.places] == [place.sent for place in full.places]
    assert half.gradients == full.gradients
    assert half.memory.weights == full.memory.weights


def test_statistics_of_batch_norm_go_between_replicas_only() -> None:
    """Mean and variance of 6 channels, and the gradients of both: 12 numbers each way."""
    graph = net(
        """input(1x6x6) conv(1, 1, 6) bn
        towers(2) { conv(1, 1, 3) bn } fc(2) softmax
        recipe { optimizer sgd(0.1) batch 6 epochs 1 }"""
    )
    data = taken(forms(graph, 3)["data"])
    assert [(place.layer, place.forward) for place in data.places] == [
        ("bn1", Collective("all-reduce", 4 * 12, 3)),
        ("bn2", Collective("all-reduce", 4 * 12, 3)),
    ]
    towers = taken(forms(graph, 2)["towers"])
    assert [(place.source, place.layer) for place in towers.places] == [
        ("bn1", "conv2"),
        ("bn2", "fc1"),
    ]
    assert counts(towers) == {"all-gather": 1, "reduce-scatter": 0, "all-reduce": 1}
    hybrid = taken(forms(graph, 6)["hybrid"])
    statistics = [place for place in hybrid.places if place.layer.startswith("bn")]
    assert [place.forward for place in statistics] == [
        Collective("all-reduce", 4 * 12, 3),
        Collective("all-reduce", 4 * 6, 3),  # a device has the bn of its own tower
    ]


def test_a_batch_that_does_not_come_out_even() -> None:
    """Memory is that of the largest share, and a byte that is begun is sent."""
    graph = net("input(1x1x1) fc(3) softmax recipe { optimizer sgd(0.1) batch 7 epochs 1 }")
    found = taken(forms(graph, 4)["data"])
    assert found.memory.activations == 4 * 2 * (1 + 3 + 3)
    assert found.sent == 2 * 3 * 4 * 6 // 4
    assert Collective("all-gather", 10, 3).sent == 7


def test_what_these_devices_do_not_allow() -> None:
    graph = load("alexnet")

    def why(devices: int, name: str, of: Graph = graph, batch: int | None = None) -> str:
        form = forms(of, devices, batch)[name]
        assert isinstance(form, Refused)
        return form.why

    assert why(4, "towers") == "2 towers take 2 devices, not 4"
    assert why(2, "hybrid").startswith("2 devices are one replica of 2 towers")
    assert why(3, "hybrid") == "3 devices are no whole number of replicas of 2 towers"
    assert why(8, "data", batch=7) == "8 shares of a batch of 7: there are not enough images"
    assert why(8, "hybrid", batch=3) == "4 shares of a batch of 3: there are not enough images"
    for name in ("towers", "hybrid"):
        assert why(2, name, load("lenet")).startswith("lenet has no towers to put on devices")
    differing = net("input(1x8x8)\n towers(2) { conv(3, 1, 2) }\n towers(3) { fc(2) } softmax")
    assert why(2, "towers", differing) == (
        "3 towers cannot be put on the 2 devices of the others (test.arch:3:14)"
    )


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "alexnet", "--gpus", "2", "--batch", "4", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["devices"], found["batch"], found["precision"]) == (2, 4, "fp32")
    data, towers, hybrid = found["forms"]
    assert data["gradients"] == {
        "kind": "all-reduce",
        "size": 4 * 60_965_224,
        "sent": 4 * 60_965_224,
    }
    assert towers["gradients"] is None
    assert towers["places"][3] == {
        "line": 21,
        "column": 3,
        "source": "dropout2",
        "layer": "fc8",
        "shape": [4096, 1, 1],
        "forward": {"kind": "all-gather", "size": 4 * 4 * 4096, "sent": 2 * 4 * 4096},
        "backward": None,
    }
    assert towers["sent"] == sum(
        way["sent"]
        for place in towers["places"]
        for way in (place["forward"], place["backward"])
        if way
    )
    assert hybrid["form"] == "hybrid"
    assert "refused" in hybrid
