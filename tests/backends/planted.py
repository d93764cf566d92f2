"""Faults planted in programs, to see that the checks would find them in an emitter.

A fault is an edit of the program's text, which is what an emitter makes; it changes what is
computed and leaves a program that runs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from archc.backend import Program

from ..nets import net

REQUIRED = (
    "lrn's alpha divided by n",
    "ceil for floor",
    "flatten in the order H, W, C",
    "batch norm's momentum",
    "batch norm's running variance biased",
    "gelu approximate",
    "concat in another order",
    "padding on one side",
    "average pooling counts the padding",
    "groups interleaved",
    "aux weight dropped",
)
"""What every backend is tried with."""


@dataclass(frozen=True)
class Fault:
    """Every match of a pattern replaced; `carried` is put before the program's classes."""

    pattern: str
    replacement: str
    carried: str = ""

    def plant(self, program: Program) -> Program:
        """The program with the fault, the same where nothing matches."""
        text, count = re.subn(self.pattern, self.replacement, program.text)
        if count and self.carried:
            text = re.sub(r"(?m)^class ", f"{self.carried.strip()}\n\n\nclass ", text, count=1)
        return replace(program, text=text)


NETS = {
    "windows": net(
        """input(4x9x10) conv(3, 2, 6, pad=1, groups=2) maxpool(2, 2) avgpool(3, 1, pad=1)
        global_avgpool fc(4) softmax"""
    ),
    "vectors": net(
        """input(3x5x4) conv(3, 1, 4, pad=1) leaky_relu(0.2)
        mul { | skip | skip | skip | skip } relu6 fc(6) sigmoid fc(3) hardsigmoid fc(3) softmax"""
    ),
    "normalised": net(
        """input(4x6x5) conv(1, 1, 6) bn lrn(3, alpha=0.5) layernorm gelu conv(1, 1, 5)
        bn(momentum=0.01, eps=0.1) layerscale(0.5) softmax fc(3) softmax"""
    ),
    "branches": net(
        """input(4x6x5) conv(1, 1, 6) concat { | tanh | part(1, 3) | conv(1, 1, 4) } shuffle(3)
        tile(2) add { | skip | silu } fc(3) softmax"""
    ),
    "heads": net(
        """input(3x6x5) conv(3, 1, 4) relu aux(weight = 0.3) { fc(4) softmax }
        conv(1, 1, 5) aux(weight = 0.2) { fc(4) softmax } fc(4) softmax"""
    ),
    "towers": net(
        """input(4x6x5) towers(2) { conv(3, 1, 4) relu lrn(3, alpha=0.5) deconv(2x3, 2, 3)
        crop(1x0) fc(4) } fc(3) softmax"""
    ),
}
"""Nets that have what the faults are about, and go on running where a map's size changes."""
