"""The nets of specs/ at the size that tests can run: narrower, and on smaller images."""

from __future__ import annotations

import archc
from archc.ops.base import Shape
from tests.nets import SPECS

WIDTH = 1 / 16
WIDTHS = {
    # Its 32 groups divide no fewer channels.
    "resnext50_32x4d": 1 / 4,
}

INPUTS: dict[str, Shape] = {
    "alexnet": (3, 67, 67),
    "alexnet_1tower": (3, 67, 67),
    "alexnet_half": (3, 67, 67),
    "alexnet_one_gpu": (3, 67, 67),
    "cifar_relu": (3, 32, 32),
    "cifar_tanh": (3, 32, 32),
    "convnext_tiny": (3, 64, 64),
    "densenet121": (3, 64, 61),
    "efficientnet_b0": (3, 40, 37),
    # Its heads pool maps of 5x5 and more.
    "googlenet": (3, 80, 80),
    "googlenet_naive": (3, 40, 37),
    # Its aux head pools the map of 17x17 of the whole input.
    "inception_v3": (3, 299, 299),
    "lenet": (1, 32, 32),
    "mobilenet_v2": (3, 40, 37),
    "mobilenet_v3_large": (3, 40, 37),
    "resnet18": (3, 40, 37),
    "resnet50": (3, 40, 37),
    "resnext50_32x4d": (3, 40, 37),
    "shufflenet_v2_x1_0": (3, 40, 37),
    "squeezenet1_1": (3, 40, 37),
    # The smallest for which every crop leaves something, and every pooling is even.
    "unet": (1, 188, 188),
    "vgg_a": (3, 32, 32),
    "vgg_a_lrn": (3, 32, 32),
    "vgg_b": (3, 32, 32),
    "vgg_b_5x5": (3, 32, 32),
    "vgg_c": (3, 32, 32),
    "vgg_d": (3, 32, 32),
    "vgg_e": (3, 32, 32),
    "zfnet": (3, 64, 64),
}
"""About the smallest input that leaves the last layers a map; odd sizes where all is rounded."""

NAMES = [path.stem for path in SPECS]


def small(name: str) -> archc.Net:
    """A net of the zoo with a sixteenth of its channels and ten classes, U-Net with its two."""
    settings = {} if name == "unet" else {"classes": 10}
    return archc.load(name, input=INPUTS[name], width=WIDTHS.get(name, WIDTH), **settings)
