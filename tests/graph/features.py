"""Specs that use what the language has, in all the ways that writing it out must bear."""

from __future__ import annotations

FEATURES = {
    "repeat": """net r(n = 2, widths = [4, 8]) {
      input(3x16x16)
      s1: repeat(n) { res(widths[0]) }
      repeat(len(widths)) as i { conv(3, 1, widths[i], pad=same) bn relu }
      s2: repeat(2) as i { c: conv(1, 1, 2 * i + 4) relu }
      repeat(0) { fc(3) } s3: repeat(0) { fc(3) }
      repeat(2) as i { repeat(i + 1) as j { conv(1, 1, 4 + i + j) } }
      global_avgpool fc(widths[1]) softmax
      expect s1.output == 4x16x16
      expect s1.0.output == 4x16x16
      expect s1.1.conv1.output == 4x16x16
      expect s1.0.params > 4 * 4
      expect s2.1.c.params == 4 * 6 + 6
      expect s1.macs > repeat2.macs / 2
      expect repeat2.output == repeat2.1.output
      expect repeat6.1.repeat1.1.params == 5 * 6 + 6
      expect s3.output == 6x16x16
      expect s3.params == 0
      expect fc1.params == widths[1] * (6 + n - 1)
    }
    block res(n) {
      add { | conv(3, 1, n, pad=1) relu | if in != n { conv(1, 1, n) } else { skip } } relu
    }""",
    "if": """net i(deep = false, k = 2) {
      input(3x8x8)
      if k > 3 { conv(3, 1, 4) } else if k == 2 { x: conv(3, 1, 5) relu } else { tanh }
      if deep { relu } else { skip }
      if deep { fc(3) }
      a: act(6, deep) b: act(5, not deep)
      if k == 2 and in == 5 { g: { if deep { tanh } else { sigmoid } } }
      add { | if deep { conv(1, 1, 5) } else { skip } | if not deep { conv(1, 1, 5) } }
      if k == 2 { aux(weight = 0.1 * k) { fc(2) softmax } }
      if deep { from(x) } else { from(a) } relu
      fc(2) softmax
      expect x.output == 5x6x6
      expect a.params == (5 + 1) * 6
    }
    block act(n, wide) { if n == 6 { conv(1, 1, n) } else { conv(1, 1, n) if wide { relu } } }""",
    "defaults and after": """net d(p = 2) {
      "With shorthand"
      input(3x32x32)
      defaults { maxpool(2, p) conv(pad=same) lrn(5) }
      after conv, fc but last { bn relu }
      after add { tanh }
      conv3-8 conv3-10 maxpool LRN c: conv(3, 2, 16, bias=false)
      add { | skip | conv3x1-16 } ResNorm
      b(12) b(12)
      FC-20 FC-4 soft-max
      expect bn1.params == 16
      expect c.output == 16x8x8
      expect b2.relu1.output == 12x8x8
      recipe {
        init {
          conv: he assumed "me", bias 0; fc: normal(0, 0.01 * p) assumed "you";
          c, b1: bias 1; b2: zeros
        }
        optimizer sgd(lr = 0.1 / p assumed "us", momentum = 0.5)
        schedule step(p, factor = 0.5) assumed "them"
        augment { resize(36) random_crop(input, pad=p - 2) assumed "all" flip scale(1/255) }
        batch 2 * p assumed "it"
        epochs p
      }
    }
    block b(n) { conv(1, 1, n) }""",
    "ops as parameters": """net o(act = relu, drop = dropout(0.2)) {
      input(3x9x9)
      m(leaky_relu(0.1), c3) m(act, c1) m(tanh, skip)
      x: pool(maxpool) y: pool(avgpool)
      drop fc(4) act softmax
      expect m1.leaky_relu1.output == 3x9x9
      expect m1.c3_1.params == 6 * (3*3*3 + 1)
      expect y.output == 6x2x2
      recipe { init { m1: he; y: zeros; x, m2: bias 1 } optimizer sgd(lr = 1) batch 1 epochs 1 }
    }
    block m(act, k) { act k act concat { | act | skip } }
    block c3() { conv(3, 1, 6, pad=same) }
    block c1() { conv(1, 1, 2) }
    block pool(p) { conv(1, 1, 6) p(2, 2) }""",
    "labels that clash": """net l {
      input(3x20x20)
      conv6: conv(3, 1, 4) y: relu
      a: b() b() c: b()
      conv(1, 1, 4) conv(1, 1, 4)
      n: nest() nest()
      repeat(2) { x: conv(1, 1, 4) y: relu concat { | from(x) | from(y) | skip } conv(1, 1, 4) }
      fc(2) softmax
      expect conv6.output == 4x18x18
      expect conv3.output == 4x18x18
      expect a.x.output == 2x18x18
      expect n.b1.x.params == c.x.params
      expect nest2.params < n.params
      expect repeat1.0.x.params == 16
      recipe {
        init {
          conv: he; a.x, conv3: zeros; n.b1, b2: bias 2; repeat1: bias 3; conv6, repeat1.1: ones
        }
        optimizer sgd(lr = 1) batch 1 epochs 1
      }
    }
    block b() { x: conv(1, 1, 2) relu conv: conv(1, 1, 4) concat { | from(x) | from(relu1) } }
    block nest() { b() conv(1, 1, 4) conv9: conv(1, 1, 3) }""",
    "towers": """net t {
      input(4x9x9)
      towers(2) {
        if in == 4 { skip } else { relu }
        a: conv(1, 1, 4) add { | skip | from(a) relu | b(4) }
        concat { | if in == 1 { tanh } else { skip } | tile(2) }
        split { | skip | sp: { } conv(1, 1, 3) from(sp) relu }
      }
      t: towers(3) { repeat(2) { conv(1, 1, 2) } lrn(1) }
      towers(2) { if true { skip } }
      mul { | from(a) conv(1, 1, 12) | from(t) tile(2) }
      fc(3) softmax
      expect t.output == 6x9x9
      expect a.output == 8x9x9
    }
    block b(n) { c: conv(1, 1, n) concat { | from(c) part(0, 2) | part(1, 2) } }""",
    "from": """net f {
      input(3x8x8) begin: { }
      from(begin) conv(1, 1, 3) relu
      x: conv(1, 1, 3) add { | from(begin) | skip | from(relu1) tanh }
      aux(weight = 1) { here: { } relu add { | from(here) | tanh } from(relu1) fc(2) softmax }
      dense(4) dense(5) from(x)
      split { | skip } concat { | from(dense1) | from(dense2) | from(x) } from(concat1)
      concat { | relu from(x) | from(dense2) } fc(3) softmax from(softmax1)
    }
    block dense(k) { start: { } bn relu conv(1, 1, k) e: { concat { | skip | from(start) } } }""",
    "width": """net w(k = 8) {
      input(3x16x16, width = 0.5)
      conv3-8 se(in) if in == 8 { conv(1, 1, k * 2) } conv(3, 1, in, groups=in, pad=1)
      fc(10) softmax
      expect params < 30K
      expect conv3.output == 8x16x16
    }
    block se(c) {
      mul { | skip | global_avgpool conv(1, 1, c // 4) relu conv(1, 1, c) sigmoid }
    }""",
    "assumed": """net a {
      "Values of nobody"
      input(3x8x8)
      conv(3, 1 assumed "one", 4, bias=true assumed "two") b(3 assumed "three") b(3)
      aux(weight = 0.3 assumed "four") { fc(2) softmax }
      l: { repeat(2) { b(4 assumed "five") } } concat { | b(3 assumed "six") | skip }
      fc(2) softmax
      recipe {
        # What nobody says.
        optimizer sgd(lr = 0.1 assumed "seven")  # at all
        batch 3 epochs 4 assumed "eight"
      }
    }
    block b(n) { conv(1, 1, n, bias=false assumed "nine") relu }""",
}  # fmt: skip
