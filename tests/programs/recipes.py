"""Small nets with the papers' recipes, and pictures to train them on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

LENET = """
net lenet(classes = 3) {
  "LeNet, small"
  input(1x12x12)
  conv(5, 1, 4) tanh  maxpool(2, 2)
  fc(16) tanh  fc(classes) softmax
  recipe {
    augment   { resize(12) center_crop(input) scale(1/255) }
    evaluate  { resize(12) center_crop(input) scale(1/255) }
    optimizer   sgd(lr = 0.05, momentum = 0.9)
    batch 6     epochs 5
  }
}
"""

ALEXNET = """
net alexnet(classes = 3) {
  "AlexNet, small: towers, ten crops"
  input(3x19x19)
  towers(2) { conv(5, 2, 4) relu  lrn(3)  maxpool(3, 2) }
  towers(2) { conv(3, 1, 6, pad=1) relu }
  towers(2) { fc6: fc(8) relu dropout(0.5) }
  fc7: fc(classes) softmax
  recipe {
    augment {
      resize(22) center_crop(22) subtract_mean(per=pixel)
      random_crop(input) flip pca_color(0.1)
    }
    evaluate  { resize(22) center_crop(22) subtract_mean(per=pixel) ten_crop(input) }
    init      { conv, fc: normal(0, 0.1), bias 0;  conv2, fc6: bias 1 }
    optimizer   sgd(lr = 0.001, momentum = 0.9, weight_decay = 0.0005)
    schedule    plateau(factor = 0.1, times = 3, patience = 1)
    batch 7     epochs 5
  }
}
"""

ZFNET = """
net zfnet(classes = 3) {
  "ZFNet, small: one of ten crops, filters held"
  input(3x16x16)
  conv(5, 2, 6) relu  maxpool(3, 2, round=up)  lrn(3)
  fc(8) relu dropout(0.5)  fc(classes) softmax
  recipe {
    augment   { resize(20) center_crop(20) subtract_mean(per=pixel) one_of_ten_crop(input) }
    evaluate  { resize(20) center_crop(20) subtract_mean(per=pixel) ten_crop(input) }
    init      { conv, fc: normal(0, 0.2), bias 0 }
    optimizer   sgd(lr = 0.001, momentum = 0.9, weight_decay = 0.0005 assumed "AlexNet")
    schedule    step(2, factor = 0.5)
    limit       filter_rms(0.1)
    batch 6     epochs 5
  }
}
"""

GOOGLENET = """
net googlenet(classes = 7) {
  "GoogLeNet, small: heads, averages, crops of four scales"
  input(3x16x16)
  conv(3, 1, 6, pad=same) relu  maxpool(3, 2, round=up)
  a: concat { | conv(1, 1, 4) relu | conv(3, 1, 4, pad=same) relu }
  aux(weight = 0.3) { avgpool(3, 2) fc(8) relu dropout(0.7) fc(classes) softmax }
  conv(3, 1, 8, pad=same) relu
  aux(weight = 0.2) { avgpool(3, 2) fc(8) relu dropout(0.7) fc(classes) softmax }
  global_avgpool  dropout(0.4)  fc(classes) softmax
  recipe {
    augment {
      random_area_crop(input, area=[0.08, 1], aspect=[3/4, 4/3], interpolation=varied)
      photometric(0.5, 1.5)  pca_color(0.1)  subtract_mean(per=channel)  flip
    }
    evaluate  { subtract_mean(per=channel)  multi_scale_crop(input, [18, 20, 22, 24]) }
    init      { conv, fc: glorot, bias 0.2 }
    optimizer   sgd(lr = 0.01, momentum = 0.9, weight_decay = 0.0002)
    schedule    step(2, factor = 0.96)
    average     ema(0.9999)
    batch 6     epochs 5
  }
}
"""

VGG = """
net vgg(classes = 3) {
  "VGG, small: whole images at two scales"
  input(3x16x16)
  after conv, fc but last { relu }  after fc but last { dropout(0.2) }
  conv3-4  maxpool(2, 2)  conv3-6  maxpool(2, 2)  FC-8  FC-8  FC-classes  soft-max
  recipe {
    augment {
      jitter_resize(18, 24) scale(1/64) subtract_mean(per=channel)
      random_crop(input) flip pca_color(0.1)
    }
    evaluate  { scale(1/64) subtract_mean(per=channel) dense([16, 21]) }
    init      { conv, fc: normal(0, 0.2), bias 0 }
    optimizer   sgd(lr = 0.02, momentum = 0.9, weight_decay = 0.0005)
    schedule    plateau(factor = 0.1, times = 3)
    batch 6     epochs 5
  }
}
"""

MODERN = """
net modern(classes = 3) {
  "A residual net: batch norm, AdamW, cosine, smoothing"
  input(3x16x16)
  conv(3, 1, 6, pad=same, bias=false) bn relu
  add { | conv(3, 1, 6, pad=same, bias=false) bn | skip } relu
  global_avgpool  fc(classes) softmax
  recipe {
    augment {
      jitter_resize(16, 20)  random_crop(input, pad=2)  shift(1)  flip
      scale(1/255)  normalize([0.5, 0.4, 0.3], [0.2, 0.25, 0.3])
    }
    evaluate {
      resize(16)  center_crop(input)  scale(1/255)  normalize([0.5, 0.4, 0.3], [0.2, 0.25, 0.3])
    }
    optimizer   adamw(lr = 0.01, weight_decay = 0.05, decay_bias = false)
    schedule    cosine(warmup = 2, floor = 0.01)
    loss        cross_entropy(smoothing = 0.1)
    average     polyak
    batch 6     epochs 5
  }
}
"""

NETS = {
    "lenet": LENET,
    "alexnet": ALEXNET,
    "zfnet": ZFNET,
    "vgg": VGG,
    "googlenet": GOOGLENET,
    "modern": MODERN,
}


def pictures(
    root: Path, classes: int, train: int, val: int, size: tuple[int, int] | None = None
) -> Path:
    """A folder of noisy pictures, each class of its own hue, and of its own size unless one is
    given; PNG, so that every decoder gives the same."""
    rng = np.random.default_rng(0)
    for split, count in (("train", train), ("val", val)):
        for label in range(classes):
            folder = root / split / f"class{label}"
            folder.mkdir(parents=True)
            for number in range(count):
                shape = (*(size or (24 + 2 * label, 30)), 3)
                pixels = rng.integers(0, 160, shape) + np.roll([0, 40, 90], label)
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
    return root
