"""Nets that tests share: the zoo's, and small ones that use what the language has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from archc.driver import check, setting
from archc.ir import Graph
from archc.parser import read
from archc.source import Source

ROOT = Path(__file__).parent.parent
SPECS = sorted((ROOT / "specs").glob("*.arch"))
GOOGLENET = ROOT / "specs" / "googlenet.arch"


def net(body: str, blocks: str = "", params: str = "") -> Graph:
    """A graph of a net with this body."""
    return check(Source("test.arch", f"net test{params} {{ {body} }}\n{blocks}"))


def spec(path: Path, settings: Mapping[str, str] | None = None) -> Graph:
    """The graph of a file."""
    values = {name: setting(name, text) for name, text in (settings or {}).items()}
    return check(read(path, path.name), values)


INCEPTION = """
block inception(n1, r3, n3, r5, n5, pp) {
  concat {
    | conv(1, 1, n1) relu
    | conv(1, 1, r3) relu  conv(3, 1, n3, pad=same) relu
    | conv(1, 1, r5) relu  conv(5, 1, n5, pad=same) relu
    | maxpool(3, 1, pad=same)  conv(1, 1, pp) relu
  }
}
"""

SMALL: dict[str, Graph] = {
    "alexnet": net(
        """input(3x35x35)
        towers(2) { conv(5, 2, 6) relu lrn(5) maxpool(3, 2)  conv(5, 1, 8, pad=2) relu lrn(3) }
        towers(2) { conv(3, 1, 6, pad=1) relu  conv(3, 1, 4, pad=1) relu maxpool(3, 2) }
        towers(2) { fc(16) relu dropout(0.5) fc(10) relu }
        fc(classes) softmax""",
        params="(classes = 7)",
    ),
    "inception": net(
        """input(3x24x24)
        conv(7, 2, 8, pad=3) relu maxpool(3, 2, round=up) lrn(5)
        a: inception(4, 3, 5, 2, 3, 4)
        aux(weight = 0.3) { avgpool(3, 2) conv(1, 1, 5) relu fc(6) relu dropout(0.7) fc(n) softmax }
        b: inception(2, 2, 3, 2, 4, 3)
        aux(weight = 0.2) { avgpool(3, 2) conv(1, 1, 5) relu fc(6) relu dropout(0.7) fc(n) softmax }
        global_avgpool dropout(0.4) fc(n) softmax""",
        INCEPTION,
        params="(n = 5)",
    ),
    "vgg": net(
        """input(3x18x21)
        one: { c3(4) c3(6) maxpool(2, 2) }
        two: { c3(8) c3(8) maxpool(2, 2) }
        fc(12) relu dropout(0.5) fc(3) softmax""",
        "block c3(n) { conv(3, 1, n, pad=same) relu }",
    ),
    "towers of everything": net(
        """input(4x13x11)
        towers(3) {
          maxpool(3, 2, pad=1)
          concat { | conv(1, 1, 2) relu | conv(3, 1, 4, pad=same, groups=2, bias=false) tanh }
          avgpool(2, 1, count_pad=true, pad=1) sigmoid
          pair(2)
          softmax
        }
        towers(2) { relu conv(1x3, 1x2, 5, pad=0x1) lrn(3, k=1, alpha=0.5) }
        towers(2) { fc(6) fc(4) tanh }
        fc(3, bias=false) softmax""",
        "block pair(k) { conv(1, 1, 2*k) relu conv(1, 1, k + 1) }",
    ),
    "odd windows": net(
        """input(2x17x14)
        conv(3x5, 2x1, 6, pad=1x2, groups=2) sigmoid
        avgpool(3, 2, pad=1, round=up)
        maxpool(2x3, 3x2, pad=1, round=up)
        concat { | avgpool(3, 1, pad=same, count_pad=true) | conv(1, 1, 4) tanh | tile(2) }
        lrn(3, k=1, alpha=0.01, beta=0.5)
        conv(1, 1, 4) global_avgpool softmax""",
    ),
    "blocks in blocks": net(
        """input(3x9x9)
        outer(3, 2) outer(4, 5)
        fc(10) tanh
        concat { | fc(4) relu | fc(3) }
        conv(1, 1, 6) relu
        head(n, 3)""",
        """
        block outer(a, b) { inner(a + b) inner(a * 2, b - 1) maxpool(2, 1) }
        block inner(n, p = 1) { conv(3, 1, n, pad=p) relu conv(1, 1, in * 2) relu }
        block head(n, m) { fc(n * m) dropout(0.1) fc(n) softmax }
        """,
        params="(n = 4)",
    ),
    "modern": net(
        """input(4x9x10)
        conv(3, 1, 6, bias=false) bn relu6 conv(3, 1, 8) layernorm gelu
        conv(1, 1, 8) bn(eps=0.001, momentum=0.01) leaky_relu(0.2) shuffle(4) layerscale(0.5)
        concat { | part(0, 2) hardswish | part(3, 4) silu droppath(0.1) }
        towers(2) {
          conv(1, 1, 8) bn layernorm
          concat { | part(1, 2) | part(0, 4) gelu(approximate=true) }
          shuffle(3) layerscale hardsigmoid
        }
        fc(12) bn shuffle(3) relu fc(3) softmax"""
    ),
    "residual": net(
        """input(3x9x9) conv(3, 1, 8, pad=1, bias=false) bn relu
        first: res(8) res(8)  down(12, 2)
        add {
          | mul { | skip | global_avgpool sigmoid }
          | mul { | conv(1, 1, 12) | add { | skip | tanh } }
        }
        global_avgpool fc(5) softmax""",
        """
        block res(n) {
          add {
            | conv(3, 1, n, pad=1, bias=false) bn relu  conv(3, 1, n, pad=1, bias=false) bn
            | skip
          } relu
        }
        block down(n, s) {
          add {
            | conv(3, s, n, pad=1, bias=false) bn relu  conv(3, 1, n, pad=1, bias=false) bn
            | conv(1, s, n, bias=false) bn
          } relu
        }
        """,
    ),
    "squeeze and excite": net(
        """input(3x8x8) conv(3, 1, 16) hardswish se() conv(1, 1, 8) se(3)
        fc(6) mul { | skip | fc(6) sigmoid } fc(4) softmax""",
        """block se(c = in // 4, n = in) {
          mul { | skip | global_avgpool conv(1, 1, c) relu conv(1, 1, n) hardsigmoid }
        }""",
    ),
    "split and shuffle": net(
        """input(3x9x9) conv(3, 1, 12)
        split { | skip | conv(1, 1, 6) relu conv(3, 1, 6, pad=same, groups=6) } shuffle(2)
        unit() split { | relu | tanh | skip } fc(5) softmax""",
        "block unit(n = in // 2) { split { | skip | conv(1, 1, n) } shuffle(2) }",
    ),
    "skips from afar": net(
        """input(1x13x12)
        e1: { conv(3, 1, 4, pad=1) relu } maxpool(2, 2, round=up)
        e2: { conv(3, 1, 8, pad=1) relu } conv(3, 1, 8, pad=1)
        concat { | from(e2) | skip } conv(1, 1, 6)
        concat { | from(e2) relu | from(maxpool1) conv(1, 1, 2) | skip } dense(3) dense(4)
        b: maxpool(2, 2) add { | skip | from(b) } conv(1, 1, 2) softmax""",
        "block dense(k) { concat { | skip | bn relu x: conv(1, 1, k) y: relu | from(x) tanh } }",
    ),
    "towers with skips": net(
        """input(4x9x9)
        towers(2) {
          add { | skip | conv(3, 1, 4, pad=1) } a: relu tile(2) conv(1, 1, 4)
          split { | skip | conv(1, 1, 2) } shuffle(2) concat { | from(a) | skip }
        }
        mul { | from(a) conv(1, 1, 16) | skip }
        towers(2) {
          concat { | global_avgpool | fc(4) conv(1, 1, 2) tile(3) mul { | skip | skip } }
          fc(3) tile(2) conv(1, 1, 1)
        }
        fc(5) softmax"""
    ),
    "u-net": net(
        """input(2x44x12)
        e1: double(3) maxpool(2, 2) e2: double(4) maxpool(2, 2) double(5)
        up1: deconv(2, 2, 4) concat { | from(e2) crop(4x0) | skip } double(4)
        up2: deconv(2, 2, 3, bias=false) concat { | from(e1) crop([16, 0]) | skip } double(4)
        odd: deconv(3x4, 2x3, 2 * c, pad=1x0, groups=2) relu crop(0x1)
        deconv(2x5, 3x2, w, pad=1x6) crop(0) conv(1, 1, 2) softmax""",
        "block double(n) { conv(3, 1, n, pad=0x1) relu conv(3, 1, n, pad=0x1) relu }",
        params="(c = 4, w = 4)",
    ),
    "towers that go up": net(
        """input(3x7x6)
        towers(2) {
          deconv(3, 2, 4) relu  deconv(2x3, 1x2, 6, pad=0x2, groups=2)
          concat { | crop(1) deconv(3, 1, 2, bias=false) | crop(0) }
        }
        towers(3) { crop(2x1) deconv(1, 2, 2) add { | skip | tanh } }
        deconv(2, 1, 4, groups=2) rise(2) rise(3, s=2)
        towers(2) { global_avgpool deconv(3, 2, 4) conv(3, 1, 2) fc(4) } fc(3) softmax
        recipe {
          init { conv, deconv, fc: normal(0, 0.1), bias 0; conv, deconv: he; rise1, fc2: he }
          optimizer sgd(0.1) batch 8 epochs 1
        }""",
        "block rise(k, s = 1) { deconv(k, s, 2 * k, pad=k // 2) relu crop(1x0) }",
    ),
    "no weights": net("input(3x6x6) maxpool(2, 2) relu global_avgpool softmax"),
    "a map": net("input(3x6x7) conv(3, 1, 5, pad=same) softmax"),
    "stages": net(
        """input(3x9x9)
        conv(3, 1, 4, pad=1, bias=false) bn relu
        repeat(len(depths)) as i { stage(depths[i], widths[i], 1 + min(i, 1)) }
        repeat(2) { c: conv(1, 1, 5) d: { relu bn } }
        global_avgpool fc(5) softmax""",
        """
        block stage(n, w, s) { basic(w, s) repeat(n - 1) { basic(w) } }
        block basic(n, s = 1) {
          add {
            | conv(3, s, n, pad=1, bias=false) bn relu  conv(3, 1, n, pad=1, bias=false) bn
            | if in != n or s != 1 { conv(1, s, n, bias=false) bn }
          } relu
        }""",
        params="(depths = [3, 1, 2], widths = [4, 6, 8])",
    ),
    "growing": net(
        """input(3x8x8) conv(3, 1, 4, pad=1)
        dense(3, 2) bn dense(2, 2) dense(1, 4) repeat(4) as j { unit(2 + j) } repeat(0) { relu }
        repeat(3) { unit(3) } global_avgpool fc(4) softmax""",
        """block dense(n, k) { repeat(n) { unit(k) } conv(1, 1, 2 * k) }
        block unit(k) {
          concat { | skip | bn relu conv(1, 1, 4 * k) relu conv(3, 1, k, pad=1) }
        }""",
    ),
    "ops as parameters": net(
        """input(3x19x19) unit(4) unit(6, leaky_relu(0.2)) unit(4, skip) unit(4, tanh, layernorm)
        repeat(2) { pair(hardswish, 5) } pool(3) pool(5) cut(2) cut(3) tall(2)
        tall(3) drop(0.3) unit2(unit)
        global_avgpool fc(4) softmax""",
        """block unit(n, act = relu, norm = bn) { conv(1, 1, n) norm act }
        block pair(act, n) { unit(n, act) unit(n, act = act) }
        block pool(k) { maxpool(k, 1, pad=same) }
        block cut(k, g = k, b = k > 2) { maxpool(k, 2, pad=1) conv(1, 1, 6, groups=g - 1, bias=b) }
        block tall(k) { conv([k, 1], 1, 8) dropout(0.1 / k) }
        block drop(p) { dropout(p) lrn(3, alpha=p) }
        block unit2(f) { f(4) f(5, sigmoid) }""",
    ),
    "choices": net(
        """input(3x8x8) u(1) u(2) u(3) u(4) v(true) v(false) w(6) w(5)
        repeat(3) as i { if i == 1 { conv(3, 1, 4, pad=1) } else if i > 1 { tanh } else { bn } }
        flat(true) flat(false) fc(4) softmax""",
        """block u(n) {
          if n == 1 { conv(1, 1, 4) relu }
          else if n < 4 and not (n == 3) { conv(3, 1, 4, pad=1) bn }
          else { e: conv(1, 1, 3) conv(1, 1, 4) }
          conv(1, 1, in + n)
        }
        block v(deep) { if deep { relu } else { tanh } if not deep { conv(1, 1, 5) } conv(1, 1, 4) }
        block w(n) { concat { | if in > 4 or n == 5 { skip } else { conv(1, 1, n) relu } | skip } }
        block flat(on) { if on { fc(6) relu } else { fc(7) fc(6) } }""",
    ),
    "what is worked out": net(
        """input(3x8x8) conv(1, 1, 8) half() conv(1, 1, 16) half() part_of(8) part_of(16)
        outer(3) conv(1, 1, 12) outer(5) d(4) d(8) repeat(3) { grow(k) } fc(4) softmax""",
        """block half() { conv(1, 1, in/2) }
        block part_of(n) { conv(1, 1, n/2) dropout(n / 100) conv(1, 1, 4*ceil(n/3)) }
        block outer(n) { inner(ceil(in/4)) inner(n) inner(n, m=max(n, 4)) }
        block inner(n, m = in/4, s = n + m) { conv(1, 1, n) conv(1, 1, m) conv(1, 1, 4*s) }
        block d(n) { if in == n { add { | one(n) | skip } } else { one(n) } }
        block one(n) { conv(1, 1, n) relu }
        block grow(k) { concat { | skip | conv(1, 1, k) } }""",
        params="(k = 3)",
    ),
    "functions of the net": net(
        """input(3x8x7) after conv { act bn } conv(1, 1, k) own(sigmoid) own(silu)
        repeat(2) { act conv(1, 1, 4) } aux(weight = 0.3) { act fc(3) softmax }
        act fc(3) softmax""",
        "block own(act) { conv(3, 1, 4, pad=1) act }",
        params="(k = 5, act = tanh)",
    ),
    "what arrives in towers": net(
        """input(4x9x8)
        towers(3) {
          deconv(3, 1, 8, pad=in // 4) conv(1, 1, in // 2) relu part(0, in // 2) b() b(in)
        }
        towers(2) { repeat(2) { conv(1, 1, 6) tile(in // 3) } c(in // 3) }
        fc(3) softmax""",
        """block b(n = 2 * in) { if in > 3 { relu } else { tanh } conv(1, 1, n) drop(in / 20) }
        block drop(p) { dropout(p) lrn(3, alpha=p) }
        block c(k, m = in // 4) { conv(k, 1, m) maxpool(k // 2, 1) }""",
    ),
    "nothing in towers": net(
        """input(3x8x6)
        towers(2) { repeat(0) { relu } conv(1, 1, 2) } conv(1, 1, 3)
        towers(2) { repeat(0) { relu } } conv(1, 1, 3) b(0) b(1)
        towers(2) { concat { | skip | skip } add { | skip | skip } }
        towers(3) { add { | skip | skip } } conv(1, 1, 4) towers(3) { tile(2, towers=2) }
        fc(3) softmax""",
        """block b(n) {
          towers(2) { if n > 0 { relu } } conv(1, 1, 3) towers(3) { repeat(n) { tanh } }
        }""",
    ),
    "long sums": net(
        """input(3x8x6) conv(1, 1, 4)
        add { | split { | skip | skip } | relu6 | leaky_relu(0.1) }
        add { | act | lrn(3, beta=0.5) tanh | lrn(5, beta=0.5, alpha=0.01) sigmoid | conv(1, 1, 4) }
        fc(3) softmax""",
        params="(act = sigmoid)",
    ),
    "scaled": net(
        """input(4x13x12, width = 0.5) conv(5, 1, 12, pad=2) b8() conv(1, 1, 16) b8() fc(9) fc(3)
        softmax""",
        """block b6(n = 8, m = n // 4) { maxpool(1, stride=n // 8) conv(1, 1, n) conv(1, 1, m + 1) }
        block b8() { b6(2 * in) if in > 4 { relu } }""",
    ),
    "names of what programs use": net(
        """input(3x8x8) conv(1, 1, max(max, 4)) a(max, len) a(4, 3)
        repeat(3) as range_ { b(range_ + 2, 3) } repeat(3) as B { b(B + 2, 3) } c(9) c(7)
        fc(3) softmax""",
        """block a(max, range) { conv(1, 1, max(max, 4)) repeat(range) { b(max, range) } }
        block b(B, n) { conv(1, 1, B + min(n, B)) d(B) }
        block c(math) { conv(1, 1, ceil(math/2)) d(math) }
        block d(D) { conv(1, 1, D) relu }""",
        params="(max = 8, len = 2, range = 2, math = 6)",
    ),
    "names of what programs call": net(
        """input(3x6x6) __c: conv(1, 1, Conv) b(3) b(5, 4) __call__() __call__()
        aux(weight = 0.3) { fc(AuxHead) softmax } fc(Linear) fc(AuxHead) softmax""",
        """block b(Conv, BatchNorm = 6) { conv(1, 1, Conv) bn fit(BatchNorm) layerscale(0.5) }
        block fit(Linear) { conv(1, 1, Linear) }
        block __call__() { __d: { conv(1, 1, in, groups=2) } relu }""",
        params="(Conv = 4, Linear = 5, AuxHead = 3)",
    ),
    # In float64 the gradient of its input ends the process, unless XLA is kept from simplifying.
    "one window": net("input(2x3x4) conv(3x2, 3x2, 6, pad=1, groups=2) conv(1, 1, 3) softmax"),
}
