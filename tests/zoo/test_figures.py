"""The figures of the nets in specs/: as published, and as added up by hand."""

from __future__ import annotations

import pytest

import archc
from tests.zoo import arithmetic

# Parameters of torchvision's definitions, and their multiply-adds in units of 10^9, as printed
# in its table of weights. U-Net's are those of its figure.
PUBLISHED = {
    "resnet18": (11_689_512, "1.81"),
    "resnet50": (25_557_032, "4.09"),
    "resnext50_32x4d": (25_028_904, "4.23"),
    "densenet121": (7_978_856, "2.83"),
    "squeezenet1_1": (1_235_496, "0.35"),
    "inception_v3": (27_161_264, "5.71"),
    "mobilenet_v2": (3_504_872, "0.30"),
    "mobilenet_v3_large": (5_483_032, "0.22"),
    "shufflenet_v2_x1_0": (2_278_604, "0.14"),
    "efficientnet_b0": (5_288_548, "0.39"),
    "convnext_tiny": (28_589_128, "4.46"),
    "unet": (31_030_658, None),
}

# The stages that the papers' tables and figures print, and the way from one to the next.
SHAPES = {
    "resnet18": """conv1 64x112x112, maxpool1 64x56x56, conv2_x 64x56x56, conv3_x 128x28x28,
        conv4_x 256x14x14, conv5_x 512x7x7, global_avgpool1 512x1x1""",
    "resnet50": """conv1 64x112x112, maxpool1 64x56x56, conv2_x 256x56x56, conv3_x 512x28x28,
        conv4_x 1024x14x14, conv5_x 2048x7x7, global_avgpool1 2048x1x1""",
    "resnext50_32x4d": """conv1 64x112x112, maxpool1 64x56x56, conv2_x 256x56x56,
        conv3_x 512x28x28, conv4_x 1024x14x14, conv5_x 2048x7x7, global_avgpool1 2048x1x1""",
    "densenet121": """conv1 64x112x112, maxpool1 64x56x56, dense1 256x56x56,
        transition1 128x28x28, dense2 512x28x28, transition2 256x14x14, dense3 1024x14x14,
        transition3 512x7x7, dense4 1024x7x7, global_avgpool1 1024x1x1""",
    "squeezenet1_1": """conv1 64x111x111, maxpool1 64x55x55, fire2 128x55x55, fire3 128x55x55,
        maxpool2 128x27x27, fire4 256x27x27, fire5 256x27x27, maxpool3 256x13x13,
        fire6 384x13x13, fire7 384x13x13, fire8 512x13x13, fire9 512x13x13,
        conv10 1000x13x13""",
    "inception_v3": """conv1 32x149x149, conv2 32x147x147, conv3 64x147x147, maxpool1 64x73x73,
        conv4 80x73x73, conv5 192x71x71, maxpool2 192x35x35, mixed_5b 256x35x35,
        mixed_5c 288x35x35, mixed_5d 288x35x35, mixed_6a 768x17x17, mixed_6b 768x17x17,
        mixed_6e 768x17x17, mixed_7a 1280x8x8, mixed_7b 2048x8x8, mixed_7c 2048x8x8,
        aux1.avgpool1 768x5x5, aux1.conv1 128x5x5, aux1.conv2 768x1x1""",
    "mobilenet_v2": """conv1 32x112x112, row1 16x112x112, row2 24x56x56, row3 32x28x28,
        row4 64x14x14, row5 96x14x14, row6 160x7x7, row7 320x7x7, conv2 1280x7x7""",
    "mobilenet_v3_large": """conv1 16x112x112, row1 16x112x112, row2 24x56x56, row3 24x56x56,
        row4 40x28x28, row5 40x28x28, row6 40x28x28, row7 80x14x14, row8 80x14x14,
        row9 80x14x14, row10 80x14x14, row11 112x14x14, row12 112x14x14, row13 160x7x7,
        row14 160x7x7, row15 160x7x7, conv2 960x7x7, fc1 1280x1x1""",
    "shufflenet_v2_x1_0": """conv1 24x112x112, maxpool1 24x56x56, stage2 116x28x28,
        stage3 232x14x14, stage4 464x7x7, conv5 1024x7x7""",
    "efficientnet_b0": """conv1 32x112x112, stage2 16x112x112, stage3 24x56x56, stage4 40x28x28,
        stage5 80x14x14, stage6 112x14x14, stage7 192x7x7, stage8 320x7x7, conv2 1280x7x7""",
    "convnext_tiny": """stem 96x56x56, res2 96x56x56, res3 192x28x28, res4 384x14x14,
        res5 768x7x7""",
    "unet": """down1 64x568x568, maxpool1 64x284x284, down2 128x280x280, maxpool2 128x140x140,
        down3 256x136x136, maxpool3 256x68x68, down4 512x64x64, maxpool4 512x32x32,
        down5 1024x28x28, deconv1 512x56x56, concat1 1024x56x56, up4 512x52x52,
        deconv2 256x104x104, concat2 512x104x104, up3 256x100x100, deconv3 128x200x200,
        concat3 256x200x200, up2 128x196x196, deconv4 64x392x392, concat4 128x392x392,
        up1 64x388x388, conv1 2x388x388""",
}

DEPTHS = {
    "resnet18": 18,
    "resnet50": 50,
    "resnext50_32x4d": 50,
    "densenet121": 121,
    "squeezenet1_1": 18,
    "mobilenet_v2": 53,
    "unet": 23,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_and_multiply_adds(name: str) -> None:
    net = archc.load(name)
    params, macs = PUBLISHED[name]
    by_hand = getattr(arithmetic, name)()
    assert net.params == by_hand.params == params
    assert net.macs == by_hand.macs
    if macs is not None:
        # Torchvision's are those of inference: without the aux head.
        counted = arithmetic.inception_v3(aux=False).macs if name == "inception_v3" else net.macs
        assert abs(counted / 1e9 - float(macs)) < 0.005


def test_the_aux_head_apart() -> None:
    graph = archc.load("inception_v3").graph
    from archc.passes import StripHeads, run

    bare = run([StripHeads()], graph)
    params = sum(w.size for node in bare.nodes for w in bare.weights(node).values())
    assert params == arithmetic.inception_v3(aux=False).params == 23_834_568


def test_resnet_50_as_printed_has_the_paper_s_multiply_adds() -> None:
    """The spec says where the stride is, and what that makes of the paper's 3.8x10^9."""
    printed = arithmetic.resnet50_as_printed()
    assert printed.params == arithmetic.resnet50().params
    assert printed.macs == 3_857_973_248


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(name: str) -> None:
    graph = archc.load(name).graph
    found = {node.path: node.output for node in graph.nodes}
    found |= {stage.name: graph.nodes[stage.last].output for stage in graph.stages}
    for said in SHAPES[name].split(","):
        part, shape = said.split()
        assert "x".join(map(str, found[part])) == shape, part


@pytest.mark.parametrize("name", DEPTHS)
def test_depth(name: str) -> None:
    assert archc.load(name).depth == DEPTHS[name]
